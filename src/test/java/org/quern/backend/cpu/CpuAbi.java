package org.quern.backend.cpu;

import java.util.List;
import java.util.stream.Stream;
import org.quern.plan.Plan;

/** What C is told by the cpu backend, for {@code AbiTest}. */
public final class CpuAbi {
    private CpuAbi() {}

    /** The names of the words of the network and of those of a layer. */
    public static List<List<String>> names(Plan plan) {
        NetDescription description = NetDescription.of(plan, 1);
        return List.of(description.net().names(), description.layers().get(0).names());
    }

    /** The kinds of ops. */
    public static List<String> kinds() {
        return Stream.of(CpuExecutor.Kind.values()).map(Enum::name).toList();
    }

    /** The instruction sets. */
    public static List<String> instructionSets() {
        return Stream.of(CpuBackend.Isa.values()).map(Enum::name).toList();
    }
}
