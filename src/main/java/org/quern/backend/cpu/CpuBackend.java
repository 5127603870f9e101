package org.quern.backend.cpu;

import static org.quern.QuernException.backend;
import static org.quern.QuernException.given;

import java.util.Locale;
import java.util.Optional;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Guard;
import org.quern.backend.Limits;
import org.quern.backend.Words;
import org.quern.backend.nativelib.NativeLibraries;
import org.quern.plan.Plan;

/**
 * Float32 kernels in C through JNI, for AVX-512, AVX2 with FMA, or whatever vectors the platform
 * has: the best, or the one that {@code QUERN_ISA} (baseline, avx2, avx512) asks for.
 */
public final class CpuBackend implements Backend {
    static final String ISA_VARIABLE = "QUERN_ISA";

    private static final int WANTED = number(System.getenv(ISA_VARIABLE));

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
        return Loaded.STATE;
    }

    @Override
    public Executor open(Plan plan, Options options) {
        return new Guard(
                new CpuExecutor(
                        given(plan, "plan"), given(options, "options").threads(), wanted(options)));
    }

    @Override
    public Optional<Limits> limits(Options options) {
        return Optional.of(new CpuLimits(given(options, "options").threads(), wanted(options)));
    }

    private int wanted(Options options) {
        options.checkNoDevice(name());
        if (!Loaded.STATE.usable()) {
            throw backend("backend cpu cannot run: %s", Loaded.STATE.detail());
        }
        return WANTED;
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

    /** The library, loaded when this class is; the first reason for not loading it is kept. */
    private static final class Loaded {
        static final Availability STATE = load();

        private static Availability load() {
            try {
                new NativeLibraries(System.getenv()).loadKernels();
            } catch (QuernException e) {
                return new Availability(false, e.getMessage());
            }
            String stale = stale(abi());
            if (stale != null) {
                return new Availability(false, stale);
            }
            String found = WANTED < 0 ? null : Native.instructionSet(WANTED);
            if (found == null) {
                String missing =
                        "%s is %s, which this processor or build does not have: use baseline, avx2"
                                + " or avx512, or unset it";
                String asked = System.getenv(ISA_VARIABLE);
                return new Availability(false, missing.formatted(ISA_VARIABLE, asked));
            }
            int count = Native.processors();
            String kernels = "C kernels with %s, %d %s";
            return new Availability(
                    true, kernels.formatted(found, count, count == 1 ? "core" : "cores"));
        }
    }
}
