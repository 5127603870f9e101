package org.quern.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.quern.QuernException;
import org.quern.plan.Plan;

/** Which backend is taken, and what is said of those that are not. */
@Tag("jdk")
class BackendsTest {
    private static final Backend.Options DEFAULT = Backend.Options.DEFAULT;
    private static final Backend WORKS = new Fake("works", null, null);

    /** Cannot be looked for, or cannot be made ready, or can. */
    private record Fake(String name, String absent, QuernException problem) implements Backend {
        @Override
        public int priority() {
            return 1;
        }

        @Override
        public Availability availability() {
            return new Availability(absent == null, absent == null ? "on " + name : absent);
        }

        @Override
        public void prepare(Options options) {
            if (problem != null) {
                throw problem;
            }
        }

        @Override
        public Executor open(Plan plan, Options options) {
            throw new AssertionError("nobody asked for it");
        }
    }

    private static Backend failing(QuernException.Kind kind) {
        return new Fake("failing", null, new QuernException(kind, "it does not compile"));
    }

    @ParameterizedTest
    @EnumSource(value = QuernException.Kind.class, mode = EnumSource.Mode.EXCLUDE, names = "USAGE")
    void autoGoesOnAndSaysWhy(QuernException.Kind kind) {
        List<Backend> all = List.of(new Fake("absent", "no driver", null), failing(kind), WORKS);
        Backends.Choice choice = Backends.choose(all, Backends.AUTO, DEFAULT);
        assertThat(choice.backend()).isSameAs(WORKS);
        assertThat(choice.text())
                .isEqualTo(
                        "works: on works (not absent: no driver; not failing: it does not compile)");
        assertThatThrownBy(() -> Backends.choose(all.subList(0, 2), Backends.AUTO, DEFAULT))
                .hasMessage(
                        "no backend can run here: absent: no driver; failing: it does not compile");
    }

    @Test
    void whatWasAskedForByNameIsNotReplaced() {
        Backend failing = failing(QuernException.Kind.BACKEND);
        List<Backend> all = List.of(failing, WORKS);
        assertThatThrownBy(() -> Backends.choose(all, "failing", DEFAULT))
                .hasMessage("it does not compile");
        Backend.Options named =
                new Backend.Options(
                        0,
                        "radeon",
                        0,
                        false,
                        Backend.Gemm.AUTO,
                        Backend.Precision.FP32,
                        null,
                        Backend.Engine.AUTO,
                        1);
        assertThatThrownBy(() -> Backends.choose(all, Backends.AUTO, named))
                .hasMessage("it does not compile");
    }

    /** Has one device, of its own name. */
    private static Backend withDevice(Backend backend, boolean host) {
        return new Backend() {
            @Override
            public String name() {
                return backend.name();
            }

            @Override
            public int priority() {
                return backend.priority();
            }

            @Override
            public boolean onHost() {
                return host;
            }

            @Override
            public Availability availability() {
                return backend.availability();
            }

            @Override
            public Availability availability(String device) {
                if (!host && !name().equals(device)) {
                    throw QuernException.usage("no such device of %s", name());
                }
                return backend.availability();
            }

            @Override
            public Executor open(Plan plan, Options options) {
                return backend.open(plan, options);
            }
        };
    }

    @Test
    void aDeviceIsLookedForOnEachBackendButTheHosts() {
        Backend first = withDevice(new Fake("first", null, null), false);
        Backend second = withDevice(new Fake("second", null, null), false);
        List<Backend> all = List.of(first, second, withDevice(WORKS, true));
        assertThat(Backends.choose(all, Backends.AUTO, DEFAULT.withDevice("second")).text())
                .isEqualTo("second: on second (not first: no such device of first)");
        assertThatThrownBy(() -> Backends.choose(all, Backends.AUTO, DEFAULT.withDevice("third")))
                .hasMessage("no such device of first");
    }

    @Test
    void aWrongOptionIsToldAndNotWorkedAround() {
        List<Backend> all = List.of(failing(QuernException.Kind.USAGE), WORKS);
        assertThatThrownBy(() -> Backends.choose(all, Backends.AUTO, DEFAULT))
                .hasMessage("it does not compile");
    }
}
