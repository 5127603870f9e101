package org.quern.backend.cuda;

import static org.quern.QuernException.backend;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.backend.nativelib.NativeLibraries;

/**
 * A cuBLAS on this machine.
 *
 * @param path the library's file
 * @param major its major version: 12 is used as it is, 11 and 13 through the bridge
 */
record CublasLibrary(Path path, int major) {
    static final String VARIABLE = "QUERN_CUBLAS"; // names a library or a folder that holds one
    private static final List<Integer> MAJORS = List.of(12, 13, 11); // best first

    private static final Pattern NAME =
            Pattern.compile("(?:libcublas\\.so\\.|cublas64_)(\\d+)(\\..*)?");

    private static final String FILES = "libcublas.so.*|cublas64_*.dll";

    /** What pip installs below a lib folder; from 13 on all of CUDA is in one. */
    private static final String PIP =
            "/python3*/site-packages|dist-packages/nvidia/cublas|cu1*/lib";

    private static final String PIP_ON_WINDOWS = "Lib/site-packages/nvidia/cublas|cu1*/bin";

    /**
     * Where to look, in order. A folder's name may have a {@code *}, and names between bars are
     * tried in turn; what begins with a variable is left out where that is not set.
     */
    private static final List<String> PLACES =
            List.of(
                    "$CUDA_PATH/lib64",
                    "$CUDA_PATH/targets/x86_64-linux/lib",
                    "$CUDA_PATH/bin",
                    "$CUDA_PATH/bin/x64",
                    "$CUDA_HOME/lib64",
                    "$CUDA_HOME/targets/x86_64-linux/lib",
                    "$CONDA_PREFIX/lib",
                    "$CONDA_PREFIX/Library/bin",
                    "$CONDA_PREFIX/" + PIP_ON_WINDOWS,
                    "$CONDA_PREFIX/lib" + PIP,
                    "$VIRTUAL_ENV/lib" + PIP,
                    "$VIRTUAL_ENV/" + PIP_ON_WINDOWS,
                    "/usr/local/cuda*/lib64",
                    "/usr/local/cuda*/targets/x86_64-linux/lib",
                    "/opt/cuda/lib64",
                    "/opt/cuda/targets/x86_64-linux/lib",
                    "/usr/lib/x86_64-linux-gnu",
                    "/usr/lib64",
                    "/usr/lib",
                    "/lib64",
                    "/usr/local/lib" + PIP,
                    "/usr/lib" + PIP,
                    "$HOME/.local/lib" + PIP,
                    "$HOME/.pyenv/versions/*/lib" + PIP);

    /**
     * Finds cuBLAS; fails if there is none, or none where the user says (backend).
     *
     * @param wanted a file or folder that the user names, or null
     * @param root below which the system's folders are
     */
    static CublasLibrary find(String wanted, Map<String, String> environment, Path root) {
        if (wanted != null) {
            return given("--cublas", wanted);
        }
        String variable = environment.get(VARIABLE);
        if (variable != null && !variable.isBlank()) {
            return given(VARIABLE, variable);
        }
        int unsupported = 0;
        for (List<Path> folders : List.of(folders(environment, root), ofPython(environment))) {
            List<Path> files = below(folders, FILES);
            CublasLibrary best = best(files);
            if (best != null) {
                return best;
            }
            unsupported = files.isEmpty() ? unsupported : major(files.get(files.size() - 1));
        }
        String tooOld = "cuBLAS %d is too old (11, 12 or 13 is wanted)".formatted(unsupported);
        throw backend(
                "%s, so Quern's own kernels do all matrix products (large layers are slower): install"
                        + " CUDA's libcublas or pip's nvidia-cublas, or name it with --cublas",
                unsupported == 0 ? "no cuBLAS found" : tooOld);
    }

    private static CublasLibrary given(String by, String name) {
        Path path = Path.of(name).toAbsolutePath();
        if (!Files.exists(path)) {
            throw backend("%s %s: no such file", by, name);
        }
        List<Path> files = Files.isDirectory(path) ? below(List.of(path), FILES) : List.of(path);
        CublasLibrary best = best(files);
        if (best == null) {
            String wanted = "cuBLAS 11, 12 or 13";
            throw files.isEmpty()
                    ? backend("%s %s: there is no %s in that folder", by, name, wanted)
                    : backend("%s %s: is no %s", by, name, wanted);
        }
        return best;
    }

    /** The first of the best major version; null if there is none. */
    private static CublasLibrary best(List<Path> files) {
        return files.stream()
                .map(file -> new CublasLibrary(file, major(file)))
                .filter(one -> MAJORS.contains(one.major))
                .min(Comparator.comparing(one -> MAJORS.indexOf(one.major)))
                .orElse(null);
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

    private static List<Path> folders(Map<String, String> environment, Path root) {
        List<Path> folders = new ArrayList<>(NativeLibraries.loaderFolders(environment));
        for (String place : PLACES) {
            int slash = place.indexOf('/');
            String start = slash == 0 ? "/" : environment.get(place.substring(1, slash));
            if (start != null && !start.isBlank()) {
                Path from = slash == 0 ? root : Path.of(start);
                folders.addAll(below(List.of(from), place.substring(slash + 1)));
            }
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
        if (NativeLibraries.isWindows()) { // python.exe is in the prefix, or in Scripts below it
            for (Path entry : NativeLibraries.folders(environment, "PATH")) {
                if (Files.exists(entry.resolve("python.exe"))) {
                    folders.addAll(below(List.of(entry, entry.resolve("..")), PIP_ON_WINDOWS));
                }
            }
            return folders;
        }
        for (Path entry : NativeLibraries.folders(environment, "PATH")) {
            Path command = entry.resolve("python3").toAbsolutePath();
            if (!Files.isExecutable(command)) {
                continue;
            }
            Set<Path> files = new LinkedHashSet<>(List.of(command));
            try {
                files.add(command.toRealPath());
            } catch (IOException e) {
                continue; // gone in this moment
            }
            for (Path file : files) {
                List<Path> prefix = List.of(file.resolve("../..").normalize());
                folders.addAll(below(prefix, "lib|lib64" + PIP));
                folders.addAll(below(prefix, "versions/*/lib|lib64" + PIP));
            }
            break;
        }
        return folders;
    }

    /** What is below folders by such a path as {@link #PLACES} has. */
    private static List<Path> below(List<Path> folders, String path) {
        List<Path> found = folders;
        for (String names : path.split("/")) {
            found =
                    found.stream()
                            .flatMap(
                                    folder ->
                                            Arrays.stream(names.split("\\|"))
                                                    .flatMap(name -> matching(folder, name)))
                            .toList();
        }
        return found;
    }

    private static Stream<Path> matching(Path folder, String glob) {
        if (!glob.contains("*")) {
            return Stream.of(folder.resolve(glob)); // which takes no look into it
        }
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, glob)) {
            entries.forEach(found::add);
        } catch (IOException e) {
            return Stream
                    .empty(); // a folder that is not there or cannot be read has nothing for us
        }
        return found.stream().sorted();
    }

    String description() {
        return "cuBLAS %d in %s".formatted(major, path.getParent());
    }

    /** What cuBLAS itself calls the cublasLt of its version. */
    String lightName() {
        boolean dll = path.toString().endsWith(".dll");
        return dll ? "cublasLt64_%d.dll".formatted(major) : "libcublasLt.so." + major;
    }

    /** The cublasLt beside it, by either of the names that are used. */
    List<Path> light() {
        String same = path.getFileName().toString().replace("cublas", "cublasLt");
        return Stream.of(lightName(), same)
                .distinct()
                .map(path::resolveSibling)
                .filter(file -> Files.exists(file) && !file.equals(path))
                .toList();
    }

    /**
     * Loads it, and JCuda's binding to it. Whatever its major version, it wants its cublasLt, which
     * the system's loader takes as found once it is loaded, and does not look for beside it. The
     * binding wants libcublas.so.12: where only another major version is there, {@code
     * native/cublas_bridge.c} stands in and forwards the calls that are used.
     */
    void load() {
        if (!light().isEmpty()) {
            NativeLibraries.load(light().get(0));
        }
        if (major == 12) {
            NativeLibraries.load(path);
        } else if (NativeLibraries.isWindows()) {
            // its loader wants all functions that the binding has, not just those that are called
            throw backend("%s cannot be used: on Windows cuBLAS 12 is wanted", path);
        } else {
            JCudaNatives.loadCublasBridge();
            String problem = JCudaNatives.openCublas(path.toString());
            if (problem != null) {
                throw backend(
                        "%s cannot be used (%s): name another with --cublas, or use --gemm own",
                        path, problem);
            }
        }
        JCudaNatives.loadCublas();
    }
}
