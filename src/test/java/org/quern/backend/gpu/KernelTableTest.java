package org.quern.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.quern.backend.Backend;
import org.quern.backend.trace.TraceDevice;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;

/** {@code kernels/README.md} is what the kernel cases and the sources make it. */
class KernelTableTest {
    private static final Path TABLE = Path.of("kernels", "README.md");

    /** What no op launches, and the test that runs it. */
    private static final Map<String, String> APART =
            Map.of(
                    "optimizer_update_bfloat16", "CublasLtTest",
                    "bfloat16_convert", "CublasLtTest",
                    "bfloat16_expand", "CublasLtTest",
                    "column_sums_bfloat16", "CublasLtTest",
                    "dense_backward_input_finish", "CublasLtTest",
                    "dense_forward_finish", "CublasLtTest",
                    "relu_bits", "CublasLtTest",
                    "finite_check", "GpuTest",
                    "uniform_initial", "GpuTest");

    @Test
    void isGeneratedFromTheCases() throws Exception {
        Map<String, List<KernelCase>> cases = launchedBy();
        StringBuilder text =
                new StringBuilder(Files.readString(TABLE).replaceFirst("(?s)\n\\| entry .*", "\n"));
        text.append("| entry | file | cases | smallest | largest | bytes | flops | test |\n");
        text.append("| --- | --- | ---: | --- | --- | ---: | ---: | --- |\n");
        List<String> entries = entries();
        for (String entry : entries) {
            List<KernelCase> all = new ArrayList<>(cases.getOrDefault(entry, List.of()));
            all.sort(Comparator.comparingDouble(one -> one.operands().bytes()));
            if (all.isEmpty()) {
                String test =
                        entry.startsWith("fused_train_")
                                ? "FusedTest, FusedTeamsTest"
                                : APART.get(entry);
                assertThat(test).as("the test of %s, which has no case", entry).isNotNull();
                text.append("| `%s` | %s | | | | | | %s |\n".formatted(entry, file(entry), test));
                continue;
            }
            KernelCase largest = all.get(all.size() - 1);
            text.append(
                    String.format(
                            Locale.ROOT,
                            "| `%s` | %s | %d | %s | %s | %,.0f | %,.0f | %s |\n",
                            entry,
                            file(entry),
                            all.size(),
                            all.get(0).name(),
                            largest.name(),
                            largest.operands().bytes(),
                            largest.operands().flops(),
                            entry.endsWith("_after") || entry.equals("column_sums")
                                    ? "CublasTest"
                                    : "KernelCaseTest, GpuTest"));
        }
        Path made = Path.of("target", "kernels-README.md");
        Files.writeString(made, text);
        assertThat(Files.readString(TABLE))
                .as("the table of kernels is out of date: copy %s to %s", made, TABLE)
                .isEqualTo(text.toString());
        assertThat(cases.keySet()).isSubsetOf(entries);
    }

    /** The kernels that PTX has, in its order. */
    private static List<String> entries() throws Exception {
        List<String> entries = new ArrayList<>();
        try (Stream<Path> units = Files.list(Path.of("kernels", "ptx"))) {
            for (Path unit : units.toList()) {
                Pattern.compile("\\.visible \\.entry (\\w+)\\(")
                        .matcher(Files.readString(unit))
                        .results()
                        .forEach(entry -> entries.add(entry.group(1)));
            }
        }
        return entries.stream().sorted().toList();
    }

    private static String file(String entry) throws Exception {
        if (entry.startsWith("fused_train_cluster_")) {
            return "`cuda/fused_cluster.h`";
        }
        if (entry.matches("fused_train_\\d.*")) {
            return "`cuda/fused_shape.h`";
        }
        String base = entry.replaceFirst("_(small|medium|large)$", "");
        try (Stream<Path> files = Files.walk(Path.of("kernels"))) {
            for (Path file : files.sorted().toList()) {
                if (file.toString().matches(".*\\.(cl|h|cu)")
                        && Pattern.compile("^(TILE\\()?" + base + "\\)?\\(", Pattern.MULTILINE)
                                .matcher(Files.readString(file))
                                .find()) {
                    return "`%s`".formatted(Path.of("kernels").relativize(file));
                }
            }
        }
        throw new AssertionError("no source has " + entry);
    }

    /** The cases that launch each kernel, in every tile and with a library. */
    private static Map<String, List<KernelCase>> launchedBy() {
        Map<String, List<KernelCase>> by = new TreeMap<>();
        for (KernelCase one : AwkwardCases.all()) {
            for (int way = 0; way <= Tiling.values().length; way++) {
                boolean library = way == Tiling.values().length;
                Tiling tile = Tiling.values()[library ? 0 : way];
                TraceDevice device = new TraceDevice(library);
                try (KernelExecutor executor =
                        new KernelExecutor(
                                device, one.plan(), (m, n) -> tile, Backend.Options.DEFAULT)) {
                    one.run(executor, one.steps());
                }
                for (String kernel : device.counts().launches().keySet()) {
                    List<KernelCase> cases = by.computeIfAbsent(kernel, k -> new ArrayList<>());
                    if (!kernel.equals("library") && !cases.contains(one)) {
                        cases.add(one);
                    }
                }
            }
        }
        by.remove("library");
        return by;
    }
}
