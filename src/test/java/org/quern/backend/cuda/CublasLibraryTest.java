package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;
import org.quern.backend.Usable;
import org.quern.cli.Quern;

/** Where cuBLAS is looked for, and how majors other than 12 are used. */
class CublasLibraryTest {
    @TempDir Path root;

    private Path library(String folder, String name) throws IOException {
        return Files.createFile(Files.createDirectories(root.resolve(folder)).resolve(name));
    }

    private CublasLibrary find(Map<String, String> environment) {
        return CublasLibrary.find(null, environment, root);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "usr/local/cuda-12.4/lib64",
                "usr/local/cuda/targets/x86_64-linux/lib",
                "opt/cuda/lib64",
                "usr/lib/x86_64-linux-gnu",
                "usr/lib64",
                "usr/local/lib/python3.11/dist-packages/nvidia/cublas/lib",
                "usr/lib/python3.12/site-packages/nvidia/cublas/lib",
            })
    void looksInTheSystemsFolders(String folder) throws Exception {
        Path file = library(folder, "libcublas.so.12");
        assertThat(find(Map.of())).isEqualTo(new CublasLibrary(file, 12));
    }

    @Test
    void looksWhereVariablesPoint() throws Exception {
        Path path = library("toolkit/lib64", "libcublas.so.12");
        assertThat(find(Map.of("CUDA_PATH", root.resolve("toolkit").toString())).path())
                .isEqualTo(path);
        assertThat(find(Map.of("LD_LIBRARY_PATH", "/none:" + path.getParent())).path())
                .isEqualTo(path);
        Path pip = library("venv/lib/python3.13/site-packages/nvidia/cu13/lib", "libcublas.so.13");
        assertThat(find(Map.of("VIRTUAL_ENV", root.resolve("venv").toString())))
                .isEqualTo(new CublasLibrary(pip, 13));
        Path conda = library("conda/lib", "libcublas.so.11");
        assertThat(find(Map.of("CONDA_PREFIX", root.resolve("conda").toString())))
                .isEqualTo(new CublasLibrary(conda, 11));
    }

    @Test
    void looksForWhatIsInstalledOnWindows() throws Exception {
        Path toolkit = library("toolkit/bin", "cublas64_12.dll");
        Path light = library("toolkit/bin", "cublasLt64_12.dll");
        CublasLibrary found = find(Map.of("CUDA_PATH", root.resolve("toolkit").toString()));
        assertThat(found).isEqualTo(new CublasLibrary(toolkit, 12));
        assertThat(found.light()).containsExactly(light);
        Path pip = library("venv/Lib/site-packages/nvidia/cublas/bin", "cublas64_12.dll");
        assertThat(find(Map.of("VIRTUAL_ENV", root.resolve("venv").toString())).path())
                .isEqualTo(pip);
        String os = System.getProperty("os.name");
        System.setProperty("os.name", "Windows 11");
        try {
            Path prefix = library("python/Lib/site-packages/nvidia/cublas/bin", "cublas64_12.dll");
            Files.createFile(root.resolve("python/python.exe"));
            String path = root.resolve("python").toString();
            assertThat(find(Map.of("Path", path)).path()).isEqualTo(prefix);
            // of a system's folder before that
            Path direct = library("direct", "cublas64_12.dll").getParent();
            path += File.pathSeparator + direct;
            assertThat(find(Map.of("Path", path)).path().getParent()).isEqualTo(direct);
            CublasLibrary other = new CublasLibrary(root.resolve("cublas64_13.dll"), 13);
            assertThatThrownBy(other::load)
                    .hasMessage("%s cannot be used: on Windows cuBLAS 12 is wanted", other.path());
        } finally {
            System.setProperty("os.name", os);
        }
    }

    /** A folder of PATH with a python3 in it: a file, or a link to one. */
    private String python(String folder, String target) throws IOException {
        Path command = Files.createDirectories(root.resolve(folder)).resolve("python3");
        if (target == null) {
            Files.createFile(command).toFile().setExecutable(true);
        } else {
            Files.createSymbolicLink(command, root.resolve(target).resolve("python3"));
        }
        return command.getParent().toString();
    }

    /**
     * Of the Python that a shell would start, wherever it is; pip's packages lie below its prefix.
     */
    @Test
    void looksInTheFoldersOfThePythonOnThePath() throws Exception {
        String packages = "lib/python3.12/site-packages/nvidia/";
        String own = python("opt/py/bin", null);
        String none = root.resolve("none").toString();
        assertThatThrownBy(() -> find(Map.of("PATH", none + ":" + own)))
                .hasMessageStartingWith("no cuBLAS found");
        Path library = library("opt/py/" + packages + "cu13/lib", "libcublas.so.13");
        CublasLibrary found = new CublasLibrary(library, 13);
        assertThat(find(Map.of("PATH", none + "::" + own))).isEqualTo(found);
        // by a link such as distributions make, and a link to it
        String link = python("bin1", "opt/py/bin");
        assertThat(find(Map.of("PATH", link + ":" + none))).isEqualTo(found);
        assertThat(find(Map.of("PATH", python("bin2", "bin1")))).isEqualTo(found);
        // the first of the path alone
        String other = python("other/bin", null);
        assertThatThrownBy(() -> find(Map.of("PATH", other + ":" + own)))
                .hasMessageStartingWith("no cuBLAS found");
        // a virtual environment, not activated: its own packages before those of its Python
        String venv = python("venv/bin", "opt/py/bin");
        Path inside = library("venv/" + packages + "cublas/lib", "libcublas.so.12");
        assertThat(find(Map.of("PATH", venv)).path()).isEqualTo(inside);
        // pyenv's shims are scripts
        String shims = python("pyenv/shims", null);
        Path version =
                library("pyenv/versions/3.12.1/" + packages + "cublas/lib", "libcublas.so.12");
        assertThat(find(Map.of("PATH", shims)).path()).isEqualTo(version);
        // only where nothing else is found, even of a lesser rank
        Path system = library("usr/lib64", "libcublas.so.11");
        assertThat(find(Map.of("PATH", shims)).path()).isEqualTo(system);
        assertThat(find(Map.of("PATH", shims, CublasLibrary.VARIABLE, library.toString())))
                .isEqualTo(found);
    }

    @Test
    void prefersTwelveThenThirteenThenEleven() throws Exception {
        library("usr/lib64", "libcublas.so.10");
        library("usr/lib64", "libcublas.so.11.5.1");
        assertThat(find(Map.of()).major()).isEqualTo(11);
        library("usr/lib/x86_64-linux-gnu", "libcublas.so.13");
        assertThat(find(Map.of()).major()).isEqualTo(13);
        library("opt/cuda/lib64", "libcublas.so.12");
        assertThat(find(Map.of()).major()).isEqualTo(12);
    }

    @Test
    void saysWhatIsLostWithoutIt() throws Exception {
        assertThatThrownBy(() -> find(Map.of()))
                .hasMessage(
                        "no cuBLAS found, so Quern's own kernels do all matrix products (large"
                                + " layers are slower): install CUDA's libcublas or pip's"
                                + " nvidia-cublas, or name it with --cublas");
        library("usr/lib64", "libcublas.so.9");
        assertThatThrownBy(() -> find(Map.of()))
                .hasMessageStartingWith("cuBLAS 9 is too old (11, 12 or 13 is wanted), so");
    }

    /**
     * The simulator's cuBLAS as another major: JCuda reaches it through the bridge. As NVIDIA's, it
     * needs the cublasLt beside it, and does not say where that is.
     */
    @Tag("jdk") // JCuda in a user's process
    @ParameterizedTest
    @ValueSource(ints = {11, 13})
    void othersThanTwelveAreUsedThroughTheBridge(int major) throws Exception {
        Usable.named("cuda");
        Path simulated = Path.of("target", "cudasim").toAbsolutePath();
        Path other = root.resolve("libcublas.so." + major);
        Path light = root.resolve("libcublasLt.so." + major);
        Path products = Files.createDirectory(root.resolve("products")).resolve("libproducts.so");
        renamed(simulated.resolve("libcublas.so.12"), products, 90);
        renamed(simulated.resolve("libcublasLt.so.12"), light, major);
        Process link =
                new ProcessBuilder(
                                "g++",
                                "-shared",
                                "-o",
                                other.toString(),
                                "-Wl,-soname," + other.getFileName(),
                                "-Wl,--no-as-needed",
                                "-Wl,--allow-shlib-undefined",
                                "-Wl,-rpath," + products.getParent(),
                                products.toString(),
                                light.toString())
                        .inheritIO()
                        .start();
        assertThat(link.waitFor()).isZero();
        // what it is linked to is found by its soname
        Files.move(products, products.resolveSibling("libcublas.so.90"));
        List<String> outputs = new java.util.ArrayList<>();
        for (Path library : List.of(simulated.resolve("libcublas.so.12"), other)) {
            Jvm.Outcome outcome =
                    new Jvm(root)
                            .with("QUERN_CUDASIM_REPORT", root.resolve("report.txt"))
                            .run(
                                    Quern.class,
                                    "train",
                                    "--backend",
                                    "cuda",
                                    "--gemm",
                                    "cublas",
                                    "--cublas",
                                    library.toString(),
                                    "--data",
                                    "generated:200,100",
                                    "--epochs",
                                    "2");
            assertThat(outcome.err()).isEmpty();
            assertThat(outcome.code()).isZero();
            outputs.add(
                    outcome.out().lines().filter(l -> l.startsWith("test ")).toList().toString());
        }
        assertThat(outputs.get(1)).startsWith("[test accuracy").isEqualTo(outputs.get(0));
    }

    /** A library under another major's soname, or the loader would take it for the bridge. */
    private static void renamed(Path library, Path to, int major) throws IOException {
        byte[] content = Files.readAllBytes(library);
        for (String name : List.of("libcublas.so.", "libcublasLt.so.")) {
            byte[] twelve = (name + "12\0").getBytes(java.nio.charset.StandardCharsets.US_ASCII);
            byte[] other =
                    (name + major + "\0").getBytes(java.nio.charset.StandardCharsets.US_ASCII);
            for (int i = 0; i + twelve.length <= content.length; i++) {
                if (java.util.Arrays.equals(
                        content, i, i + twelve.length, twelve, 0, twelve.length)) {
                    System.arraycopy(other, 0, content, i, other.length);
                }
            }
        }
        Files.write(to, content);
    }

    /** A cuBLAS that came without its cublasLt still does the products. */
    @Test
    void withoutCublasLtItSaysSo() throws Exception {
        Usable.named("cuda");
        Path library = root.resolve("libcublas.so.12");
        Files.copy(Path.of("target", "cudasim", "libcublas.so.12"), library);
        Jvm.Outcome outcome =
                new Jvm(root)
                        .run(
                                Quern.class,
                                "train",
                                "--backend",
                                "cuda",
                                "--precision",
                                "bf16",
                                "--cublas",
                                library.toString(),
                                "--data",
                                "generated:200,100",
                                "--epochs",
                                "1");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        assertThat(outcome.out())
                .contains("cuBLAS has no cublasLt beside it (libcublasLt.so.12: ")
                .contains("test accuracy");
    }
}
