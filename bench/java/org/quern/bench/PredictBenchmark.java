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
import org.quern.data.Dataset;
import org.quern.plan.Plan;

/** The tutorial network's outputs for 10,000 resident rows, and for one row from the host. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class PredictBenchmark {
    private static final int ROWS = 10_000;

    @Param({"cpu", "java"})
    String backend;

    private Executor executor;
    private DeviceDataset data;
    private Dataset one;
    private float[] outputs;

    /** Opens the executor and brings the data to it. */
    @Setup(Level.Trial)
    public void open() {
        Plan plan = Workload.TUTORIAL.plan();
        executor = Backends.choose(backend).backend().open(plan, new Backend.Options(1));
        executor.write(plan.state(), plan.initialState(1), 0);
        data = executor.upload(Workload.digits());
        one = Workload.digits().select(new int[] {3});
        outputs = new float[ROWS * plan.outputSize()];
    }

    /** Rows 0 to 9,999. */
    @Benchmark
    public float[] tenThousandRows() {
        executor.infer(data, 0, ROWS, outputs);
        return outputs;
    }

    /** Row 3, from an array on the host. */
    @Benchmark
    public float[] oneRow() {
        executor.infer(one, outputs);
        return outputs;
    }

    /** What it runs on, for a test of what is measured. */
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
