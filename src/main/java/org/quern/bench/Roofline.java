package org.quern.bench;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.function.LongSupplier;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Limits;
import org.quern.backend.Steps;
import org.quern.plan.Slice;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;

/**
 * What a device can do at most, measured there and then: the bandwidth of copies by how much memory
 * they touch, and its arithmetic. The best round counts, so that a kernel is not made to look good
 * by a limit that something else disturbed.
 */
public final class Roofline implements AutoCloseable {
    /** Operands of so many bytes together come from memory: few caches hold more. */
    public static final double FROM_MEMORY = 64 << 20;

    private static final long SMALLEST_COPY = 4096;
    private static final List<Integer> PRODUCTS = List.of(256, 512, 1024, 2048, 4096);

    private final BenchTarget target;
    private final LongSupplier nanoTime;
    private final Limits limits;

    /** Many short rounds: on a machine that others use, some of them are not disturbed. */
    private final Budget effort;

    private final Map<Long, Double> copies = new HashMap<>();
    private double flopsPerSecond;
    private String arithmetic = "multiply-adds in registers";

    /**
     * A device's limits; of a copy, what is read and written, of arithmetic, a multiplication and
     * an addition count as two. Smaller copies, by the bytes copied, stay in caches.
     */
    public record Figures(
            String backend,
            long copyBytes,
            double copyBytesPerSecond,
            double flopsPerSecond,
            String arithmetic,
            Map<Long, Double> cachedCopies) {}

    /** How a case's time relates to the limits of the device. */
    public record Bound(String kind, double seconds) {}

    private Roofline(BenchTarget target, Budget effort, LongSupplier nanoTime, Limits limits) {
        this.target = target;
        this.effort = effort.times(0.5, 0.25, 5);
        this.nanoTime = nanoTime;
        this.limits = limits;
    }

    /** Not measured yet; empty where the backend names no limits. */
    static Optional<Roofline> of(BenchTarget target, Budget effort, LongSupplier nanoTime) {
        Optional<Limits> found = target.backend().limits(target.options());
        return found.map(limits -> new Roofline(target, effort, nanoTime, limits));
    }

    /** Measures the large copy and the arithmetic: of products, where there is no loop for it. */
    Figures measure() {
        copyRate(2.0 * limits.largestCopy());
        double[] flops = new double[1];
        // a JIT compiler may have to compile the loop first
        Budget longer = effort.times(8, 1, 1);
        double fastest = least(longer, times -> flops[0] = limits.multiplyAdd(times) / times);
        flopsPerSecond = flops[0] / fastest;
        for (int n : flops[0] > 0 ? List.<Integer>of() : PRODUCTS) {
            KernelCase product = KernelCases.product(n);
            double seconds = least(product);
            double rate = product.operands().flops() / seconds;
            if (rate > flopsPerSecond) {
                flopsPerSecond = rate;
                arithmetic = "a product of %d x %d".formatted(n, n);
            }
            if (8 * seconds > effort.longestStep()) { // what the next would take
                break;
            }
        }
        return figures();
    }

    private double least(KernelCase product) {
        try (Executor executor = target.backend().open(product.plan(), target.options());
                DeviceDataset data = executor.upload(product.data())) {
            // random operands: zeros would draw less power, and so run faster than real data
            float[] inputs = product.inputs();
            for (Slice slice : product.operands().inputs()) {
                executor.write(slice, inputs, (int) slice.offset());
            }
            Steps log = product.steps();
            return least(effort, times -> product.run(executor, data, log, times));
        }
    }

    private double least(Budget budget, IntConsumer run) {
        return Timing.of(nanoTime, budget, run).least();
    }

    /** Bytes a second, read and written, of a copy that touches about as much memory. */
    private double copyRate(double touched) {
        long half = (long) Math.ceil(touched / 2);
        long step = Math.max(SMALLEST_COPY, Long.highestOneBit(half) / 4);
        long bytes = (half + step - 1) / step * step;
        return copies.computeIfAbsent(
                Math.min(bytes, limits.largestCopy()),
                size -> 2.0 * size / least(effort, times -> limits.copy(size, times)));
    }

    /**
     * The least time that the device's limits leave to a case: that of its traffic, and of a
     * product that of its arithmetic if it is longer. Elementary functions cost, but are no such
     * limit.
     */
    public Bound bound(KernelCase kernel) {
        double touched = kernel.workingSet();
        boolean large = touched >= FROM_MEMORY;
        double traffic = kernel.bytes() / copyRate(large ? 2.0 * limits.largestCopy() : touched);
        double arithmetic =
                kernel.op().isProduct() ? kernel.operands().flops() / flopsPerSecond : 0;
        return arithmetic > traffic
                ? new Bound("arithmetic", arithmetic)
                : new Bound(large ? "memory" : "cache", traffic);
    }

    Figures figures() {
        long largest = limits.largestCopy();
        Map<Long, Double> cached = new TreeMap<>(copies);
        double rate = cached.remove(largest);
        return new Figures(target.name(), largest, rate, flopsPerSecond, arithmetic, cached);
    }

    @Override
    public void close() {
        limits.close();
    }
}
