package org.quern.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Usable;
import org.quern.backend.Wrapped;
import org.quern.backend.java.JavaBackend;
import org.quern.plan.Op;
import org.quern.plan.Slice;

/** The cases that are measured: which there are, and that all backends compute them. */
class KernelCasesTest {
    static Stream<Backend> backends() {
        return Usable.backends().stream();
    }

    /** Of the small ones; BenchmarkTest and the command check the others. */
    @ParameterizedTest
    @MethodSource("backends")
    void everyBackendComputesTheQuickOnes(Backend backend) {
        for (KernelCase one : KernelCases.quickBench()) {
            assertThat(one.check(backend, new Backend.Options(2))).isEmpty();
        }
    }

    @Test
    void everyKindOfOpIsMeasuredAndEachCaseHasAName() {
        List<KernelCase> all = KernelCases.bench();

        assertThat(all.stream().map(one -> one.op().getClass()).collect(Collectors.toSet()))
                .isEqualTo(new HashSet<>(Arrays.asList(Op.class.getPermittedSubclasses())));
        Set<String> names = all.stream().map(KernelCase::name).collect(Collectors.toSet());
        assertThat(names).hasSameSizeAs(all);
        assertThat(all.subList(0, KernelCases.quickBench().size()))
                .extracting(KernelCase::name)
                .isEqualTo(KernelCases.quickBench().stream().map(KernelCase::name).toList());
    }

    @Test
    void bytesAndWorkingSetCountEachOperand() {
        KernelCase gather = named("Gather 32x784");
        assertThat(gather.bytes()).isEqualTo(32.0 * (784 + 4 + 4 * 784 + 4));
        assertThat(gather.workingSet()).isEqualTo(gather.bytes());
        KernelCase forward = named("DenseForward 128x784x800 relu, dropout 0.5");
        assertThat(forward.bytes()).isEqualTo(4.0 * (128 * 784 + 784 * 800 + 800 + 128 * 800));
        assertThat(forward.operands().flops()).isEqualTo(2.0 * 128 * 784 * 800 + 3.0 * 128 * 800);
        KernelCase adam = named("Adam 11972560");
        assertThat(adam.bytes()).isEqualTo(28.0 * 11_972_560);
        assertThat(adam.workingSet()).isEqualTo(16.0 * 11_972_560);
    }

    private static KernelCase named(String name) {
        return KernelCases.bench().stream()
                .filter(one -> one.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new AssertionError(
                                        name
                                                + " is not among "
                                                + KernelCases.bench().stream()
                                                        .map(KernelCase::name)
                                                        .toList()));
    }

    /** The sample of a large case sees one wrong value in as many as it says. */
    @Test
    void aSampleFindsWhatIsWrong() {
        KernelCase adam = named("Adam 11972560");
        ReferenceCheck check = ReferenceCheck.of(adam);
        assertThat(check.extent()).isEqualTo("1 value in 722");
        try (Executor right = new JavaBackend().open(adam.plan(), Backend.Options.DEFAULT)) {
            assertThat(check.check(right)).isEmpty();
        }
        Slice m = ((Op.Update) adam.op()).moments().get(0);
        try (Executor wrong = wrongAt(adam, m, 722 * 9000)) {
            assertThat(check.check(wrong).orElseThrow())
                    .startsWith("Adam 11972560, of which 1 value in 722 is looked at: ")
                    .contains("moment 0[0, 9000] is ");
        }
        try (Executor wrong = wrongAt(adam, m, 722 * 9000 + 1)) {
            assertThat(check.check(wrong)).isEmpty();
        }
    }

    private static Executor wrongAt(KernelCase kernel, Slice where, int index) {
        return new Wrapped(new JavaBackend().open(kernel.plan(), Backend.Options.DEFAULT)) {
            @Override
            public void read(Slice slice, float[] target, int to) {
                super.read(slice, target, to);
                if (slice.equals(where)) {
                    target[to + index] *= 1.01f;
                }
            }
        };
    }
}
