package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;
import org.quern.train.Predictor;
import picocli.CommandLine.Option;

/** The options that say what to run on. */
final class BackendOptions {
    @Option(
            names = "--backend",
            paramLabel = "NAME",
            description = "What to run on: auto, or a name that quern doctor lists (auto).")
    String backend;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "CPU threads to use (the backend's choice).")
    Integer threads;

    @Option(
            names = "--device",
            paramLabel = "D",
            description = "GPU to use: its number or part of its name (the first).")
    String device;

    @Option(
            names = "--device-memory",
            paramLabel = "MIB",
            description =
                    "Most memory of the GPU that data may take; more is streamed (what is free).")
    Integer deviceMemory;

    @Option(
            names = "--sync",
            description = "Wait after each op, so that a fault on the GPU is told with its op.")
    boolean sync;

    @Option(
            names = "--gemm",
            paramLabel = "HOW",
            description = "Matrix products on CUDA by own kernels, cublas, or auto (auto).")
    String gemm;

    @Option(
            names = "--precision",
            paramLabel = "P",
            description = "Factors of matrix products, by cuBLAS: fp32, tf32 or bf16 (fp32).")
    String precision;

    @Option(
            names = "--cublas",
            paramLabel = "PATH",
            description = "The cuBLAS library or its folder (looked for).")
    String cublas;

    @Option(
            names = "--engine",
            paramLabel = "HOW",
            description =
                    "Training steps on a GPU: fused into few launches, the same with tensor cores,"
                            + " as a graph, as ops, or auto (auto).")
    String engine;

    /** The backend that was asked for. */
    Backends.Choice choose() {
        return Backends.choose(backend == null ? Backends.AUTO : backend, options());
    }

    /** How to run on it. */
    Backend.Options options() {
        Map<String, String> given = new LinkedHashMap<>();
        put(given, "threads", threads);
        put(given, "device", device);
        put(given, "device-memory", deviceMemory);
        put(given, "sync", sync);
        put(given, "gemm", gemm);
        put(given, "precision", precision);
        put(given, "cublas", cublas);
        put(given, "engine", engine);
        return RunSettings.DEFAULT.with(given).options();
    }

    /** A model loaded onto the backend that was asked for. */
    Predictor predictor(SavedModel model) {
        return predictor(model, choose());
    }

    /** A model loaded onto the backend that was chosen. */
    Predictor predictor(SavedModel model, Backends.Choice choice) {
        return new Predictor(
                model.model(), model.loss(), model.parameters(), choice.backend(), options());
    }

    private static void put(Map<String, String> given, String name, Object value) {
        if (value != null) {
            given.put(name, value.toString());
        }
    }
}
