package org.quern.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
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
import org.quern.data.Dataset;
import org.quern.plan.Plan;

/** Whole training steps on a resident data set: shuffle, dropout, Adam and metrics included. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class StepBenchmark {
    /** Steps that one call of the executor runs. */
    static final int STEPS = 50;

    @Param({"cpu", "java"})
    String backend;

    @Param({"tutorial", "wide"})
    String net;

    @Param({"1", "2"})
    int threads;

    private Executor executor;
    private DeviceDataset data;
    private Plan plan;
    private Steps steps;
    private long next;

    /** Opens the executor and brings the data to it. */
    @Setup(Level.Trial)
    public void open() {
        plan = Workload.valueOf(net.toUpperCase(java.util.Locale.ROOT)).plan();
        Dataset digits = Workload.digits();
        executor = Backends.choose(backend).backend().open(plan, new Backend.Options(threads));
        executor.write(plan.state(), plan.initialState(1), 0);
        data = executor.upload(digits);
        steps = new Steps(1, STEPS);
        next = 0;
    }

    /** {@value #STEPS} steps; divide by that for one. */
    @Benchmark
    public float fiftySteps() {
        steps.select(next, STEPS, plan.optimizer(), step -> 1e-3);
        executor.train(data, steps);
        next += STEPS;
        return steps.losses()[STEPS - 1];
    }

    /** Mean loss of the last call's steps, for a test of what is measured. */
    float meanLoss() {
        float sum = 0;
        for (float loss : steps.losses()) {
            sum += loss;
        }
        return sum / (STEPS * plan.batch());
    }

    /** What it runs on, for the same. */
    String device() {
        return executor.device();
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
        data.close();
        executor.close();
    }
}
