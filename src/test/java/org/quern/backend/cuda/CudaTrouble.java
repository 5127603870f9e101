package org.quern.backend.cuda;

import java.nio.ByteBuffer;
import java.util.List;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.check.KernelCase;
import org.quern.backend.check.KernelCases;
import org.quern.backend.check.RoundedFactors;
import org.quern.backend.kernel.Call;
import org.quern.backend.kernel.Device;

/**
 * Does one thing to the simulator, in a process of its own, for {@link PlantedFaultTest}: runs
 * kernel cases, or misuses the device. Prints what is thrown.
 */
final class CudaTrouble {
    private CudaTrouble() {}

    public static void main(String[] arguments) {
        try {
            switch (arguments[0]) {
                case "cases" -> cases(arguments[1]);
                case "leak" -> leak();
                case "freed" -> freed();
                case "arguments" -> wrongArguments();
                case "early" -> readTooEarly();
                default -> throw new IllegalArgumentException(arguments[0]);
            }
        } catch (RuntimeException e) {
            System.out.println(e.getMessage());
        }
    }

    private static void cases(String words) {
        boolean bf16 = words.startsWith("bf16 ");
        String prefix = bf16 ? words.substring(5) : words;
        Backend cuda = bf16 ? new CudaBackend(Epilogues.ALWAYS) : new CudaBackend();
        Backend.Options options = Backend.Options.DEFAULT;
        for (KernelCase one : KernelCases.all()) {
            if (!one.name().startsWith(prefix)) {
                continue;
            }
            if (bf16) {
                try (Executor executor =
                        cuda.open(one.plan(), options.with(Backend.Precision.BF16))) {
                    RoundedFactors.check(one, executor, 8, true).ifPresent(System.out::println);
                }
            } else {
                one.check(cuda, options.with(Backend.Gemm.OWN)).ifPresent(System.out::println);
            }
        }
    }

    private static Device device() {
        return new CudaBackend().device(Backend.Options.DEFAULT.with(Backend.Gemm.OWN));
    }

    private static void leak() {
        try (Device device = device()) {
            device.allocate(12_345, "what is forgotten");
        }
    }

    private static Call check(Device.Buffer values, Device.Buffer found, int count) {
        return new Call("finite_check", 1, 1, List.of(values, found, 0, count));
    }

    private static void freed() {
        Device device = device();
        Device.Buffer values = device.allocate(400, "values");
        Device.Buffer found = device.allocate(4, "found");
        Device.Launch launch = device.prepare(check(values, found, 100));
        device.release(values);
        device.run(launch);
        device.finish();
    }

    private static void wrongArguments() {
        Device device = device();
        Device.Buffer values = device.allocate(400, "values");
        device.run(device.prepare(new Call("finite_check", 1, 1, List.of(values, values, 0))));
    }

    /**
     * Fills pinned memory anew while its copy is still to come: what arrives is the later content.
     */
    private static void readTooEarly() {
        Device device = device();
        int wrong = 0;
        for (int i = 0; i < 50; i++) {
            Device.Slot slot = device.slot(4, "one number");
            slot.host().putInt(0, 1);
            slot.send(4);
            slot.host().putInt(0, 2); // too early: nobody waited
            slot.used();
            ByteBuffer got = device.staging().clear().limit(4);
            device.read(slot.device(), 0, got);
            wrong += got.getInt(0) == 1 ? 0 : 1;
        }
        System.out.println(wrong > 0 ? "seen" : "not seen");
    }
}
