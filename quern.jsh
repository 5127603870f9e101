// Quern in jshell, from a clone in which ./quern --version has built the jar:
//
//     jshell -R--enable-native-access=ALL-UNNAMED --class-path target/quern.jar quern.jsh
//
// It imports what the tutorial's programs use, and defines mnist() and save(picture, file).

import javax.imageio.ImageIO;
import org.quern.data.*;
import org.quern.model.*;
import org.quern.report.Show;
import org.quern.run.*;
import org.quern.train.*;

/** MNIST, from where ./quern data fetch mnist has put it. */
Splits mnist() {
    return DataReader.read(Mnist.find(System.getenv()).orElseThrow(
            () -> new IllegalStateException("MNIST is not here: run ./quern data fetch mnist")));
}

/** Writes what Show makes: pictures as a PNG file, charts as an SVG file. */
void save(Object picture, String file) throws IOException {
    if (picture instanceof java.awt.image.BufferedImage image) {
        ImageIO.write(image, "png", new File(file));
    } else {
        Files.writeString(Path.of(file), (String) picture);
    }
}
