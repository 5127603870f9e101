package org.quern.bench;

import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;
import org.quern.verify.ReferenceCheck;

/** The kernel cases of {@code quern bench kernels}, under JMH; each is checked first. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class KernelBenchmark {
    /** Runs in a row of one call. */
    static final int TIMES = 32;

    /** Names of the cases, {@link #parameter joined}. */
    @Param({
        "Gather-32x784",
        "DenseForward-32x784x48-relu-dropout-0.3",
        "DenseForward-32x48x15-linear-dropout-0.3",
        "DenseForward-32x15x10-linear",
        "CrossEntropy-32x10",
        "DenseBackwardWeights-32x15x10",
        "DenseBackwardInput-32x15x10-linear-dropout-0.3",
        "DenseBackwardWeights-32x48x15",
        "DenseBackwardInput-32x48x15-relu-dropout-0.3",
        "DenseBackwardWeights-32x784x48",
        "Metrics-32",
        "Adam-38592",
        "Gather-128x784",
        "DenseForward-128x784x800-relu-dropout-0.5",
        "DenseForward-128x800x800-relu-dropout-0.5",
        "DenseForward-128x800x10-linear",
        "CrossEntropy-128x10",
        "DenseBackwardWeights-128x800x10",
        "DenseBackwardInput-128x800x10-relu-dropout-0.5",
        "DenseBackwardWeights-128x800x800",
        "DenseBackwardInput-128x800x800-relu-dropout-0.5",
        "DenseBackwardWeights-128x784x800",
        "Metrics-128",
        "Adam-1276816",
        "CrossEntropy-128x1000",
        "DenseForward-128x784x800-gelu",
        "SquaredError-128x100-linear",
        "DenseBackwardInput-128x800x100-gelu",
        "Sgd-708112-momentum",
        "DenseForward-1x2500x2000-relu-inference",
        "Adam-11972560"
    })
    String kernel;

    @Param({"cpu", "java"})
    String backend;

    private KernelCase measured;
    private Executor executor;
    private DeviceDataset data;
    private Steps log;

    /** Opens the executor, brings inputs and data to it and checks what it computes. */
    @Setup(Level.Trial)
    public void open() {
        openUnchecked();
        Optional<String> wrong = ReferenceCheck.of(measured).check(executor);
        if (wrong.isPresent()) {
            throw new IllegalStateException(wrong.get());
        }
    }

    void openUnchecked() {
        measured =
                KernelCases.bench().stream()
                        .filter(one -> parameter(one).equals(kernel))
                        .findFirst()
                        .orElseThrow(() -> new IllegalArgumentException("no case " + kernel));
        executor =
                Backends.choose(backend).backend().open(measured.plan(), Backend.Options.DEFAULT);
        data = executor.upload(measured.data());
        log = measured.steps();
    }

    /** A case's name without blanks and commas, at which JMH would split it. */
    static String parameter(KernelCase kernel) {
        return kernel.name().replaceAll("[ ,]+", "-");
    }

    /** The case, {@value #TIMES} times in a row. */
    @Benchmark
    @OperationsPerInvocation(TIMES)
    public Steps kernel() {
        return kernel(TIMES);
    }

    Steps kernel(int times) {
        measured.run(executor, data, log, times);
        return log;
    }

    KernelCase measured() {
        return measured;
    }

    Executor executor() {
        return executor;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
        data.close();
        executor.close();
    }
}
