package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.RealMnist;

class MnistTest {
    @TempDir Path folder;

    /** Four small files with MNIST's names. */
    private void write(Path to, int trainLabels) throws IOException {
        Files.createDirectories(to);
        Files.write(to.resolve("train-images-idx3-ubyte.gz"), IdxTest.gzip(IdxTest.idx(4, 2, 2)));
        Files.write(to.resolve("train-labels.idx1-ubyte"), IdxTest.idx(trainLabels));
        Files.write(to.resolve("t10k-images-idx3-ubyte"), IdxTest.idx(2, 2, 2));
        Files.write(to.resolve("t10k-labels-idx1-ubyte.gz"), IdxTest.gzip(IdxTest.idx(2)));
    }

    @Test
    void filesAreFoundUnderTheNamesInUse() throws IOException {
        write(folder, 4);
        Splits splits = DataReader.read(folder);
        assertThat(splits.train().rows()).isEqualTo(4);
        assertThat(splits.train().labels()).containsExactly(0, 1, 2, 3);
        assertThat(splits.test().rows()).isEqualTo(2);
        assertThat(splits.description()).isEqualTo(folder.toString()); // by their contents, others
        assertThat(splits.train().name()).isEqualTo(folder.getFileName() + " train");
        assertThat(Mnist.differing(folder)).hasSize(4);
    }

    @Test
    void countsMustFit() throws IOException {
        write(folder, 3);
        assertThatThrownBy(() -> DataReader.read(folder))
                .hasMessage(
                        "%s has 4 images, but %s has 3 labels: they do not belong together"
                                .formatted(
                                        folder.resolve("train-images-idx3-ubyte.gz"),
                                        folder.resolve("train-labels.idx1-ubyte")));
    }

    @Test
    void theVariableComesBeforeTheCache() throws IOException {
        Path cache = folder.resolve("cache");
        Map<String, String> environment = Map.of("XDG_CACHE_HOME", cache.toString());
        assertThat(Mnist.find(environment)).isEmpty();
        Path cached = Mnist.cacheFolder(environment);
        assertThat(cached).isEqualTo(cache.resolve("quern").resolve("mnist"));
        write(cached, 4);
        assertThat(Mnist.find(environment)).contains(cached);
        Path told = folder.resolve("told");
        write(told, 4);
        assertThat(
                        Mnist.find(
                                Map.of(
                                        "XDG_CACHE_HOME",
                                        cache.toString(),
                                        "QUERN_MNIST",
                                        told.toString())))
                .contains(told);
        assertThatThrownBy(() -> Mnist.find(Map.of("QUERN_MNIST", cache.toString())))
                .hasMessage(
                        "QUERN_MNIST is %s, which does not hold MNIST: no train-images-idx3-ubyte.gz,"
                                        .formatted(cache)
                                + " train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz,"
                                + " t10k-labels-idx1-ubyte.gz in it; unset it, or fetch MNIST there"
                                + " by quern data fetch mnist --to "
                                + cache);
    }

    @Test
    void theRealOneIsItself() {
        assertThat(Mnist.differing(RealMnist.folder())).isEmpty();
        Splits mnist = RealMnist.splits();
        assertThat(mnist.description()).isEqualTo("MNIST in " + RealMnist.folder());
        assertThat(mnist.train().name()).isEqualTo("MNIST train");
        assertThat(mnist.train().classes()).isEqualTo(Mnist.DIGITS);
        Statistics train = Statistics.of(mnist.train());
        assertThat(train.rows()).isEqualTo(60_000);
        assertThat(mnist.test().rows()).isEqualTo(10_000);
        // the figures that everybody normalises with
        assertThat(train.mean() / 255).isCloseTo(0.1307, within(5e-5));
        assertThat(train.deviation() / 255).isCloseTo(0.3081, within(5e-5));
        assertThat(train.nonZero()).isCloseTo(0.191, within(1e-3));
        assertThat(train.perClass())
                .containsExactly(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949);
    }
}
