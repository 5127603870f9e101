import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Prints kernels/report.md: what the kernels in cubins take of a multiprocessor, by the cubins' own attributes; the loops of
 * their machine code; what ci/emulate tells of steps. Exits with 1, naming each, where a kernel has a larger stack frame than
 * the report allowed until now: what the compiler spills, and arrays that it indexes, lie there. Arguments: the folder of
 * cubins, the report until now, and nvdisasm and the output of ci/emulate, without which the report's sections on loops and
 * steps stay as they are. Run by ci/kernel-report.
 */
public final class KernelReport {
    /** Attributes of .nv.info, as cuobjdump prints them; each has a kernel's symbol, then a value. */
    private static final int FRAME_SIZE = 0x11;

    private static final int REGISTERS = 0x2f;
    private static final int MAX_THREADS = 0x05; // of .nv.info.KERNEL: x, y, z
    private static final int SYMBOLS = 2; // type of a section
    private static final int HAS_SIZE = 4; // format of an attribute

    /** CUDA C++ Programming Guide, technical specifications: warps of a multiprocessor, at most. */
    private static final Map<String, Integer> WARPS =
            Map.of("sm_75", 32, "sm_80", 64, "sm_86", 48, "sm_89", 48, "sm_90", 64, "sm_100", 64, "sm_120", 48);

    /** The same page: KiB of shared memory of a multiprocessor. */
    private static final Map<String, Integer> SHARED =
            Map.of("sm_75", 64, "sm_80", 164, "sm_86", 100, "sm_89", 100, "sm_90", 228, "sm_100", 228, "sm_120", 100);

    private static final int ALL_REGISTERS = 65_536; // of each of them, given to warps by 256
    private static final Pattern NAME = Pattern.compile("(.+)-(sm_\\d+)\\.cubin");
    private static final String DISASSEMBLED = "sm_90";
    private static final int SHORTEST = 16; // instructions of a loop that is told of

    /** Kinds of instructions, by the units that execute them; the rest is integers, predicates and jumps. */
    private static final Map<String, Pattern> KINDS = new LinkedHashMap<>();

    static {
        KINDS.put("float", Pattern.compile("FFMA|FMUL|FADD"));
        KINDS.put("tensor", Pattern.compile("[HI]MMA"));
        KINDS.put("special", Pattern.compile("MUFU|I2F|F2I"));
        KINDS.put("shared", Pattern.compile("LDS|STS|LDSM|STAS"));
        KINDS.put("global", Pattern.compile("LDG|STG|LD|ST|LDGSTS"));
        KINDS.put("shuffle", Pattern.compile("SHFL|REDUX|VOTE"));
    }

    private static final Pattern INSTRUCTION = Pattern.compile("/\\*([0-9a-f]{4,6})\\*/\\s+(?:@\\S+ +)?([A-Z0-9]+)([^;]*);");
    private static final Pattern BACK = Pattern.compile(".*\\b0x([0-9a-f]+)\\s*");
    private static final Pattern ALLOWED = Pattern.compile("\\| (\\w+) \\| (sm_\\d+) \\| (\\d+) \\|");

    /** Of one kernel; shared memory is what is static. */
    private static final class Kernel {
        int registers;
        int frame;
        int shared;
        int code;
        int threads;
        byte[] text;

        String text(String architecture) {
            int most = WARPS.get(architecture);
            int perBlock = (threads + 31) / 32;
            int byRegisters = ALL_REGISTERS / ((registers * 32 + 255) / 256 * 256) / perBlock;
            int reserved = architecture.equals("sm_75") ? 0 : 1024; // of shared memory, for each block
            int byShared = (SHARED.get(architecture) << 10) / (shared + reserved + 1);
            int warps = Math.min(Math.min(byRegisters, byShared), most / perBlock) * perBlock;
            return "%d, %d %%".formatted(registers, 100 * warps / most);
        }
    }

    private KernelReport() {}

    public static void main(String[] arguments) throws IOException {
        Map<String, Map<String, Kernel>> kernels = new TreeMap<>(); // by name, then architecture
        TreeSet<String> architectures = new TreeSet<>((a, b) -> Integer.compare(number(a), number(b)));
        List<Path> cubins;
        try (var files = Files.list(Path.of(arguments[0]))) {
            cubins = files.filter(file -> NAME.matcher(file.getFileName().toString()).matches()).sorted().toList();
        }
        for (Path cubin : cubins) {
            Matcher name = NAME.matcher(cubin.getFileName().toString());
            name.matches();
            if (!WARPS.containsKey(name.group(2))) {
                throw new IllegalStateException(cubin + ": its architecture is to be told of in WARPS and SHARED");
            }
            architectures.add(name.group(2));
            read(Files.readAllBytes(cubin))
                    .forEach((kernel, of) -> kernels.computeIfAbsent(kernel, k -> new TreeMap<>()).put(name.group(2), of));
        }
        StringBuilder text = new StringBuilder();
        text.append(
                """
                # What the kernels take

                Made by `ci/kernel-report` of the attributes of the cubins; not to be edited, but for stack frames. For each
                architecture: registers of a thread, and the share of a multiprocessor's warps that these and static shared memory
                leave room for; a launch's dynamic shared memory is not counted. Code and static shared memory in KiB, the largest
                of all architectures.

                """);
        text.append("| kernel | threads | code | shared |");
        architectures.forEach(a -> text.append(" %s |".formatted(a)));
        text.append("\n| --- | ---: | ---: | ---: |").append(" ---: |".repeat(architectures.size())).append('\n');
        kernels.forEach(
                (name, by) -> {
                    int code = by.values().stream().mapToInt(k -> k.code).max().orElseThrow();
                    int shared = by.values().stream().mapToInt(k -> k.shared).max().orElseThrow();
                    int threads = by.values().iterator().next().threads;
                    text.append("| `%s` | %d | %.1f | %.1f |".formatted(name, threads, code / 1024.0, shared / 1024.0));
                    architectures.forEach(a -> text.append(" %s |".formatted(by.containsKey(a) ? by.get(a).text(a) : "")));
                    text.append('\n');
                });
        if (arguments.length > 2) {
            text.append(loops(kernels, arguments[2])).append(steps(Files.readAllLines(Path.of(arguments[3]))));
        } else {
            Matcher section = Pattern.compile("(?s)\n## Loops.*(?=\n## Stack frames)").matcher(Files.readString(Path.of(arguments[1])));
            text.append(section.find() ? section.group() : "");
        }
        text.append(
                """

                ## Stack frames

                Bytes of local memory, where spilled registers lie and arrays that are indexed as the kernel runs. `ci/build-kernels` fails on
                one that is larger than its line here, or has none.

                | kernel | architecture | bytes |
                | --- | --- | ---: |
                """);
        Map<String, Integer> allowed = allowed(Path.of(arguments[1]));
        boolean bad = false;
        for (var kernel : kernels.entrySet()) {
            for (var by : kernel.getValue().entrySet()) {
                int frame = by.getValue().frame;
                if (frame > 0) {
                    text.append("| %s | %s | %d |\n".formatted(kernel.getKey(), by.getKey(), frame));
                }
                int most = allowed.getOrDefault(kernel.getKey() + by.getKey(), 0);
                if (frame > most) {
                    bad = true;
                    System.err.printf("%s on %s has a stack frame of %d bytes, of %d that kernels/report.md allows%n",
                            kernel.getKey(), by.getKey(), frame, most);
                }
            }
        }
        System.out.println(text);
        System.exit(bad ? 1 : 0);
    }

    /** Innermost loops of the kernels; of those whose names differ in their last number alone, the first one's. */
    private static String loops(Map<String, Map<String, Kernel>> kernels, String nvdisasm) throws IOException {
        StringBuilder text = new StringBuilder(
                """

                ## Loops

                Warp instructions in each innermost loop of %d and more on sm_90, by the unit that executes them. Clusters of other sizes
                have the same loops, or nearly.

                """.formatted(SHORTEST));
        text.append("| kernel | loop at | instructions |");
        KINDS.keySet().forEach(kind -> text.append(" %s |".formatted(kind)));
        text.append("\n| --- | --- | ---: |").append(" ---: |".repeat(KINDS.size())).append('\n');
        TreeSet<String> seen = new TreeSet<>();
        for (var kernel : kernels.entrySet()) {
            Kernel of = kernel.getValue().get(DISASSEMBLED);
            if (of != null && seen.add(kernel.getKey().replaceFirst("_\\d+$", ""))) {
                loops(kernel.getKey(), of.text, nvdisasm, text);
            }
        }
        return text.toString();
    }

    private static void loops(String name, byte[] code, String nvdisasm, StringBuilder text) throws IOException {
        Path raw = Files.createTempFile("kernel", ".bin");
        List<String> names = new ArrayList<>();
        TreeMap<Integer, Integer> ends = new TreeMap<>(); // of loops, by where they begin
        try {
            Files.write(raw, code);
            Process process = new ProcessBuilder(nvdisasm, "-b", "SM90", raw.toString()).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            Matcher line = INSTRUCTION.matcher(new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII));
            while (line.find()) {
                int at = Integer.parseInt(line.group(1), 16) / 16;
                Matcher to = BACK.matcher(line.group(3));
                if (line.group(2).equals("BRA") && to.matches() && Integer.parseInt(to.group(1), 16) / 16 < at) {
                    ends.put(Integer.parseInt(to.group(1), 16) / 16, at);
                }
                names.add(line.group(2));
            }
        } finally {
            Files.delete(raw);
        }
        if (names.size() != code.length / 16) {
            throw new IllegalStateException("%s: nvdisasm gave %d of %d instructions".formatted(name, names.size(), code.length / 16));
        }
        ends.forEach((from, end) -> {
            if (end - from + 1 < SHORTEST || ends.subMap(from, false, end, true).values().stream().anyMatch(inner -> inner <= end)) {
                return;
            }
            text.append("| `%s` | 0x%x | %d |".formatted(name, 16 * from, end - from + 1));
            KINDS.values().forEach(kind -> {
                long count = names.subList(from, end + 1).stream().filter(kind.asMatchPredicate()).count();
                text.append(count == 0 ? " |" : " %d |".formatted(count));
            });
            text.append('\n');
        });
    }

    /** What ci/emulate tells of steps' parts: lines with a kernel's name, then with an address, cycles and instructions. */
    private static String steps(List<String> emulated) {
        StringBuilder text = new StringBuilder(
                """

                ## Steps

                What `ci/emulate` tells of a training step of each network in `ci/emulated`, from one barrier of a block to the next: cycles of
                its model, which is uncalibrated, and warp instructions of a block.

                | kernel | until the barrier at | cycles | instructions |
                | --- | --- | ---: | ---: |
                """);
        String kernel = "";
        for (String line : emulated) {
            String[] columns = line.strip().split(" +");
            if (line.contains(", cycles by the timeline ")) {
                kernel = line.substring(0, line.indexOf(','));
            } else if (line.startsWith("  0x")) {
                text.append("| `%s` | %s | %s | %s |\n".formatted(kernel, columns[0], columns[1], columns[2]));
            }
        }
        return text.toString();
    }

    private static int number(String architecture) {
        return Integer.parseInt(architecture.substring(3));
    }

    private static Map<String, Integer> allowed(Path report) throws IOException {
        Map<String, Integer> most = new TreeMap<>();
        Matcher line = ALLOWED.matcher(Files.readString(report));
        while (line.find()) {
            most.put(line.group(1) + line.group(2), Integer.valueOf(line.group(3)));
        }
        return most;
    }

    private record Section(String name, int type, int offset, int size, int link) {}

    /** The kernels of a cubin, which is an ELF file of 64 bits. */
    private static Map<String, Kernel> read(byte[] image) {
        ByteBuffer elf = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        List<Section> sections = new ArrayList<>();
        int table = (int) elf.getLong(40);
        int count = elf.getShort(60);
        int names = (int) elf.getLong(table + 64 * elf.getShort(62) + 24);
        for (int i = 0; i < count; i++) {
            int at = table + 64 * i;
            sections.add(
                    new Section(
                            string(image, names + elf.getInt(at)),
                            elf.getInt(at + 4),
                            (int) elf.getLong(at + 24),
                            (int) elf.getLong(at + 32),
                            elf.getInt(at + 40)));
        }
        Map<String, Kernel> kernels = new TreeMap<>();
        for (Section section : sections) {
            if (section.name.startsWith(".nv.info.")) {
                Kernel kernel = kernels.computeIfAbsent(section.name.substring(9), name -> new Kernel());
                attributes(elf, section, MAX_THREADS, value -> kernel.threads = value.getInt(0));
            }
        }
        for (Section section : sections) {
            for (String prefix : List.of(".text.", ".nv.shared.")) {
                Kernel kernel = section.name.startsWith(prefix) ? kernels.get(section.name.substring(prefix.length())) : null;
                if (kernel != null && prefix.equals(".text.")) {
                    kernel.code = section.size;
                    kernel.text = Arrays.copyOfRange(image, section.offset, section.offset + section.size);
                } else if (kernel != null) {
                    kernel.shared = section.size;
                }
            }
            if (section.name.equals(".nv.info")) {
                Section symbols = sections.stream().filter(s -> s.type == SYMBOLS).findFirst().orElseThrow();
                int strings = sections.get(symbols.link).offset;
                for (int attribute : new int[] {FRAME_SIZE, REGISTERS}) {
                    attributes(elf, section, attribute, value -> {
                        int name = elf.getInt(symbols.offset + 24 * value.getInt(0));
                        Kernel kernel = kernels.get(string(image, strings + name));
                        if (kernel != null && attribute == REGISTERS) {
                            kernel.registers = value.getInt(4);
                        } else if (kernel != null) {
                            kernel.frame = value.getInt(4);
                        }
                    });
                }
            }
        }
        kernels.forEach((name, kernel) -> {
            if (kernel.registers == 0 || kernel.threads == 0 || kernel.code == 0) {
                throw new IllegalStateException("%s: %d registers, %d threads, %d bytes of code: no cubin as we know them".formatted(name, kernel.registers, kernel.threads, kernel.code));
            }
        });
        return kernels;
    }

    private static void attributes(ByteBuffer elf, Section of, int wanted, java.util.function.Consumer<ByteBuffer> take) {
        for (int at = of.offset; at < of.offset + of.size; ) {
            boolean sized = elf.get(at) == HAS_SIZE;
            int size = sized ? elf.getShort(at + 2) & 0xffff : 0;
            if (sized && elf.get(at + 1) == wanted) {
                take.accept(elf.slice(at + 4, size).order(ByteOrder.LITTLE_ENDIAN));
            }
            at += 4 + size;
        }
    }

    private static String string(byte[] image, int from) {
        int to = from;
        while (image[to] != 0) {
            to++;
        }
        return new String(image, from, to - from, StandardCharsets.UTF_8);
    }
}
