package org.quern.backend.cuda;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.backend.nativelib.NativeLibraries;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;

/**
 * A cuBLAS on this machine.
 *
 * @param path the library's file
 * @param major its major version: 12 is used as it is, 11 and 13 through the bridge
 */
record CublasLibrary(Path path, int major) {
    /** Names a library or a folder that holds one. */
    static final String VARIABLE = "QUERN_CUBLAS";

    /** Best first. */
    private static final List<Integer> MAJORS = List.of(12, 13, 11);

    private static final Pattern NAME = Pattern.compile("libcublas\\.so\\.(\\d+)(\\..*)?");

    /**
     * Finds cuBLAS.
     *
     * @param wanted a file or folder that the user names, or null
     * @throws UnavailableException if there is none, or none where the user says
     */
    static CublasLibrary find(String wanted, Map<String, String> environment)
            throws UnavailableException {
        return find(wanted, environment, Path.of("/"));
    }

    /** The same below another root, for tests. */
    static CublasLibrary find(String wanted, Map<String, String> environment, Path root)
            throws UnavailableException {
        if (wanted != null) {
            return given("--cublas", wanted);
        }
        String variable = environment.get(VARIABLE);
        if (variable != null && !variable.isBlank()) {
            return given(VARIABLE, variable);
        }
        CublasLibrary best = null;
        int unsupported = 0;
        for (List<Path> folders : List.of(folders(environment, root), ofPython(environment))) {
            for (Path file : folders.stream().flatMap(f -> libraries(f).stream()).toList()) {
                int major = major(file);
                int rank = MAJORS.indexOf(major);
                if (rank < 0) {
                    unsupported = major;
                } else if (best == null || rank < MAJORS.indexOf(best.major)) {
                    best = new CublasLibrary(file, major);
                }
            }
            if (best != null) {
                return best;
            }
        }
        throw new UnavailableException(
                (unsupported == 0
                                ? "no cuBLAS found"
                                : "cuBLAS %d is too old (11, 12 or 13 is wanted)"
                                        .formatted(unsupported))
                        + ", so Quern's own kernels do all matrix products (large layers are"
                        + " slower): install CUDA's libcublas or pip's nvidia-cublas, or name it"
                        + " with --cublas",
                null);
    }

    private static CublasLibrary given(String by, String name) throws UnavailableException {
        Path path = Path.of(name).toAbsolutePath();
        List<Path> files = Files.isDirectory(path) ? libraries(path) : List.of(path);
        if (!Files.exists(path)) {
            throw new UnavailableException("%s %s: no such file".formatted(by, name), null);
        }
        CublasLibrary best = null;
        for (Path file : files) {
            int rank = MAJORS.indexOf(major(file));
            if (rank >= 0 && (best == null || rank < MAJORS.indexOf(best.major))) {
                best = new CublasLibrary(file, major(file));
            }
        }
        if (best == null) {
            throw new UnavailableException(
                    files.isEmpty()
                            ? "%s %s: there is no libcublas.so.11, .12 or .13 in that folder"
                                    .formatted(by, name)
                            : "%s %s: is no libcublas.so.11, .12 or .13".formatted(by, name),
                    null);
        }
        return best;
    }

    /** The major version by the file's name, or that of what it links to; 0 if it is no cuBLAS. */
    private static int major(Path file) {
        try {
            for (Path path : List.of(file, file.toRealPath())) {
                Matcher name = NAME.matcher(path.getFileName().toString());
                if (name.matches()) {
                    return Integer.parseInt(name.group(1));
                }
            }
        } catch (IOException e) {
            return 0; // a link to nothing
        }
        return 0;
    }

    private static List<Path> libraries(Path folder) {
        List<Path> found = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "libcublas.so.*")) {
                files.forEach(found::add);
            } catch (IOException e) {
                return List.of(); // a folder that cannot be read has nothing for us
            }
        }
        found.sort(null);
        return found;
    }

    /** Where to look, in order. */
    private static List<Path> folders(Map<String, String> environment, Path root) {
        List<Path> folders = new ArrayList<>();
        for (String path : environment.getOrDefault("LD_LIBRARY_PATH", "").split(":")) {
            if (!path.isBlank()) {
                folders.add(Path.of(path));
            }
        }
        for (String variable : List.of("CUDA_PATH", "CUDA_HOME")) {
            toolkit(folders, environment.get(variable));
        }
        String conda = environment.get("CONDA_PREFIX");
        if (conda != null && !conda.isBlank()) {
            folders.add(Path.of(conda, "lib"));
            python(folders, Path.of(conda, "lib"));
        }
        String venv = environment.get("VIRTUAL_ENV");
        if (venv != null && !venv.isBlank()) {
            python(folders, Path.of(venv, "lib"));
        }
        matching(root.resolve("usr/local"), "cuda*")
                .forEach(cuda -> toolkit(folders, cuda.toString()));
        toolkit(folders, root.resolve("opt/cuda").toString());
        for (String system : List.of("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib", "lib64")) {
            folders.add(root.resolve(system));
        }
        for (String lib : List.of("usr/local/lib", "usr/lib")) {
            python(folders, root.resolve(lib));
        }
        String home = environment.get("HOME");
        if (home != null && !home.isBlank()) {
            python(folders, Path.of(home, ".local", "lib"));
            matching(Path.of(home, ".pyenv", "versions"), "*")
                    .forEach(version -> python(folders, version.resolve("lib")));
        }
        return folders;
    }

    /**
     * Those of the python3 that a shell would run, wherever it is installed. It need not be started
     * for that, which takes longer than all of Quern's start: its prefix is the folder above that
     * of its file, and a virtual environment's is that above the link to the Python which it was
     * made from. A shim of pyenv's is no link but a script: the Pythons are below its prefix.
     */
    private static List<Path> ofPython(Map<String, String> environment) {
        List<Path> folders = new ArrayList<>();
        for (String entry : environment.getOrDefault("PATH", "").split(":")) {
            Path command = Path.of(entry, "python3").toAbsolutePath();
            if (entry.isBlank() || !Files.isExecutable(command)) {
                continue;
            }
            Set<Path> files = new LinkedHashSet<>(List.of(command));
            try {
                files.add(command.toRealPath());
            } catch (IOException e) {
                continue; // gone in this moment
            }
            for (Path file : files) {
                Path prefix = file.resolve("../..").normalize();
                List<Path> prefixes = new ArrayList<>(List.of(prefix));
                prefixes.addAll(matching(prefix.resolve("versions"), "*"));
                for (Path each : prefixes) {
                    python(folders, each.resolve("lib"));
                    python(folders, each.resolve("lib64"));
                }
            }
            break;
        }
        return folders;
    }

    private static void toolkit(List<Path> folders, String cuda) {
        if (cuda != null && !cuda.isBlank()) {
            folders.add(Path.of(cuda, "lib64"));
            folders.add(Path.of(cuda, "targets", "x86_64-linux", "lib"));
        }
    }

    /**
     * What pip installs below a lib folder: cuBLAS 11 and 12, and from 13 on all of CUDA in one.
     */
    private static void python(List<Path> folders, Path lib) {
        for (Path version : matching(lib, "python3*")) {
            for (String packages : List.of("site-packages", "dist-packages")) {
                Path nvidia = version.resolve(packages).resolve("nvidia");
                folders.add(nvidia.resolve("cublas").resolve("lib"));
                matching(nvidia, "cu1*").forEach(cuda -> folders.add(cuda.resolve("lib")));
            }
        }
    }

    private static List<Path> matching(Path folder, String glob) {
        List<Path> found = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, glob)) {
                entries.forEach(found::add);
            } catch (IOException e) {
                return List.of(); // a folder that cannot be read has nothing for us
            }
        }
        found.sort(null);
        return found;
    }

    /** For logs. */
    String description() {
        return "cuBLAS %d in %s".formatted(major, path.getParent());
    }

    /** The cublasLt beside it, by either of the names that are used. */
    List<Path> light() {
        String link = "libcublasLt.so." + major;
        String same = path.getFileName().toString().replace("cublas.so", "cublasLt.so");
        return Stream.of(link, same)
                .distinct()
                .map(path::resolveSibling)
                .filter(file -> Files.exists(file) && !file.equals(path))
                .toList();
    }

    /**
     * Loads it, and JCuda's binding to it. Whatever its major version, it wants its cublasLt, which
     * the system's loader takes as found once it is loaded, and does not look for beside it.
     */
    void load(Map<String, String> environment) throws UnavailableException {
        if (!light().isEmpty()) {
            NativeLibraries.load(light().get(0));
        }
        if (major == 12) {
            NativeLibraries.load(path);
        } else {
            CublasBridge.load(environment, path);
        }
        JCudaNatives.loadCublas(environment);
    }
}
