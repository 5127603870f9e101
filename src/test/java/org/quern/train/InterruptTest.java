package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.Executor;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.Scaling;

class InterruptTest {
    private static final Dataset DIGITS = Digits.generate("digits", 100, 0, 1);

    private static Trainer open() {
        return Trainer.open(
                TrainingConfig.of(Model.input(28, 28).scaled(Scaling.UNIT).dense(10)),
                Backends.choose("java").backend(),
                Backend.Options.DEFAULT);
    }

    /** Ctrl-C may come when training is about to begin: it must not be forgotten. */
    @Test
    void anInterruptJustBeforeTheFirstStepCounts() {
        try (Trainer trainer = open()) {
            trainer.interrupt();
            History history = trainer.fit(DIGITS, 2);

            assertThat(history.end()).isEqualTo(History.End.INTERRUPTED);
            assertThat(trainer.step()).isZero();
        }
    }

    @Test
    void anInterruptEndsOneFitOnly() {
        try (Trainer trainer = open();
                Trainer undisturbed = open()) {
            trainer.interrupt();
            trainer.fit(DIGITS, 2);

            assertThat(trainer.fit(DIGITS, 2).end()).isEqualTo(History.End.FINISHED);
            undisturbed.fit(DIGITS, 2);
            assertThat(trainer.state()).isEqualTo(undisturbed.state());
        }
    }

    /** As a pool does that shuts down; the flag is for others to see, too. */
    @Test
    void theThreadsOwnInterruptCounts() {
        try (Trainer trainer = open()) {
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict progress(Progress progress) {
                            Thread.currentThread().interrupt();
                            return Verdict.GO_ON;
                        }
                    });

            assertThat(trainer.fit(DIGITS, 2).end()).isEqualTo(History.End.INTERRUPTED);
            assertThat(trainer.step()).isEqualTo(1);
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    /** Which on a wide network takes longer than a step. */
    @Test
    void validationIsInterruptedAndDoneAgain() {
        Dataset many = Digits.generate("digits", 600, 0, 1);
        TrainingConfig config = TrainingConfig.of(Model.input(28, 28).dense(10));
        Backend java = Usable.named("java");
        AtomicBoolean interrupts = new AtomicBoolean(true);
        Backend interrupting =
                proxy(
                        Backend.class,
                        java,
                        (method, result) ->
                                method.equals("open")
                                        ? proxy(
                                                Executor.class,
                                                result,
                                                (call, got) -> {
                                                    if (call.equals("infer") && interrupts.get()) {
                                                        Thread.currentThread().interrupt();
                                                    }
                                                    return got;
                                                })
                                        : result);
        try (Trainer trainer = Trainer.open(config, interrupting, Backend.Options.DEFAULT);
                Trainer undisturbed = Trainer.open(config, java, Backend.Options.DEFAULT)) {
            assertThat(trainer.fit(DIGITS, many, 2).end()).isEqualTo(History.End.INTERRUPTED);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(trainer.step()).isEqualTo(4);
            assertThat(trainer.checkpoint().epochs()).isEmpty();

            interrupts.set(false);
            EpochResult first = trainer.fit(DIGITS, many, 2).epochs().get(0);
            History whole = undisturbed.fit(DIGITS, many, 2);
            assertThat(trainer.state()).isEqualTo(undisturbed.state());
            assertThat(first.validationLoss()).isEqualTo(whole.epochs().get(0).validationLoss());
            assertThat(first.loss()).isEqualTo(whole.epochs().get(0).loss());
            assertThat(first.stepMicros()).isZero();
        }
    }

    /** The same, but for what {@code after} makes of a method's result. */
    private static <T> T proxy(Class<T> type, Object of, BiFunction<String, Object, Object> after) {
        InvocationHandler calls =
                (self, method, arguments) ->
                        after.apply(method.getName(), method.invoke(of, arguments));
        Class<?>[] types = {type};
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), types, calls));
    }
}
