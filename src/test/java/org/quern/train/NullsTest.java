package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.plan.Loss;

/** Null for each argument of each public method of what programs begin with: never an NPE. */
class NullsTest {
    private static final Model MODEL = Model.input(28, 28).dense(10);
    private static final Dataset DIGITS = Digits.generate("digits", 20, 0, 1);
    private static final Backend JAVA = Usable.named("java");

    /** What other arguments are, found by their types. */
    private final List<Object> values =
            List.of(
                    "name",
                    DIGITS,
                    MODEL,
                    TrainingConfig.of(MODEL),
                    Loss.CROSS_ENTROPY,
                    JAVA,
                    Backend.Options.DEFAULT,
                    List.of(),
                    Evaluation.of(Loss.CROSS_ENTROPY, new float[200], DIGITS),
                    Trainer.open(TrainingConfig.of(MODEL), JAVA, Backend.Options.DEFAULT),
                    new Predictor(
                            MODEL,
                            Loss.CROSS_ENTROPY,
                            new float[7856],
                            JAVA,
                            Backend.Options.DEFAULT));

    private Object value(Class<?> type) {
        if (type.isPrimitive()) {
            return Array.get(Array.newInstance(type, 1), 0);
        }
        if (type.isArray()) {
            return Array.newInstance(type.getComponentType(), 1);
        }
        return values.stream().filter(type::isInstance).findAny().orElse(null);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                Dataset.class,
                Evaluation.class,
                Model.class,
                Predictor.class,
                Trainer.class,
                TrainingConfig.class
            })
    void noNullEndsInAnotherException(Class<?> type) throws Exception {
        int tried = 0;
        List<Executable> all =
                Stream.<Executable>concat(
                                Stream.of(type.getConstructors()),
                                Stream.of(type.getDeclaredMethods()))
                        .filter(one -> Modifier.isPublic(one.getModifiers()) && !one.isSynthetic())
                        .toList();
        for (Executable one : all) {
            Class<?>[] types = one.getParameterTypes();
            for (int i = 0; i < types.length; i++) {
                if (!types[i].isPrimitive()) {
                    Object[] arguments = Stream.of(types).map(this::value).toArray();
                    arguments[i] = null;
                    call(one, arguments);
                    tried++;
                }
            }
        }
        assertThat(tried).isGreaterThan(4);
        values.stream().filter(Trainer.class::isInstance).forEach(t -> ((Trainer) t).close());
        values.stream().filter(Predictor.class::isInstance).forEach(p -> ((Predictor) p).close());
    }

    private void call(Executable one, Object[] arguments) throws ReflectiveOperationException {
        try {
            if (one instanceof Method method) {
                method.invoke(value(one.getDeclaringClass()), arguments);
            } else {
                ((Constructor<?>) one).newInstance(arguments);
            }
        } catch (InvocationTargetException e) {
            assertThat(e.getCause()).as("%s", one).isInstanceOf(QuernException.class);
        }
    }
}
