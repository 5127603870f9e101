package org.quern;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.data.Splits;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.run.RowPredictor;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Sweep;
import org.quern.run.SweepFolder;
import org.quern.train.Predictor;
import org.quern.train.TrainingConfig;

/**
 * Each argument of each public method that the Javadoc shows, in turn null, empty, negative, not a
 * number and as large as can be: the call goes well, or ends in a {@link QuernException}.
 */
class NullsTest {
    private static final Path SOURCES = Path.of("src/main/java");

    /** Compiled, not written: or for those who do not throw by contract. */
    private static final Set<String> NOT_OURS = Set.of("equals", "valueOf");

    /** What the Javadoc leaves out: of a class or method with that tag, the declaration. */
    private static final Pattern HIDDEN =
            Pattern.compile("@hidden\\s*\\*/\\s*(?:@\\w+\\s+)*([^;({]*)");

    private static final Pattern TYPE = Pattern.compile("(?:class|interface|record|enum) (\\w+)");

    @TempDir static Path folder;

    /** What other arguments are, by their types; made where they are wanted. */
    private static final Map<Class<?>, Object> VALUES = new HashMap<>();

    record Row(int number) {}

    @BeforeAll
    static void makeWhatTakesMoreThanAnyArguments() {
        Model model = Model.input(28, 28).dense(10);
        Backend java = Usable.named("java");
        Backend.Options options = Backend.Options.DEFAULT;
        float[] parameters = new float[7856];
        SavedModel saved =
                new SavedModel(model, Loss.CROSS_ENTROPY, parameters, List.of(), Map.of());
        Dataset digits = Digits.generate("digits", 40, 0, 1);
        Stream.of(
                        model,
                        saved,
                        digits,
                        Splits.of(digits),
                        new RowPredictor(saved, java, options),
                        new Predictor(model, Loss.CROSS_ENTROPY, parameters, java, options),
                        new Row(1))
                .forEach(value -> VALUES.put(value.getClass(), value));
        VALUES.put(Backend.class, java);
        RunSettings validated = RunSettings.DEFAULT.with(Setting.VALIDATION, 0.1);
        List<Sweep.Member> members = Sweep.members(validated, Map.of());
        SweepFolder sweep =
                SweepFolder.open(
                        folder.resolve("sweep"), members, Splits.of(digits), "quern", said -> {});
        VALUES.put(SweepFolder.class, sweep);
        VALUES.put(Executor.class, java.open(TrainingConfig.of(model).plan(), options));
        VALUES.put(Record.class, new Row(1));
        VALUES.put(Class.class, Row.class);
        VALUES.put(Object.class, "text");
        VALUES.put(Throwable.class, new IOException("an error"));
        VALUES.put(List.class, List.of());
        VALUES.put(Iterable.class, List.of());
        VALUES.put(Map.class, Map.of());
        VALUES.put(Set.class, Set.of());
        VALUES.put(String.class, "text");
        VALUES.put(PrintStream.class, new PrintStream(OutputStream.nullOutputStream()));
        VALUES.put(boolean.class, false);
        VALUES.put(char.class, 'c');
        VALUES.put(float.class, 0.5f);
        VALUES.put(double.class, 0.5);
    }

    @AfterAll
    static void close() throws Exception {
        for (Object value : VALUES.values()) {
            if (value instanceof AutoCloseable resource && !Proxy.isProxyClass(value.getClass())) {
                resource.close();
            }
        }
    }

    // ---- what there is
    // ------------------------------------------------------------------------------------------

    static List<Class<?>> shown() throws Exception {
        Matcher packages =
                Pattern.compile("<excludePackageNames>(.*)</")
                        .matcher(Files.readString(Path.of("pom.xml")));
        assertThat(packages.find()).isTrue();
        String names = packages.group(1).replace(".", "\\.").replace("*", ".*").replace(':', '|');
        Path root =
                Path.of(
                        QuernException.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI());
        List<Class<?>> all = new ArrayList<>();
        try (Stream<Path> files = Files.walk(root.resolve("org/quern"))) {
            for (Path file : (Iterable<Path>) files.sorted()::iterator) {
                String name = root.relativize(file).toString().replace('/', '.');
                if (name.matches(".*[^0-9]\\.class") && !name.endsWith("package-info.class")) {
                    Class<?> type = Class.forName(name.substring(0, name.length() - 6));
                    if (!type.getPackageName().matches(names) && isShown(type)) {
                        all.add(type);
                    }
                }
            }
        }
        assertThat(all).hasSizeGreaterThan(80);
        return all;
    }

    private static boolean isShown(Class<?> type) throws IOException {
        for (Class<?> one = type; one != null; one = one.getEnclosingClass()) {
            if (!Modifier.isPublic(one.getModifiers())
                    || hidden(type).contains(one.getSimpleName())) {
                return false;
            }
        }
        return true;
    }

    private static Set<String> hidden(Class<?> type) throws IOException {
        String file = type.getName().replaceAll("\\$.*", "").replace('.', '/') + ".java";
        Set<String> names = new HashSet<>();
        Matcher hidden = HIDDEN.matcher(Files.readString(SOURCES.resolve(file)));
        while (hidden.find()) {
            String declared = hidden.group(1).strip();
            Matcher named = TYPE.matcher(declared);
            names.add(named.find() ? named.group(1) : declared.replaceAll(".*\\s", ""));
        }
        return names;
    }

    private static List<Executable> callable(Class<?> type) throws IOException {
        Set<String> hidden = hidden(type);
        return Stream.<Executable>concat(
                        Stream.of(type.getConstructors()), Stream.of(type.getDeclaredMethods()))
                .filter(one -> Modifier.isPublic(one.getModifiers()) && !one.isSynthetic())
                .filter(one -> !NOT_OURS.contains(one.getName()) && !hidden.contains(one.getName()))
                .sorted(Comparator.comparing(Executable::toString))
                .toList();
    }

    // ---- arguments
    // ------------------------------------------------------------------------------------------

    private static Object value(Class<?> type) throws ReflectiveOperationException {
        if (!VALUES.containsKey(type)) {
            VALUES.put(type, null); // a type that needs itself has none
            VALUES.put(type, made(type));
        }
        return VALUES.get(type);
    }

    private static Object made(Class<?> type) throws ReflectiveOperationException {
        if (type.isPrimitive() || type.isArray()) {
            Object one = Array.newInstance(type.isArray() ? type.getComponentType() : type, 1);
            if (!type.isArray()) {
                Array.setByte(one, 0, (byte) 1);
                return Array.get(one, 0);
            }
            Array.set(one, 0, value(type.getComponentType()));
            return one;
        } else if (type == Path.class) {
            return folder.resolve("a folder to be");
        } else if (type.isEnum()) {
            return type.getEnumConstants()[0];
        }
        if (type.isSealed()) {
            return value(type.getPermittedSubclasses()[0]);
        } else if (type.isInterface()) {
            return Proxy.newProxyInstance(
                    NullsTest.class.getClassLoader(), new Class<?>[] {type}, NullsTest::answer);
        }
        Stream<Executable> ways =
                Stream.concat(
                        Stream.of(type.getConstructors()),
                        Stream.of(type.getMethods())
                                .filter(one -> Modifier.isStatic(one.getModifiers()))
                                .filter(one -> one.getReturnType() == type));
        for (Executable way :
                ways.sorted(
                                Comparator.comparing(Executable::getParameterCount)
                                        .thenComparing(Executable::toString))
                        .toList()) {
            try {
                return call(way, arguments(way));
            } catch (InvocationTargetException e) {
                assertThat(e.getCause()).isInstanceOf(QuernException.class); // then another
            }
        }
        throw new AssertionError("no way to make one of " + type);
    }

    private static Object answer(Object on, Method asked, Object[] arguments) throws Throwable {
        if (asked.getDeclaringClass() == Object.class) {
            return switch (asked.getName()) {
                case "equals" -> on == arguments[0];
                case "hashCode" -> 1;
                default -> "a proxy";
            };
        }
        return asked.isDefault()
                ? InvocationHandler.invokeDefault(on, asked, arguments)
                : asked.getReturnType() == void.class ? null : value(asked.getReturnType());
    }

    private static Object[] arguments(Executable one) throws ReflectiveOperationException {
        Object[] all = new Object[one.getParameterCount()];
        for (int i = 0; i < all.length; i++) {
            all[i] = value(one.getParameterTypes()[i]);
        }
        return all;
    }

    /** Values of a type that few calls are prepared for. */
    private static List<Object> strange(Class<?> type) {
        List<Object> all = new ArrayList<>();
        if (type == int.class) {
            return List.of(-1, 0, Integer.MIN_VALUE, Integer.MAX_VALUE);
        } else if (type == long.class) {
            return List.of(-1L, 0L, Long.MIN_VALUE, Long.MAX_VALUE);
        } else if (type == float.class) {
            return List.of(-1f, 0f, Float.NaN, Float.POSITIVE_INFINITY);
        } else if (type == double.class) {
            return List.of(-1., 0., Double.NaN, Double.POSITIVE_INFINITY);
        } else if (!type.isPrimitive()) {
            all.add(null);
        }
        if (type.isArray()) {
            all.add(Array.newInstance(type.getComponentType(), 0));
            if (!type.getComponentType().isPrimitive()) {
                all.add(Array.newInstance(type.getComponentType(), 1));
            }
        } else if (type == String.class) {
            all.add("");
        } else if (type == Map.class) {
            all.add(Collections.singletonMap(null, null));
        } else if (type.isAssignableFrom(List.class) && type != Object.class) {
            all.add(Collections.singletonList(null));
        }
        return all;
    }

    // ---- calls
    // ----------------------------------------------------------------------------------------------

    @ParameterizedTest
    @MethodSource("shown")
    void noArgumentEndsInAnotherException(Class<?> type) throws Exception {
        List<String> wrong = new ArrayList<>();
        for (Executable one : callable(type)) {
            for (int i = 0; i < one.getParameterCount(); i++) {
                for (Object strange : strange(one.getParameterTypes()[i])) {
                    Object[] arguments = arguments(one);
                    arguments[i] = strange;
                    Thread.currentThread().interrupt(); // 2^31 - 1 epochs would take their time
                    try {
                        if (call(one, arguments) instanceof AutoCloseable made
                                && !VALUES.containsValue(made)) {
                            made.close();
                        }
                    } catch (InvocationTargetException e) {
                        if (!(e.getCause() instanceof QuernException)) {
                            wrong.add(one + ", " + i + ": " + strange + ": " + e.getCause());
                        }
                    } finally {
                        Thread.interrupted();
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    private static Object call(Executable one, Object[] arguments)
            throws ReflectiveOperationException {
        if (one instanceof Constructor<?> constructor) {
            return constructor.newInstance(arguments);
        }
        Method method = (Method) one;
        boolean isStatic = Modifier.isStatic(method.getModifiers());
        Object on = isStatic ? null : value(one.getDeclaringClass());
        return method.invoke(on, arguments);
    }
}
