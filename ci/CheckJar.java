import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * What the runnable jar holds, and whether each library in it has its licence there: {@code CheckJar JAR}, with the class
 * path that the jar was made of. Prints the bytes of each part; exits with 1, naming each problem, where
 *
 * <ul>
 *   <li>a library's jar is not named by one file of META-INF/licenses (in its first line, with the version: a new version's
 *       licence is to be looked at),
 *   <li>that file lacks a licence or notice that the library's own jar has, or
 *   <li>an entry comes from nowhere on the class path, or is of no use in one jar, or
 *   <li>a library has native code for some platform in it, which all who use Quern would have to fetch.
 * </ul>
 */
public final class CheckJar {
    private static final String LICENSES = "META-INF/licenses/";
    private static final String FILES_OF = "Files of: ";
    private static final Pattern LEGAL = Pattern.compile("(?i)(.*/)?(licen[sc]e|notice|copying)(\\.txt|\\.md)?");
    private static final Pattern MADE_HERE = Pattern.compile("META-INF/(MANIFEST\\.MF|LICENSE|NOTICE)");
    private static final Pattern USELESS =
            Pattern.compile("(.*/)?module-info\\.class|META-INF/(maven|windows|macos|freebsd)/.*|META-INF/[^/]*\\.(SF|RSA|DSA)");

    private static final Pattern NATIVE = Pattern.compile(".*\\.(so|dll|dylib|jnilib)");
    private static final Pattern OF_PLATFORM = Pattern.compile("native/([^/]+)/.*");

    private CheckJar() {}

    public static void main(String[] arguments) throws IOException {
        Path quern = null;
        List<String> problems = new ArrayList<>();
        Map<String, String> origin = new HashMap<>();
        Map<String, String> legal = new LinkedHashMap<>(); // by library: its own licences and notices
        for (String part : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path path = Path.of(part);
            if (Files.isDirectory(path)) {
                quern = path;
                continue;
            }
            String name = path.getFileName().toString();
            try (ZipFile library = new ZipFile(part)) {
                StringBuilder texts = new StringBuilder();
                for (ZipEntry entry : Collections.list(library.entries())) {
                    origin.putIfAbsent(entry.getName(), name);
                    if (NATIVE.matcher(entry.getName()).matches()) {
                        problems.add(name + " has " + entry.getName() + ": let pom.xml unpack what of it is needed to native/");
                    }
                    if (LEGAL.matcher(entry.getName()).matches()) {
                        texts.append(read(library, entry)).append('\0');
                    }
                }
                legal.put(name, texts.toString());
            }
        }
        Map<String, String> licenses = new HashMap<>(); // by library
        Map<String, long[]> parts = new LinkedHashMap<>();
        try (ZipFile jar = new ZipFile(arguments[0])) {
            for (ZipEntry entry : Collections.list(jar.entries())) {
                String name = entry.getName();
                if (entry.isDirectory()) {
                    continue;
                }
                boolean ours = Files.exists(quern.resolve(name));
                String part = ours || MADE_HERE.matcher(name).matches() ? "Quern" : origin.get(name);
                Matcher platform = OF_PLATFORM.matcher(name);
                if (platform.matches()) {
                    part = "native/" + platform.group(1);
                }
                if (part == null) {
                    problems.add(name + " is from nowhere on the class path");
                    continue;
                }
                if (USELESS.matcher(name).matches()) {
                    problems.add(name + " is of no use in this jar: leave it out");
                }
                parts.computeIfAbsent(part, p -> new long[1])[0] += entry.getCompressedSize();
                if (name.startsWith(LICENSES)) {
                    String text = read(jar, entry);
                    String first = text.lines().findFirst().orElse("");
                    for (String library : first.replaceFirst("^" + FILES_OF, "").split(" ")) {
                        if (!legal.containsKey(library)) {
                            problems.add(name + " names " + library + ", which is not in the jar");
                        } else if (licenses.put(library, text) != null) {
                            problems.add(library + " is named by two files of " + LICENSES);
                        }
                    }
                }
            }
        }
        legal.forEach((library, own) -> {
            String text = licenses.get(library);
            if (text == null) {
                problems.add(library + " is in the jar, but no file of src/main/resources/" + LICENSES + " begins with '"
                        + FILES_OF + library + "': add its licence");
                return;
            }
            for (String needed : own.split("\0")) {
                if (!text.contains(needed.strip())) {
                    problems.add(LICENSES + ": the licence of " + library + " is not the one in its own jar");
                }
            }
        });
        System.out.printf("%s: %,d bytes%n", arguments[0], Files.size(Path.of(arguments[0])));
        parts.forEach((part, bytes) -> System.out.printf("%,10d %s%n", bytes[0], part));
        problems.forEach(problem -> System.out.println("PROBLEM: " + problem));
        System.exit(problems.isEmpty() ? 0 : 1);
    }

    private static String read(ZipFile zip, ZipEntry entry) throws IOException {
        return new String(zip.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8).replace("\r\n", "\n");
    }
}
