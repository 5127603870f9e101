package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.bench.Epilogues;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.plan.Plan;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;
import org.quern.verify.ReferenceCheck;
import org.quern.verify.RoundedFactors;

/** Whole steps, and products in bfloat16, on the simulator with every load and store checked. */
@Tag("slow")
class CudaStepsCheckedTest {
    /** What is kept beside the arena for cuBLAS's products, with cublasLt and without. */
    @TestFactory
    Stream<DynamicTest> productsInBfloat16() {
        Usable.named("cuda");
        return AwkwardCases.all().stream()
                .filter(one -> one.name().startsWith("Dense") && one.operands().flops() < 1e5)
                .map(one -> DynamicTest.dynamicTest(one.name(), () -> inBfloat16(one)));
    }

    private static void inBfloat16(KernelCase one) {
        Backend.Options options = Backend.Options.DEFAULT.with(Backend.Precision.BF16);
        for (Epilogues epilogues : List.of(Epilogues.ALWAYS, Epilogues.NEVER)) {
            try (Executor executor = epilogues.cuda().open(one.plan(), options)) {
                assertThat(RoundedFactors.check(one, executor, 8, true)).isEmpty();
            }
        }
    }

    @Test
    void stepsByGraphWithAShortBatchAndStreamedData() {
        Backend cuda = Usable.named("cuda");
        KernelCase one = KernelCases.quick().get(0);
        Plan plan = one.plan();
        for (int memory = 0; memory < 2; memory++) {
            Dataset data = Digits.generate("digits", memory == 0 ? 101 : 1501, 0, 1);
            Plan digits =
                    Plan.of(
                            org.quern.model.ModelText.parse(
                                    org.quern.model.Model.input(28, 28),
                                    "dropout 0.1, dense 33 relu, dropout 0.3, dense 10"),
                            plan.loss(),
                            plan.optimizer(),
                            plan.batch());
            Backend.Options options =
                    Usable.deviceMemory(memory).with(Backend.Gemm.OWN).with(Backend.Engine.GRAPH);
            try (Executor executor = cuda.open(digits, options);
                    DeviceDataset resident = executor.upload(data)) {
                executor.initialise(1);
                Steps steps = new Steps(1, 45).select(0, 45, digits.optimizer(), s -> 1e-3);
                executor.train(resident, steps);
                assertThat(executor.finite(digits.state())).isTrue();
                assertThat(steps.losses()[44]).isLessThan(steps.losses()[0]);
                assertThat(ReferenceCheck.ofStep(executor, data, 1, 3)).isEmpty();
            }
        }
    }

    /** An epoch's last steps and the next one's first: pixels, dropped out, with a short batch. */
    @Test
    void fusedStepsOfACluster() {
        Backend cuda = Usable.named("cuda");
        Dataset data = Digits.generate("digits", 49, 0, 1);
        for (String layers :
                List.of(
                        "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10",
                        "dropout 0.1, dense 33 gelu, dropout 0.3, dense 10")) {
            Plan plan =
                    Plan.of(
                            org.quern.model.ModelText.parse(
                                    org.quern.model.Model.input(28, 28), layers),
                            org.quern.plan.Loss.CROSS_ENTROPY,
                            org.quern.plan.Optimizer.Adam.DEFAULT,
                            32);
            try (Executor executor =
                            cuda.open(plan, Backend.Options.DEFAULT.with(Backend.Engine.FUSED));
                    DeviceDataset resident = executor.upload(data)) {
                assertThat(executor.engine(data)).contains("by a cluster of 12 blocks");
                executor.initialise(1);
                Steps steps = new Steps(1, 4).select(1, 4, plan.optimizer(), s -> 1e-3);
                executor.train(resident, steps);
                assertThat(executor.finite(plan.state())).isTrue();
            }
        }
    }

    @AfterAll
    static void nothingWasReported() throws IOException {
        Path report = Path.of(System.getenv("QUERN_CUDASIM_REPORT"));
        assertThat(Files.exists(report) ? Files.readString(report) : "").isEmpty();
    }
}
