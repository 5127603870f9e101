package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuModuleLoadData;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.List;
import jcuda.driver.CUmodule;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.Device;
import org.quern.bench.Epilogues;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;
import org.quern.verify.RoundedFactors;

/**
 * Does one thing to the simulator, in a process of its own, for {@link PlantedFaultTest} and {@link
 * CudaModuleTest}: runs kernel cases, loads kernels, or misuses the device. Prints what is thrown.
 */
final class CudaTrouble {
    private static final String WIDE = "dense 144 relu, dropout 0.3, dense 10";

    private CudaTrouble() {}

    public static void main(String[] arguments) throws IOException {
        try {
            switch (arguments[0]) {
                case "cases" -> cases(arguments[1]);
                case "all" -> allCases();
                case "fused" -> fused(Backend.Engine.FUSED, WIDE, 17);
                case "tensor" -> fused(Backend.Engine.TENSOR, WIDE, 17);
                case "shape" -> fused(Backend.Engine.FUSED, ModelText.TUTORIAL, 32);
                case "leak" -> leak();
                case "freed" -> freed();
                case "arguments" -> wrongArguments();
                case "early" -> readTooEarly();
                case "pieces" -> pieces(true);
                case "hasty" -> pieces(false);
                case "image" -> image();
                case "beside" -> sideBySide(Integer.parseInt(arguments[1]), arguments[2]);
                case "foreign" -> foreign(arguments[1]);
                default -> throw new IllegalArgumentException(arguments[0]);
            }
        } catch (RuntimeException e) {
            System.out.println(e.getMessage());
        }
    }

    private static void cases(String words) {
        boolean bf16 = words.startsWith("bf16 ");
        String prefix = bf16 ? words.substring(5) : words;
        Backend cuda = bf16 ? Epilogues.ALWAYS.cuda() : new CudaBackend();
        Backend.Options options = Backend.Options.DEFAULT;
        for (KernelCase one : AwkwardCases.all()) {
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

    /** Goes on with the next case whatever became of the last one, and counts. */
    private static void allCases() {
        int right = 0;
        int lost = 0;
        int other = 0;
        for (KernelCase one : AwkwardCases.all()) {
            try {
                right += one.check(new CudaBackend(), Backend.Options.DEFAULT).isEmpty() ? 1 : 0;
            } catch (RuntimeException e) {
                if (QuernException.isDeviceLost(e)) {
                    lost++;
                } else {
                    other++;
                    System.out.println(one + ": " + e);
                }
            }
        }
        System.out.printf("%s right, %s others%n", right > 0, other);
        System.out.printf("%s of %s%n", right + lost, AwkwardCases.all().size());
    }

    private static void fused(Backend.Engine engine, String layers, int batch) {
        Dataset data = Digits.generate("digits", 64, 0, 1);
        Plan plan =
                Plan.of(
                        ModelText.parse(Model.input(28, 28), layers),
                        Loss.CROSS_ENTROPY,
                        Optimizer.Adam.DEFAULT,
                        batch);
        try (Executor executor =
                        new CudaBackend().open(plan, Backend.Options.DEFAULT.with(engine));
                DeviceDataset resident = executor.upload(data)) {
            executor.initialise(1);
            executor.train(resident, new Steps(1, 3).select(0, 3, plan.optimizer(), step -> 1e-3));
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

    /**
     * Sends numbers piece by piece and reads them back.
     *
     * @param turns whether each piece is put where {@link Device#staging} says, or all into the
     *     place of the first, whatever is still to be copied from there
     */
    private static void pieces(boolean turns) {
        try (Device device = device()) {
            ByteBuffer first = device.staging();
            int piece = first.capacity();
            Device.Buffer buffer = device.allocate(5L * piece, "five pieces");
            for (int i = 0; i < 5; i++) {
                ByteBuffer staging = turns ? device.staging() : first;
                staging.clear();
                while (staging.hasRemaining()) {
                    staging.putInt(i * piece + staging.position());
                }
                device.write(buffer, (long) i * piece, staging.flip());
            }
            int wrong = 0;
            for (int i = 0; i < 5; i++) {
                ByteBuffer got = device.staging().clear();
                device.read(buffer, (long) i * piece, got);
                got.flip();
                while (got.hasRemaining()) {
                    int place = i * piece + got.position();
                    wrong += got.getInt() == place ? 0 : 1;
                }
            }
            device.release(buffer);
            System.out.println(wrong > 0 ? "wrong" : "right");
        }
    }

    /** Tells what the driver was given of the kernels. */
    private static void image() {
        try (Device device = device()) {
            System.out.println(device.code().what());
        }
    }

    /** Tells how so many trainings of a network run side by side. */
    private static void sideBySide(int trainings, String layers) {
        Plan plan =
                Plan.of(
                        ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), layers),
                        Loss.CROSS_ENTROPY,
                        Optimizer.Adam.DEFAULT,
                        32);
        Backend.Options options = Backend.Options.DEFAULT.withBeside(trainings);
        Backend.SideBySide room = new CudaBackend().sideBySide(plan, true, options);
        System.out.println(room.most() + " by " + room.by());
    }

    /** Loads a cubin of the jar, whatever the device is. */
    private static void foreign(String name) throws IOException {
        try (Device device = device();
                InputStream in = CudaTrouble.class.getResourceAsStream("/kernels/cubin/" + name)) {
            device.finish(); // enters the context
            int code = cuModuleLoadData(new CUmodule(), in.readAllBytes());
            System.out.println(CudaErrors.name(code));
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
        launch.run();
        device.finish();
    }

    private static void wrongArguments() {
        Device device = device();
        Device.Buffer values = device.allocate(400, "values");
        device.prepare(new Call("finite_check", 1, 1, List.of(values, values, 0))).run();
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
