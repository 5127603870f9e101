package org.quern.verify;

import java.util.List;
import java.util.Optional;
import org.quern.backend.Executor;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * The check of an elementwise case that is too large for the reference: every n-th value of its
 * inputs makes a case of a small network, which is what the outputs there are compared with.
 */
final class Sample implements Check {
    private static final int IN = 64;
    private static final int UNITS = 255;

    /** Inputs repeat after so many values, a prime; to draw each of them would take long. */
    private static final int PERIOD = 65_537;

    private final KernelCase kernel;
    private final KernelCase small;
    private final int size;
    private final int stride;
    private final float[][] values;
    private final Expectation expectation;

    Sample(KernelCase kernel) {
        this.kernel = kernel;
        Plan large = kernel.plan();
        Model model = ModelText.parse(Model.input(IN), "dense " + UNITS);
        Plan plan = Plan.of(model, large.loss(), large.optimizer(), 1);
        Op update = plan.training().get(plan.training().size() - 1);
        small =
                KernelCases.of(
                        plan,
                        update,
                        true,
                        kernel.step(),
                        1,
                        KernelCases.labelled(KernelCases.pixels(4, IN), UNITS),
                        kernel.spread());
        size = Math.toIntExact(plan.parameters().size());
        stride = Math.toIntExact(large.parameters().size() / size);
        values = draw(kernel);
        float[] arena = small.inputs();
        List<Slice> inputs = small.operands().inputs();
        for (int number = 0; number < inputs.size(); number++) {
            for (int i = 0; i < size; i++) {
                arena[(int) inputs.get(number).offset() + i] = values[number][i * stride % PERIOD];
            }
        }
        expectation = new Expectation(small, arena);
    }

    private static float[][] draw(KernelCase kernel) {
        List<Slice> inputs = kernel.operands().inputs();
        float[][] drawn = new float[inputs.size()][PERIOD];
        for (int number = 0; number < drawn.length; number++) {
            for (int i = 0; i < PERIOD; i++) {
                drawn[number][i] = kernel.input(inputs.get(number), number, i);
            }
        }
        return drawn;
    }

    @Override
    public Optional<String> check(Executor executor) {
        float[] slice = new float[Math.toIntExact(kernel.plan().parameters().size())];
        List<Slice> inputs = kernel.operands().inputs();
        for (int number = 0; number < inputs.size(); number++) {
            for (int i = 0; i < slice.length; i++) {
                slice[i] = values[number][i % PERIOD];
            }
            executor.write(inputs.get(number), slice, 0);
        }
        kernel.run(executor, kernel.steps());
        float[] after = small.inputs();
        for (int k = 0; k < kernel.operands().outputs().size(); k++) {
            executor.read(kernel.operands().outputs().get(k), slice, 0);
            int at = (int) small.operands().outputs().get(k).offset();
            for (int i = 0; i < size; i++) {
                after[at + i] = slice[i * stride];
            }
        }
        return expectation
                .compare(after)
                .map(
                        wrong ->
                                kernel
                                        + ", of which 1 value in "
                                        + stride
                                        + " is looked at: "
                                        + wrong);
    }

    @Override
    public String extent() {
        return "1 value in %d".formatted(stride);
    }
}
