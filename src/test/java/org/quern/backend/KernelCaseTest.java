package org.quern.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;

/** Every kernel case on every backend that can run here. */
class KernelCaseTest {
    @TestFactory
    Stream<DynamicContainer> everyCaseOnEveryBackend() {
        return Usable.backends().stream()
                .map(
                        backend ->
                                DynamicContainer.dynamicContainer(
                                        backend.name(), tests(backend, AwkwardCases.all())));
    }

    private static Stream<DynamicTest> tests(Backend backend, List<KernelCase> cases) {
        return cases.stream()
                .map(
                        c ->
                                DynamicTest.dynamicTest(
                                        c.name(),
                                        () ->
                                                assertThat(c.check(backend, new Backend.Options(2)))
                                                        .isEmpty()));
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
