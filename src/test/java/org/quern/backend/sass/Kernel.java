package org.quern.backend.sass;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The machine code of a kernel for sm_90.
 *
 * @param code its instructions, one each {@link Instruction#BYTES}
 * @param banks its constants, but for bank 0, which a launch fills
 */
record Kernel(List<Instruction> code, ByteBuffer[] banks) {
    private static final Pattern LINE =
            Pattern.compile(
                    "\\s+/\\*([0-9a-f]{4,6})\\*/\\s+([^;]*);\\s+/\\* 0x[0-9a-f]{16} \\*/\n"
                            + "\\s+/\\* 0x([0-9a-f]{16}) \\*/");

    /** Reads a kernel of a cubin, which nvdisasm takes apart. */
    static Kernel of(Path nvdisasm, Path cubin, String name) throws IOException {
        Map<String, ByteBuffer> sections = sections(cubin);
        ByteBuffer text = sections.get(".text." + name);
        if (text == null) {
            throw new IOException(cubin + " has no kernel " + name);
        }
        Path raw = Files.createTempFile("kernel", ".bin");
        try {
            byte[] bytes = new byte[text.remaining()];
            text.get(bytes);
            Files.write(raw, bytes);
            Process process =
                    new ProcessBuilder(nvdisasm.toString(), "-b", "SM90", "-hex", raw.toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            byte[] told = process.getInputStream().readAllBytes();
            ByteBuffer[] banks = new ByteBuffer[8];
            for (int bank = 1; bank < banks.length; bank++) {
                ByteBuffer shared = sections.get(".nv.constant" + bank);
                ByteBuffer own = sections.get(".nv.constant" + bank + "." + name);
                banks[bank] = own == null ? shared : own;
            }
            return new Kernel(code(new String(told, StandardCharsets.US_ASCII)), banks);
        } finally {
            Files.delete(raw);
        }
    }

    /** What nvdisasm -hex tells. */
    private static List<Instruction> code(String text) {
        List<Instruction> code = new ArrayList<>();
        Matcher line = LINE.matcher(text);
        while (line.find()) {
            int at = Integer.parseInt(line.group(1), 16);
            long high = Long.parseUnsignedLong(line.group(3), 16);
            Instruction i = Instruction.parse(at, line.group(2), high);
            if (at != Instruction.BYTES * code.size()) {
                throw i.error("something is left out before it");
            }
            Opcodes.check(i);
            code.add(i);
        }
        if (code.isEmpty()) {
            throw new IllegalStateException("nvdisasm gave no instructions: " + text);
        }
        return code;
    }

    /** The sections of an ELF file of 64 bits that have contents. */
    private static Map<String, ByteBuffer> sections(Path file) throws IOException {
        ByteBuffer elf = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int table = (int) elf.getLong(0x28);
        int size = elf.getShort(0x3a);
        int names = (int) elf.getLong(table + size * elf.getShort(0x3e) + 0x18);
        int noBits = 8;
        Map<String, ByteBuffer> sections = new TreeMap<>();
        for (int at = table; at < table + size * elf.getShort(0x3c); at += size) {
            if (elf.getInt(at + 4) != noBits) {
                int from = (int) elf.getLong(at + 0x18);
                StringBuilder name = new StringBuilder();
                for (int c = names + elf.getInt(at); elf.get(c) != 0; c++) {
                    name.append((char) elf.get(c));
                }
                ByteBuffer section = elf.slice(from, (int) elf.getLong(at + 0x20));
                sections.put(name.toString(), section.order(elf.order()));
            }
        }
        return sections;
    }
}
