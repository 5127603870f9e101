package org.quern.examples;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.data.Header;
import org.quern.run.Prediction;
import org.quern.run.RowPredictor;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Training;

/**
 * Learns from a database which customers leave, and writes into it who will.
 *
 * <p>{@code Jdbc [URL]} makes the table in a database of H2's, in memory if no URL is given; with
 * the driver of another database on the class path, that would do as well.
 */
public final class Jdbc {
    private static final int CUSTOMERS = 3_000;

    private Jdbc() {}

    /** Trains on the customers of whom it is known, and predicts the others. */
    public static void main(String[] arguments) throws SQLException {
        String url = arguments.length > 0 ? arguments[0] : "jdbc:h2:mem:shop";
        try (Connection database = DriverManager.getConnection(url)) {
            fill(database);
            Header columns =
                    Header.columns()
                            .number("age", "orders", "spent")
                            .category("country")
                            .label("has_left");
            RunSettings settings =
                    RunSettings.DEFAULT
                            .with(Setting.MODEL, "dense 16 relu, dense 2")
                            .with(Setting.EPOCHS, 30);
            Dataset customers;
            String known = "select * from customers where has_left is not null order by id";
            try (Statement query = database.createStatement();
                    ResultSet rows = query.executeQuery(known)) {
                customers = Dataset.ofRows("customers", columns, stream(rows)::iterator);
            }
            try (Training training = Training.open(customers, settings)) {
                training.fit();
                System.out.printf("test accuracy %.4f%n", training.test().accuracy());
                try (RowPredictor model = new RowPredictor(training.model())) {
                    System.out.printf("customers that will leave: %d%n", ask(model, database));
                }
            }
        }
    }

    /** Writes for each customer of whom it is not known how probable it is that they leave. */
    private static int ask(RowPredictor model, Connection database) throws SQLException {
        String unknown = "select * from customers where has_left is null";
        String update = "update customers set risk = ? where id = ?";
        int leaving = 0;
        try (Statement query = database.createStatement();
                ResultSet rows = query.executeQuery(unknown);
                PreparedStatement write = database.prepareStatement(update)) {
            for (Map<String, Object> row = next(rows); row != null; row = next(rows)) {
                Prediction prediction = model.predict(row);
                leaving += prediction.label().equals("true") ? 1 : 0;
                write.setFloat(1, prediction.value("true"));
                write.setObject(2, row.get("id"));
                write.addBatch();
            }
            write.executeBatch();
        }
        return leaving;
    }

    /** The rows of a result, one after the other, as they are read. */
    private static Stream<Map<String, Object>> stream(ResultSet rows) {
        return Stream.iterate(next(rows), Objects::nonNull, row -> next(rows));
    }

    /**
     * The next row by the names of its columns, of which a database may change the case; or null.
     */
    private static Map<String, Object> next(ResultSet rows) {
        try {
            Map<String, Object> row = rows.next() ? new LinkedHashMap<>() : null;
            for (int c = 1; row != null && c <= rows.getMetaData().getColumnCount(); c++) {
                String name = rows.getMetaData().getColumnLabel(c).toLowerCase(Locale.ROOT);
                row.put(name, rows.getObject(c));
            }
            return row;
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void fill(Connection database) throws SQLException {
        try (Statement statement = database.createStatement()) {
            statement.execute(
                    "create table customers (id int primary key, age int, orders int not null,"
                            + " spent decimal(9, 2) not null, country varchar(2) not null,"
                            + " has_left boolean, risk real)");
        }
        Random random = new Random(1);
        String[] countries = {"DE", "FR", "IT"};
        String insert = "insert into customers values (?, ?, ?, ?, ?, ?, null)";
        try (PreparedStatement row = database.prepareStatement(insert)) {
            for (int id = 0; id < CUSTOMERS; id++) {
                int orders = random.nextInt(30);
                double spent = orders * 20 * random.nextDouble();
                String country = countries[random.nextInt(3)];
                boolean left = orders < 8 || country.equals("IT") && spent < 150;
                row.setInt(1, id);
                row.setObject(2, random.nextInt(5) == 0 ? null : 18 + random.nextInt(60));
                row.setInt(3, orders);
                row.setDouble(4, spent);
                row.setString(5, country);
                row.setObject(6, id % 10 == 0 ? null : left);
                row.addBatch();
            }
            row.executeBatch();
        }
    }
}
