package org.quern.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What is in a folder, in short, such that two runs can be compared. */
final class FolderContents {
    /** Of a file that a command is to replace. */
    static final String OLD = "what was there before\n";

    private FolderContents() {}

    /** Of each file below a folder what must be the same of every run: no times. */
    static Map<String, String> of(Path folder) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        for (Path file : files(folder)) {
            String name = folder.relativize(file).toString();
            if (name.endsWith(".lock")) {
                continue; // stays, whatever is in it
            }
            contents.put(name, content(name, Files.readAllBytes(file)));
        }
        return contents;
    }

    private static String content(String name, byte[] bytes) {
        String text = new String(bytes, ISO_8859_1);
        if (text.equals(OLD)) {
            return OLD;
        } else if (name.endsWith("state.safetensors")) { // its header tells how long epochs took
            int header = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
            return digest(Arrays.copyOfRange(bytes, 8 + header, bytes.length));
        } else if (name.endsWith("history.csv")) {
            return text.replaceAll("(?m)^((?:[^,\n]*,){6})[^,\n]*,[^,\n]*,", "$1"); // not its times
        } else if (name.equals("s.csv")) {
            return text.lines().count() + " lines of " + text.split("\n")[0];
        } else if (name.endsWith(".json")) {
            String score = "(?i)\"(\\w*(?:loss|accuracy))\":\\s*([^,}\\s]+)";
            String steps = "(?s)\"steps\":\\s*\\[[^\\]]*\\]"; // means over as many as time allowed
            String scores =
                    Pattern.compile(score)
                            .matcher(text.replaceAll(steps, ""))
                            .results()
                            .map(MatchResult::group)
                            .toList()
                            .toString();
            return (text.strip().matches("(?s)[{\\[].*[}\\]]") ? "whole " : "BROKEN ")
                    + digest(scores.getBytes(UTF_8));
        } else if (name.endsWith("page.html")) {
            return text.strip().endsWith("</html>") ? "whole" : "BROKEN";
        } else if (name.endsWith(".bin")) { // a compiler's, after its hash
            String hash = text.substring(0, Math.min(32, bytes.length));
            byte[] made = Arrays.copyOfRange(bytes, hash.length(), bytes.length);
            return hash.equals(new String(sha256(made), ISO_8859_1)) ? "whole" : "BROKEN";
        }
        return digest(bytes);
    }

    private static String digest(byte[] bytes) {
        return HexFormat.of().formatHex(sha256(bytes)) + " of " + bytes.length;
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Collections.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
