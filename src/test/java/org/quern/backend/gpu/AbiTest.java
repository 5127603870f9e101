package org.quern.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.quern.backend.PlanWords;
import org.quern.backend.Words;
import org.quern.backend.cpu.CpuAbi;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/** {@code kernels/gen/abi.h} is what Java tells C and the kernels. */
class AbiTest {
    private static final Path HEADER = Path.of("kernels", "gen", "abi.h");

    private static final Plan PLAIN = plan("dense 3", new Optimizer.Sgd(0, 0));
    private static final Plan RICH =
            plan("dropout 0.1, dense 5 gelu, dropout 0.5, dense 3 tanh", Optimizer.Adam.DEFAULT);

    private static Plan plan(String layers, Optimizer optimizer) {
        Model model = ModelText.parse(Model.input(8), layers);
        return Plan.of(model, Loss.MEAN_SQUARED_ERROR, optimizer, 4);
    }

    private final StringBuilder text = new StringBuilder();

    @Test
    void theHeaderIsGenerated() throws Exception {
        Path made = Path.of("target", "abi.h");
        Files.writeString(made, header());
        assertThat(Files.exists(HEADER) ? Files.readString(HEADER) : "")
                .as("%s is out of date: cp %s %s", HEADER, made, HEADER)
                .isEqualTo(header());
    }

    @Test
    void theLibraryOfThisJarIsOfTheSameHeader() throws Exception {
        assertThat(Files.readString(HEADER)).contains("0x%08xu".formatted(Words.abi()));
    }

    /** Names that depended on a plan would number other words for it. */
    @Test
    void thePlanChangesNoName() {
        BlockTeam tensor = new BlockTeam(BlockTeam.Kind.CLUSTER, 2, 1 << 20, true);
        for (Plan plan : List.of(PLAIN, RICH)) {
            assertThat(CpuAbi.names(plan)).isEqualTo(CpuAbi.names(PLAIN));
            for (BlockTeam team : List.of(BlockTeam.ALONE, tensor)) {
                for (boolean pixels : new boolean[] {false, true}) {
                    assertThat(new FusedLayout(plan, team, pixels).names())
                            .isEqualTo(new FusedLayout(PLAIN, BlockTeam.ALONE, false).names());
                }
            }
        }
    }

    private String header() {
        text.setLength(0);
        enums("ACTIVATION_", "org.quern.model.Activation", names(Activation.values()));
        text.append("#define ACTIVATIONS %d\n\n".formatted(Activation.values().length));
        enums("LOSS_", "org.quern.plan.Loss", names(Loss.Kind.values()));
        text.append("#define LOSSES %d\n\n".formatted(Loss.Kind.values().length));
        enums("OPTIMIZER_", "org.quern.plan.Optimizer", names(Optimizer.Kind.values()));
        text.append(
                """

                /* An optimizer's update rule, by how many moments it keeps; and these. */
                #define RULE(optimizer, moments) (OPTIMIZER_##optimizer * %1$d + (moments))
                #define MOMENTS(rule) ((rule) %% %1$d)

                """
                        .formatted(PlanWords.RULES));
        enums("OP_", "org.quern.backend.cpu.CpuExecutor.Kind", CpuAbi.kinds());
        text.append('\n');
        enums("ISA_", "org.quern.backend.cpu.CpuBackend.Isa", CpuAbi.instructionSets());
        text.append('\n');
        words(
                "What a launch runs for: org.quern.backend.gpu.PassBlock",
                "PASS_",
                "",
                PassBlock.names());
        words(
                "A layer whose gradients are computed: org.quern.backend.gpu.Gradients",
                "GRADIENT_",
                "",
                Gradients.words(RICH).get(0).names());
        List<List<String>> cpu = CpuAbi.names(RICH);
        List<List<String>> block = new FusedLayout(RICH, BlockTeam.ALONE, true).names();
        words("A network", "NET_", "PLAN_", PlanWords.net(RICH, 1).names());
        extension(
                "NET_", "BLOCK_", "fused kernels: org.quern.backend.gpu.FusedLayout", block.get(0));
        extension("NET_", "CPU_", "C: org.quern.backend.cpu.NetDescription", cpu.get(0));
        words("A layer", "LAYER_", "PLAN_", PlanWords.layer(RICH.dense().get(0)).names());
        extension("LAYER_", "BLOCK_", "fused kernels", block.get(1));
        extension("LAYER_", "CPU_", "C", cpu.get(1));
        Map<String, Integer> sizes = new LinkedHashMap<>();
        sizes.put("FUSED_THREADS", Device.THREADS);
        sizes.put("FUSED_WARPS", FusedLayout.WARPS);
        sizes.put("FUSED_WARP", Device.THREADS / FusedLayout.WARPS);
        sizes.put("FUSED_SUMS", FusedLayout.SUMS);
        sizes.put("FUSED_NET", FusedLayout.NET);
        sizes.put("LOG_STEPS", FusedLayout.LOG_STEPS);
        sizes.put("TENSOR_ROWS", FusedLayout.TENSOR_ROWS);
        sizes.put("TENSOR_COLUMNS", FusedLayout.TENSOR_COLUMNS);
        sizes.put("MOST_ROWS", FusedLayout.MOST_ROWS);
        sizes.put("GATHER_ROWS", Launches.GATHER_ROWS);
        sizes.put("SHAPE_BATCH", FusedShape.BATCH);
        sizes.put("SHAPE_THREADS", FusedShape.THREADS);
        sizes.put("SHAPE_MEMORY", FusedShape.MEMORY);
        for (Tiling tile : Tiling.values()) {
            sizes.put("TILE_" + tile.name(), tile.side());
        }
        text.append("/* Sizes that launches, memory and kernels agree on. */\n");
        sizes.forEach((name, size) -> text.append("#define %s %d\n".formatted(name, size)));
        text.append("#define NOWHERE 0x%xu\n".formatted(Call.NOWHERE));
        CRC32 crc = new CRC32();
        crc.update(text.toString().getBytes(StandardCharsets.UTF_8));
        return """
                /*
                 * What Java, C and the kernels call by the same numbers. Made by AbiTest of what Java puts; not to be edited.
                 */
                #ifndef QUERN_ABI_H
                #define QUERN_ABI_H

                #define QUERN_ABI 0x%08xu /* of all that follows */

                %s
                #endif
                """
                .formatted(crc.getValue(), text);
    }

    private static List<String> names(Enum<?>[] values) {
        return Arrays.stream(values).map(Enum::name).toList();
    }

    /** Small sets of numbers, in a line. */
    private void enums(String prefix, String of, List<String> names) {
        text.append("/* %s */\nenum { ".formatted(of))
                .append(prefix)
                .append(String.join(", " + prefix, names))
                .append(" };\n");
    }

    private void words(String title, String prefix, String part, List<String> names) {
        list(title, prefix, part, names, "");
    }

    /** The words that come behind those of the plan. */
    private void extension(String prefix, String part, String of, List<String> names) {
        List<String> common =
                prefix.equals("NET_")
                        ? PlanWords.net(RICH, 1).names()
                        : PlanWords.layer(RICH.dense().get(0)).names();
        assertThat(names.subList(0, common.size())).isEqualTo(common);
        list(
                "... and of these, for " + of,
                prefix,
                part,
                names.subList(common.size(), names.size()),
                " = %sPLAN_WORDS".formatted(prefix));
    }

    private void list(String title, String prefix, String part, List<String> names, String first) {
        text.append("/* %s. */\nenum {\n".formatted(title));
        List<String> lines = new ArrayList<>();
        for (String name : names) {
            String[] both = name.split(": ", 2);
            String value = lines.isEmpty() ? first : "";
            String meaning = both.length > 1 ? " /* " + both[1] + " */" : "";
            lines.add("    " + prefix + both[0] + value + "," + meaning + "\n");
        }
        lines.forEach(text::append);
        text.append("    %s%sWORDS\n};\n\n".formatted(prefix, part));
    }
}
