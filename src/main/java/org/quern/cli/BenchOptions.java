package org.quern.cli;

import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.List;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.bench.BenchTarget;
import org.quern.bench.Budget;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of {@code quern bench}, {@code bench kernels} and {@code bench steps}. */
final class BenchOptions {
    @Option(names = "--quick", description = "A look that takes seconds: few sizes, short rounds.")
    boolean quick;

    @Option(names = "--json", paramLabel = "FILE", description = "Write all figures to this file.")
    Path json;

    @Mixin BackendOptions running;

    /** What is measured: the backend that was named, else all that can run here. */
    List<BenchTarget> contenders() {
        return BenchTarget.of(backends(), running.options());
    }

    /** The same, on a GPU once for each engine. */
    List<BenchTarget> withEngines() {
        return BenchTarget.withEngines(backends(), running.options());
    }

    private List<Backend> backends() {
        Backend.Options how = running.options();
        if (running.backend == null && !how.equals(new Backend.Options(how.threads()))) {
            throw usage(
                    "what is asked of a GPU goes with its backend: add --backend cuda or opencl");
        }
        return running.backend != null
                ? List.of(running.choose().backend())
                : Backends.all().stream()
                        .filter(one -> one.priority() >= 0 && one.availability().usable())
                        .toList();
    }

    /** How long. */
    Budget effort() {
        return quick ? Budget.QUICK : Budget.FULL;
    }
}
