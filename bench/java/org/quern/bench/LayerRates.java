package org.quern.bench;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.Gemm;
import org.quern.backend.gpu.KernelExecutor;
import org.quern.backend.gpu.Tiling;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Batches;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * The rate of a wide layer, forward and backward with bias, ReLU and their gradients, as a part of
 * cuBLAS's for the same three products alone: with our own kernels, with cuBLAS and passes after
 * it, with cublasLt's epilogues, and with what measures fastest. The layer is a hidden one, as wide
 * as those below and above, as a training step runs it; the products beside it have operands of the
 * same types, and nothing is done to them.
 */
final class LayerRates {
    private static final int ROUNDS = 9;
    private static final int MIDDLE = 1;
    private static final float LIMIT = 1 / 32f;

    private final boolean quick;
    private final ReportLines lines;
    private final int width;

    LayerRates(boolean quick, ReportLines lines) {
        this.quick = quick;
        this.lines = lines;
        width = quick ? 128 : 4096;
    }

    void measure() {
        for (Backend.Precision precision : Backend.Precision.values()) {
            Backend.Options options = Backend.Options.DEFAULT.with(precision);
            Backend.Options cublas = options.with(Backend.Gemm.CUBLAS);
            if (precision == Backend.Precision.FP32) {
                measure("own", new CudaBackend(), options.with(Backend.Gemm.OWN));
            }
            measure("cublas", Epilogues.NEVER.cuda(), cublas);
            measure("cublasLt", Epilogues.ALWAYS.cuda(), cublas);
            measure("fastest", new CudaBackend(), options);
        }
    }

    private void measure(String way, CudaBackend cuda, Backend.Options options) {
        int times = quick ? 1 : 10;
        String layers = "dense %d relu, dense %d relu, dense %d".formatted(width, width, width);
        Model model = ModelText.parse(Model.input(width), layers);
        Plan plan = Plan.of(model, Loss.MEAN_SQUARED_ERROR, new Optimizer.Sgd(0, 0), width);
        Dataset rows =
                Dataset.ofValues("rows", new int[] {width}, random()).withTargets(random(), width);
        Device device = cuda.device(options);
        Tiling.Choice tiling = Tiling.forUnits(device.computeUnits());
        try (KernelExecutor executor = new KernelExecutor(device, plan, tiling, options);
                DeviceDataset data = executor.upload(rows);
                Device.Launch layer = device.sequence(layer(device, executor, data), times);
                Operands operands = new Operands(device)) {
            List<Device.Launch> launches = operands.products();
            Device.Launch products = launches.isEmpty() ? null : device.sequence(launches, times);
            // in turn, so that both see the same clocks
            double[] ours = new double[ROUNDS];
            double[] theirs = new double[ROUNDS];
            for (int round = -2; round < ROUNDS; round++) {
                double first = seconds(device, layer) / times;
                double second = products == null ? 0 : seconds(device, products) / times;
                if (round >= 0) {
                    ours[round] = first;
                    theirs[round] = second;
                }
            }
            Arrays.sort(ours);
            Arrays.sort(theirs);
            add(way, options.precision(), ours[ROUNDS / 2], theirs[ROUNDS / 2]);
            if (products != null) {
                products.close();
            }
        }
    }

    /** Zeros would draw less power, and so run faster than real data. */
    private float[] random() {
        float[] values = new float[width * width];
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < values.length; i++) {
            values[i] = LIMIT * (2 * (float) random.nextDouble() - 1);
        }
        return values;
    }

    /** The middle layer's launches of a step, all of which has been run once. */
    private static List<Device.Launch> layer(
            Device device, KernelExecutor executor, DeviceDataset data) {
        executor.initialise(1);
        Plan plan = executor.plan();
        Plan.DenseSlices middle = plan.dense().get(MIDDLE);
        Steps steps = new Steps(1, 1).select(0, 1, plan.optimizer(), s -> 0);
        StepContext pass = StepContext.training(steps, new Batches(data.rows(), plan.batch()));
        List<Device.Launch> layer = new ArrayList<>();
        for (Op op : plan.training()) {
            if (op instanceof Op.Metrics) {
                continue; // it moves on to the next step
            }
            List<Device.Launch> launches = executor.launches(op, data, pass, false);
            launches.forEach(Device.Launch::run);
            if (op instanceof Op.DenseForward f && f.weights().equals(middle.weights())
                    || op instanceof Op.DenseBackwardWeights w && w.x().equals(middle.x())
                    || op instanceof Op.DenseBackwardInput i
                            && i.weights().equals(middle.weights())) {
                layer.addAll(launches);
            }
        }
        device.finish();
        return layer;
    }

    /** Matrices of the types that the layer's have, and the three products of them. */
    private final class Operands implements AutoCloseable {
        private final Device device;
        private final List<Device.Buffer> buffers = new ArrayList<>();
        private final List<Device.Launch> products = new ArrayList<>();

        Operands(Device device) {
            this.device = device;
        }

        /** What a library computes them by; empty if there is none. */
        List<Device.Launch> products() {
            if (device.library() == null) {
                return products;
            }
            boolean rounds = device.library().roundsFactors();
            Gemm.Operand x = random(rounds);
            Gemm.Operand w = random(rounds);
            Gemm.Operand dy = random(rounds);
            Gemm.Operand y = random(rounds);
            Gemm.Operand dw = random(false);
            product(x, w, y);
            product(x.transpose(), dy, dw);
            product(dy, w.transpose(), y);
            return products;
        }

        private void product(Gemm.Operand a, Gemm.Operand b, Gemm.Operand c) {
            Gemm product = new Gemm("layer", width, width, width, a, b, c);
            Device.Launch launch = device.library().product(product);
            if (launch != null) {
                products.add(launch);
            }
        }

        private Gemm.Operand random(boolean bfloat16) {
            int each = bfloat16 ? 2 : 4;
            float[] values = LayerRates.this.random();
            Device.Buffer buffer = device.allocate((long) each * values.length, "operands");
            buffers.add(buffer);
            for (int done = 0; done < values.length; ) {
                ByteBuffer staging = device.staging().clear();
                int end = Math.min(done + staging.capacity() / 4, values.length);
                long at = (long) each * done;
                for (; done < end; done++) {
                    if (bfloat16) {
                        staging.putShort((short) (Float.floatToRawIntBits(values[done]) >>> 16));
                    } else {
                        staging.putFloat(values[done]);
                    }
                }
                device.write(buffer, at, staging.flip());
            }
            return new Gemm.Operand(buffer, 0, width, bfloat16, false);
        }

        @Override
        public void close() {
            device.finish();
            products.forEach(Device.Launch::close);
            buffers.forEach(device::release);
        }
    }

    private static double seconds(Device device, Device.Launch sequence) {
        long started = System.nanoTime();
        sequence.run();
        device.finish();
        return (System.nanoTime() - started) * 1e-9;
    }

    private void add(String way, Backend.Precision precision, double ours, double theirs) {
        double flops = 6.0 * width * width * width;
        String name = precision.name().toLowerCase(Locale.ROOT);
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("precision", name);
        result.put("way", way);
        result.put("width", width);
        result.put("micros", ours * 1e6);
        result.put("tflops", flops / ours * 1e-12);
        if (theirs > 0) {
            result.put("productsAloneMicros", theirs * 1e6);
            result.put("part", theirs / ours);
        }
        lines.add("layer", result);
        GpuReport.say(
                "layer of %d, batch %d, %s, %-8s %9.1f us, %7.2f TFLOP/s%s",
                width,
                width,
                name,
                way,
                ours * 1e6,
                flops / ours * 1e-12,
                theirs > 0
                        ? ", %.1f %% of cuBLAS's products alone".formatted(100 * theirs / ours)
                        : "");
    }
}
