package org.quern.backend.cpu;

import static org.quern.QuernException.backend;

import java.util.Locale;
import java.util.Optional;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Limits;
import org.quern.backend.Words;
import org.quern.backend.nativelib.NativeLibraries;
import org.quern.plan.Plan;

/**
 * Float32 kernels in C through JNI, for AVX-512, AVX2 with FMA, or whatever vectors the platform
 * has, chosen when they are first used. {@code QUERN_ISA} (baseline, avx2, avx512) asks for one of
 * them.
 */
public final class CpuBackend implements Backend {
    /** Names an instruction set that is to be used instead of the best. */
    static final String ISA_VARIABLE = "QUERN_ISA";

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public int priority() {
        return 100;
    }

    @Override
    public boolean onHost() {
        return true;
    }

    @Override
    public Availability availability() {
        Loaded loaded = Loaded.INSTANCE;
        if (loaded.problem != null) {
            return new Availability(false, loaded.problem);
        }
        int processors = Native.processors();
        return new Availability(
                true,
                "C kernels with %s, %d %s"
                        .formatted(loaded.name, processors, processors == 1 ? "core" : "cores"));
    }

    @Override
    public CpuExecutor open(Plan plan, Options options) {
        return new CpuExecutor(plan, options.threads(), wanted(options));
    }

    @Override
    public Optional<Limits> limits(Options options) {
        return Optional.of(new CpuLimits(options.threads(), wanted(options)));
    }

    private int wanted(Options options) {
        options.checkNoDevice(name());
        Loaded loaded = Loaded.INSTANCE;
        if (loaded.problem != null) {
            throw backend("backend cpu cannot run: %s", loaded.problem);
        }
        return loaded.wanted;
    }

    /** The instruction sets that C knows, numbered in this order there. */
    enum Isa {
        BEST,
        BASELINE,
        AVX2,
        AVX512
    }

    /** The number of an instruction set in C; −1 for a name that there is not. */
    static int number(String isa) {
        for (Isa one : Isa.values()) {
            if (one.name().toLowerCase(Locale.ROOT).equals(isa) && one != Isa.BEST) {
                return one.ordinal();
            }
        }
        return isa == null || isa.isEmpty() ? Isa.BEST.ordinal() : -1;
    }

    /** QUERN_ABI of the library; 0 if it is too old to have it. */
    private static int abi() {
        try {
            return Native.abi();
        } catch (UnsatisfiedLinkError e) {
            return 0;
        }
    }

    /** Why a library of this QUERN_ABI cannot be used, or null. */
    static String stale(int abi) {
        return abi == Words.abi()
                ? null
                : "libquern.so is of another version than this jar: build Quern again";
    }

    /** The library, loaded once; the first reason for not loading it is kept. */
    private static final class Loaded {
        static final Loaded INSTANCE = new Loaded();

        final int wanted;
        final String name;
        final String problem;

        private Loaded() {
            String isa = System.getenv(ISA_VARIABLE);
            wanted = number(isa);
            String found = null;
            String reason = null;
            try {
                new NativeLibraries(System.getenv()).load("libquern.so");
                reason = stale(abi());
                found = reason != null || wanted < 0 ? null : Native.instructionSet(wanted);
                if (found == null && reason == null) {
                    reason =
                            "%s is %s, which this processor or build does not have: use baseline,"
                                            .formatted(ISA_VARIABLE, isa)
                                    + " avx2 or avx512, or unset it";
                }
            } catch (QuernException e) {
                reason = e.getMessage();
            }
            name = found;
            problem = reason;
        }
    }
}
