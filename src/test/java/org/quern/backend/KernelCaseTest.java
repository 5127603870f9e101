package org.quern.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
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
    void everyKindOfOpHasACase() {
        TreeSet<String> kinds = new TreeSet<>();
        AwkwardCases.all().forEach(c -> kinds.add(c.op().getClass().getSimpleName()));
        assertThat(kinds)
                .containsExactly(
                        "Adam",
                        "CrossEntropy",
                        "DenseBackwardInput",
                        "DenseBackwardWeights",
                        "DenseForward",
                        "Gather",
                        "Metrics",
                        "Sgd",
                        "SquaredError");
    }

    @Test
    void quickCasesAreFewAndKnown() {
        assertThat(KernelCases.quick()).hasSizeBetween(10, 20);
    }
}
