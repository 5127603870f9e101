package org.quern.examples;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.data.Header;
import org.quern.run.Prediction;
import org.quern.run.RowPredictor;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Training;
import org.quern.train.Evaluation;

/**
 * Learns prices from records, saves the model, and asks it for the prices of others.
 *
 * <p>{@code Records MODEL} writes the file MODEL (safetensors).
 */
public final class Records {
    private Records() {}

    enum Kind {
        FLAT,
        HOUSE,
        VILLA
    }

    /** A home that was sold; how old it was is not always known. */
    record Sale(int id, double area, Integer age, Kind kind, boolean garden, double price) {}

    /** A home that is for sale. */
    record Offer(double area, Integer age, Kind kind, boolean garden) {}

    /** Trains, tests, saves, loads and predicts. */
    public static void main(String[] arguments) {
        if (arguments.length == 0) {
            System.err.println("Records MODEL: say which file to write");
            System.exit(2);
        }
        Path file = Path.of(arguments[0]);

        Header columns = Header.of(Sale.class).without("id").target("price");
        Dataset sales = Dataset.ofRows("sales", columns, sales(4_000)::iterator);
        RunSettings settings =
                RunSettings.DEFAULT
                        .with(Setting.MODEL, "dense 32 relu, dense 16 relu, dense 1")
                        .with(Setting.EPOCHS, 60)
                        .with(Setting.EARLY_STOPPING, 10);
        try (Training training = Training.open(sales, settings)) {
            training.notes().forEach(note -> System.out.println("note: " + note));
            training.fit();
            Evaluation test = training.test();
            System.out.printf("R2 %.4f%n", test.r2());
            System.out.printf("mean absolute error %.0f%n", test.mae());
            training.model().save(file);
        }

        try (RowPredictor model = RowPredictor.open(file)) {
            Prediction villa = model.predict(new Offer(240, 12, Kind.VILLA, true));
            System.out.printf("a villa for %.0f%n", villa.number());
            List<Offer> offers =
                    List.of(
                            new Offer(60, 30, Kind.FLAT, false),
                            new Offer(60, null, Kind.FLAT, false));
            for (Prediction flat : model.predictAll(offers)) {
                System.out.printf("a flat for %.0f%n", flat.number());
            }
            Prediction castle = model.predict(new Offer(9_000, 800, Kind.VILLA, true));
            castle.notes().forEach(note -> System.out.println("note: " + note));
        }
    }

    private static Stream<Sale> sales(int count) {
        Random random = new Random(1);
        return IntStream.range(0, count)
                .mapToObj(
                        id -> {
                            Kind kind = Kind.values()[random.nextInt(3)];
                            double area = 40 + 60 * (kind.ordinal() + random.nextDouble());
                            int age = random.nextInt(80);
                            boolean garden = kind != Kind.FLAT && random.nextBoolean();
                            double price = area * (4_000 - 20 * age);
                            price += kind == Kind.VILLA ? 200_000 : garden ? 50_000 : 0;
                            boolean known = random.nextInt(10) > 0;
                            return new Sale(id, area, known ? age : null, kind, garden, price);
                        });
    }
}
