package org.quern.backend.java;

import static org.quern.QuernException.given;

import java.util.Arrays;
import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Guard;
import org.quern.backend.Limits;
import org.quern.plan.Plan;

/** Float32 in plain Java 17: no native code, nothing to install, one thread. */
public final class JavaBackend implements Backend {
    @Override
    public String name() {
        return "java";
    }

    @Override
    public int priority() {
        return 50;
    }

    @Override
    public boolean onHost() {
        return true;
    }

    @Override
    public Availability availability() {
        return new Availability(
                true, "plain Java on " + System.getProperty("java.vm.name") + ", 1 thread");
    }

    @Override
    public Executor open(Plan plan, Options options) {
        given(options, "options").checkNoDevice(name());
        return new Guard(new JavaExecutor(given(plan, "plan")));
    }

    @Override
    public Optional<Limits> limits(Options options) {
        given(options, "options").checkNoDevice(name());
        return Optional.of(new JavaLimits());
    }

    /**
     * {@link System#arraycopy} and the loop that C2 makes the most multiply-adds of, on one thread:
     * {@value #DEEP} of them a value while it is in a register, many values side by side. {@link
     * Math#fma} is slow where the processor has no such instruction; the kernels do not use it.
     */
    private static final class JavaLimits implements Limits {
        private static final int LARGEST = 64 << 20;
        private static final int DEEP = 16;
        private static final int VALUES = 2048;

        private final float[] values = new float[VALUES];
        private float[] from = {};
        private float[] to = {};

        @Override
        public long largestCopy() {
            return LARGEST;
        }

        @Override
        public void copy(long bytes, int times) {
            int count = (int) (Math.min(bytes, LARGEST) / Float.BYTES);
            if (from.length < count) {
                from = new float[count];
                to = new float[count];
                Arrays.fill(from, 0.75f);
            }
            for (int i = 0; i < times; i++) {
                System.arraycopy(from, 0, to, 0, count);
            }
        }

        @Override
        public double multiplyAdd(int times) {
            for (int i = 0; i < times; i++) {
                chain(values, 0.5f, 0.5f);
            }
            return 2.0 * DEEP * VALUES * times;
        }

        private static void chain(float[] x, float a, float b) {
            for (int i = 0; i < x.length; i++) {
                float v = x[i];
                v = (((v * a + b) * a + b) * a + b) * a + b;
                v = (((v * a + b) * a + b) * a + b) * a + b;
                v = (((v * a + b) * a + b) * a + b) * a + b;
                v = (((v * a + b) * a + b) * a + b) * a + b;
                x[i] = v;
            }
        }
    }
}
