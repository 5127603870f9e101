package org.quern.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.random.Philox;

/**
 * One kernel at one shape: an op of a plan, the pass that it runs for, and how its inputs are
 * drawn; for parity tests, {@code quern doctor}, benchmarks and the table of kernels.
 *
 * @param name op and shapes, for instance {@code DenseForward 32x784x48 relu, dropout 0.3}
 * @param step the global step of a training pass
 * @param rows rows of the pass
 * @param data what Gather reads
 * @param spread inputs are drawn from (−spread, spread)
 */
public record KernelCase(
        String name,
        Plan plan,
        Op op,
        boolean training,
        long step,
        int rows,
        Dataset data,
        float spread) {
    private static final long SEED = 0x5EED_0F_CA5E5L;
    private static final int POISON = 0x7fc0dead;
    private static final float LEARNING_RATE = 0.01f;

    /**
     * What an op reads and writes, as far as the pass goes, and what that costs.
     *
     * @param flops see {@link Op#flops}
     * @param bytes least traffic with memory: every operand once, 4 bytes a value
     */
    public record Operands(List<Slice> inputs, List<Slice> outputs, double flops, double bytes) {}

    /** What is computed, without shapes: {@code DenseForward}, {@code Adam}. */
    public String kind() {
        return name.split(" ")[0];
    }

    public Operands operands() {
        List<Slice> in = op.first(rows, op.inputs());
        List<Slice> out = new ArrayList<>(op.first(rows, op.outputs()));
        if (training && op instanceof Op.Gather gather) {
            out.add(gather.targets().first(rows));
        }
        long values = Stream.of(in, out).flatMap(List::stream).mapToLong(Slice::size).sum();
        return new Operands(in, out, op.flops(rows), 4.0 * values);
    }

    /**
     * Runs the op on a backend, its inputs drawn and all other memory poisoned with NaN, and says
     * in one line what is wrong: outputs beyond their {@link Bounds}, or anything else written.
     */
    public Optional<String> check(Backend backend, Backend.Options options) {
        try (Executor executor = backend.open(plan, options)) {
            return check(executor);
        }
    }

    /** The same on an executor of {@link #plan}; its state is overwritten. */
    public Optional<String> check(Executor executor) {
        return new ReferenceCheck(this, inputs()).check(executor);
    }

    /** Least traffic with memory: that of the operands, and for Gather the rows of the data set. */
    public double bytes() {
        return operands().bytes() + dataBytes();
    }

    /** Bytes of memory that a run touches: every operand once, be it read, written or both. */
    public double workingSet() {
        Set<Slice> touched = new HashSet<>(operands().inputs());
        touched.addAll(operands().outputs());
        return dataBytes() + touched.stream().mapToDouble(slice -> 4.0 * slice.size()).sum();
    }

    private double dataBytes() {
        if (!(op instanceof Op.Gather gather)) {
            return 0;
        }
        int targets = training ? gather.targets().columns() : 0;
        return (double) rows * ((data.isPixels() ? 1 : 4) * gather.x().columns() + 4 * targets);
    }

    /** The whole arena before the op: its inputs drawn, the rest NaN. */
    public float[] inputs() {
        float[] arena = new float[Math.toIntExact(plan.arena())];
        Arrays.fill(arena, Float.intBitsToFloat(POISON));
        List<Slice> inputs = operands().inputs();
        for (int stream = 0; stream < inputs.size(); stream++) {
            Slice slice = inputs.get(stream);
            for (int i = 0; i < slice.size(); i++) {
                arena[(int) slice.offset() + i] = input(slice, stream, i);
            }
        }
        return arena;
    }

    /** Value {@code index} of a slice, input number {@code number} of the operands. */
    float input(Slice slice, int number, int index) {
        float unit = Philox.unit(Philox.word(SEED, number + 1, step, index));
        if (op instanceof Op.CrossEntropy o && slice.offset() == o.targets().offset()) {
            boolean isWeight = index % o.targets().columns() == 1;
            return isWeight ? 2 * unit : (int) (unit * o.logits().columns());
        }
        if (op instanceof Op.Metrics o && slice.offset() == o.hits().offset()) {
            return unit < 0.5f ? 0 : 1;
        }
        if (op instanceof Op.ElementwiseLoss o
                && o.form().isBinary()
                && slice.offset() == o.targets().offset()) {
            return KernelCases.probability(unit, index);
        }
        float value = spread * (2 * unit - 1);
        if (op instanceof Op.Update o
                && o.moments().contains(slice)
                && o.form().isSquare(o.moments().indexOf(slice))) {
            return value * value;
        }
        if (op instanceof Op.DenseBackwardInput o && slice.offset() == o.x().offset()) {
            return activated(o.activation(), unit, value);
        }
        if (op instanceof Op.ElementwiseLoss o && slice.offset() == o.y().offset()) {
            return activated(o.activation(), unit, value);
        }
        // zeros such as images and ReLU have
        boolean sparse = op instanceof Op.DenseForward o && slice.offset() == o.x().offset();
        sparse |= op instanceof Op.DenseBackwardWeights o && slice.offset() == o.x().offset();
        return sparse && index % 3 == 0 ? 0 : value;
    }

    /** What an activation gives: zeros of ReLU among them, tanh and sigmoid in their range. */
    private float activated(Activation activation, float unit, float value) {
        return switch (activation) {
            case RELU -> Math.max(0, value);
            case TANH -> (2 * unit - 1) * op.mask().scale();
            case SIGMOID -> unit * op.mask().scale();
            default -> value;
        };
    }

    /** Runs the op once on an executor, whatever its arena holds. */
    public void run(Executor executor, Steps log) {
        try (DeviceDataset resident = executor.upload(data)) {
            run(executor, resident, log, 1);
        }
    }

    /** Runs it so many times in a row on an executor that {@link #data} was uploaded to. */
    public void run(Executor executor, DeviceDataset resident, Steps log, int times) {
        executor.run(op, resident, pass(log), times);
    }

    public Steps steps() {
        Steps steps = new Steps(SEED, 1);
        return steps.select(step, 1, plan.optimizer(), s -> LEARNING_RATE);
    }

    StepContext pass(Steps log) {
        if (training) {
            return StepContext.training(log, new Batches(data.rows(), plan.batch()));
        }
        return StepContext.inference().rows(data.rows() - rows, rows);
    }

    Slice whole() {
        return new Slice("arena", 0, 1, Math.toIntExact(plan.arena()));
    }

    @Override
    public String toString() {
        return name;
    }
}
