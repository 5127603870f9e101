package org.quern.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.verify.AwkwardCases;
import org.quern.verify.Expected;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;

/**
 * Every kernel case on every backend that can run here, with products of our own: those of cuBLAS
 * are CublasTest's. {@code -Dquern.backend=cuda} and {@code -Dquern.case="DenseForward 32x784x48"}
 * choose one backend, and the cases whose names begin so.
 */
@Tag("jdk")
class KernelCaseTest {
    @TestFactory
    Stream<DynamicContainer> everyCaseOnEveryBackend() {
        List<Backend> backends =
                Usable.backends().stream()
                        .filter(backend -> isChosen("quern.backend", backend.name()))
                        .toList();
        List<KernelCase> cases =
                AwkwardCases.all().stream()
                        .filter(one -> isChosen("quern.case", one.name()))
                        .toList();
        assertThat(backends).isNotEmpty();
        assertThat(cases).isNotEmpty();
        return cases.stream()
                .map(one -> DynamicContainer.dynamicContainer(one.name(), tests(one, backends)));
    }

    private static boolean isChosen(String property, String name) {
        return name.startsWith(System.getProperty(property, ""));
    }

    private static Stream<DynamicTest> tests(KernelCase one, List<Backend> backends) {
        Expected expected = new Expected(one);
        Backend.Options two = new Backend.Options(2);
        return backends.stream()
                .map(
                        backend ->
                                DynamicTest.dynamicTest(
                                        backend.name(),
                                        () ->
                                                expected.isGivenBy(
                                                        backend,
                                                        backend.onHost()
                                                                ? two
                                                                : two.with(Backend.Gemm.OWN))));
    }

    @Test
    void everyKindOfOpLossAndOptimizerHasACase() {
        List<KernelCase> all = AwkwardCases.all();
        assertThat(all.stream().map(one -> one.op().getClass()).collect(Collectors.toSet()))
                .isEqualTo(Set.of(Op.class.getPermittedSubclasses()));
        assertThat(all.stream().map(one -> one.plan().loss().kind()).distinct())
                .containsExactlyInAnyOrder(Loss.Kind.values());
        assertThat(all.stream().map(one -> one.plan().optimizer().kind()).distinct())
                .containsExactlyInAnyOrder(Optimizer.Kind.values());
    }

    @Test
    void quickCasesAreFewAndKnown() {
        assertThat(KernelCases.quick()).hasSizeBetween(10, 20);
    }
}
