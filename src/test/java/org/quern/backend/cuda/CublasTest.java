package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.plan.Op;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;

/** The kernel cases of products with cuBLAS, and what tensor cores round away. */
class CublasTest {
    private static Backend.Options cublas(Backend.Precision precision) {
        return Backend.Options.DEFAULT.with(Backend.Gemm.CUBLAS).with(precision);
    }

    @TestFactory
    Stream<DynamicTest> everyProductInFloat32() {
        Backend cuda = Usable.named("cuda");
        return AwkwardCases.all().stream()
                .filter(one -> one.op().isProduct())
                .map(
                        one ->
                                DynamicTest.dynamicTest(
                                        one.name(),
                                        () ->
                                                assertThat(
                                                                one.check(
                                                                        cuda,
                                                                        cublas(
                                                                                Backend.Precision
                                                                                        .FP32)))
                                                        .isEmpty()));
    }

    /**
     * With both factors rounded to p bits, each product is off by at most 2u + u² of itself, u =
     * 2⁻ᵖ; what float32 adds to that is far less.
     */
    @ParameterizedTest
    @EnumSource(
            value = Backend.Precision.class,
            names = {"TF32", "BF16"})
    void factorsAreRoundedAndNothingElse(Backend.Precision precision) {
        Backend cuda = Usable.named("cuda");
        double u = precision == Backend.Precision.TF32 ? 0x1p-11 : 0x1p-8;
        double worst = 0;
        int seen = 0;
        for (KernelCase one : AwkwardCases.all()) {
            if (!(one.op() instanceof Op.DenseBackwardWeights op)) {
                continue;
            }
            float[] arena = one.inputs();
            float[] dw = new float[(int) op.dw().size()];
            try (Executor executor = cuda.open(one.plan(), cublas(precision))) {
                executor.write(new org.quern.plan.Slice("arena", 0, 1, arena.length), arena, 0);
                Steps log = one.steps();
                one.run(executor, log);
                executor.read(op.dw(), dw, 0);
            }
            int in = op.dw().rows();
            int out = op.dw().columns();
            for (int i = 0; i < in; i += 7) {
                for (int j = 0; j < out; j++) {
                    double sum = 0;
                    double magnitude = 0;
                    for (int b = 0; b < one.rows(); b++) {
                        double product =
                                (double) arena[(int) op.x().offset() + b * in + i]
                                        * arena[(int) op.dy().offset() + b * out + j];
                        sum += product;
                        magnitude += Math.abs(product);
                    }
                    double error = Math.abs(dw[i * out + j] - sum);
                    double allowed = (2 * u + u * u + one.rows() * 0x1p-24) * magnitude;
                    assertThat(error).as(one.name()).isLessThanOrEqualTo(allowed);
                    worst = magnitude == 0 ? worst : Math.max(worst, error / magnitude);
                    seen++;
                }
            }
        }
        assertThat(seen).isGreaterThan(1000);
        assertThat(worst).as("of the bound").isGreaterThan(u / 2);
    }
}
