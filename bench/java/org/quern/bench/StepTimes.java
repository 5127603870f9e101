package org.quern.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.gpu.Device;
import org.quern.data.Dataset;
import org.quern.plan.Plan;

/**
 * Time of a network's training step on a backend by wall clock, over many steps in one call on a
 * resident data set; medians of rounds.
 */
final class StepTimes {
    private static final int WARM_UP = 2;
    private static final int ROUNDS = 9;

    private final Backend backend;
    private final Workload workload;
    private final boolean quick;
    private final ReportLines lines;
    private final Dataset digits;

    StepTimes(Backend backend, Workload workload, boolean quick, ReportLines lines) {
        this.backend = backend;
        this.workload = workload;
        this.quick = quick;
        this.lines = lines;
        digits = Workload.digits(quick ? 2048 : Workload.ROWS);
    }

    /** What can multiply there: beside our own kernels cuBLAS, if it opens. */
    private List<Backend.Gemm> gemms() {
        return backend instanceof CudaBackend cuda && hasCublas(cuda)
                ? List.of(Backend.Gemm.AUTO, Backend.Gemm.OWN, Backend.Gemm.CUBLAS)
                : List.of(Backend.Gemm.AUTO);
    }

    /** Whether cuBLAS opens, which is told. */
    static boolean hasCublas(CudaBackend cuda) {
        try (Device device = cuda.device(Backend.Options.DEFAULT.with(Backend.Gemm.CUBLAS))) {
            GpuReport.say("products: %s", device.description());
            return true;
        } catch (QuernException e) {
            if (QuernException.isDeviceLost(e)) {
                throw e;
            }
            GpuReport.say("products: %s", e.getMessage());
            return false;
        }
    }

    /**
     * On a GPU each engine, and by graph each way to multiply; on OpenCL's CPUs, which nobody
     * trains on and which take minutes to compile the fused kernel, no engine is asked for by name.
     *
     * @param engine the only one to take, or null for each
     */
    List<Backend.Options> ways(Backend.Engine engine) {
        boolean posing = backend.name().equals("opencl") && !backend.availability().automatic();
        if (backend.onHost() || posing) {
            return List.of(Backend.Options.DEFAULT);
        }
        List<Backend.Options> ways = new ArrayList<>();
        for (Backend.Engine one :
                List.of(
                        Backend.Engine.FUSED,
                        Backend.Engine.GRAPH,
                        Backend.Engine.TENSOR,
                        Backend.Engine.OPS)) {
            if (engine == null || engine == one) {
                for (Backend.Gemm gemm :
                        one == Backend.Engine.GRAPH ? gemms() : List.of(Backend.Gemm.AUTO)) {
                    ways.add(Backend.Options.DEFAULT.with(gemm).with(one));
                }
            }
        }
        return ways;
    }

    /** Times steps so, tells it, and adds it to the report. */
    void time(Backend.Options way) {
        Plan plan = workload.plan();
        int count = quick ? (workload == Workload.TUTORIAL ? 4 : 1) : backend.onHost() ? 400 : 1875;
        int rounds = quick ? 1 : ROUNDS;
        double[] micros = new double[rounds];
        String taken;
        try (Executor executor = backend.open(plan, way);
                DeviceDataset data = executor.upload(digits)) {
            executor.initialise(1);
            Steps steps = new Steps(1, count);
            for (int round = -WARM_UP; round < rounds; round++) {
                steps.select((round + (long) WARM_UP) * count, count, plan.optimizer(), s -> 1e-3);
                long started = System.nanoTime();
                executor.train(data, steps);
                if (round >= 0) {
                    micros[round] = (System.nanoTime() - started) * 1e-3 / count;
                }
            }
            // what the device had room for, which is known only now
            taken = executor.engine(digits) == null ? backend.name() : executor.engine(digits);
        } catch (QuernException e) {
            if (e.kind() != QuernException.Kind.USAGE) {
                throw e;
            }
            GpuReport.say(
                    "%s %s",
                    workload.label(), e.getMessage()); // this network is not trained so here
            return;
        }
        Arrays.sort(micros);
        double median = micros[rounds / 2];
        GpuReport.say(
                "%s %s gemm %s: %.2f us a step (%.2f to %.2f), %s",
                workload.label(),
                backend.name(),
                GpuReport.lower(way.gemm()),
                median,
                micros[0],
                micros[rounds - 1],
                taken);
        Map<String, Object> step = new LinkedHashMap<>();
        step.put("by", "Quern");
        step.put("backend", backend.name());
        step.put("simulated", !backend.availability().automatic());
        step.put("workload", workload.label());
        step.put("gemm", GpuReport.lower(way.gemm()));
        step.put("engine", taken);
        step.put("micros", median);
        step.put("least", micros[0]);
        step.put("most", micros[rounds - 1]);
        lines.add("step", step);
    }
}
