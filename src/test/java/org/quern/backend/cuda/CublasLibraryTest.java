package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;
import org.quern.backend.Usable;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;
import org.quern.cli.Quern;

/** Where cuBLAS is looked for, and how majors other than 12 are used. */
class CublasLibraryTest {
    @TempDir Path root;

    private Path library(String folder, String name) throws IOException {
        return Files.createFile(Files.createDirectories(root.resolve(folder)).resolve(name));
    }

    private CublasLibrary find(Map<String, String> environment) throws UnavailableException {
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

    /** The simulator's cuBLAS under another major's name: JCuda reaches it through the bridge. */
    @ParameterizedTest
    @ValueSource(ints = {11, 13})
    void othersThanTwelveAreUsedThroughTheBridge(int major) throws Exception {
        Usable.named("cuda");
        Path simulated = Path.of("target", "cudasim").toAbsolutePath();
        Path other = root.resolve("libcublas.so." + major);
        // another soname, or the loader would take it for the bridge
        byte[] content = Files.readAllBytes(simulated.resolve("libcublas.so.12"));
        byte[] name = "libcublas.so.12\0".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
        for (int i = 0; i + name.length <= content.length; i++) {
            if (java.util.Arrays.equals(content, i, i + name.length, name, 0, name.length)) {
                content[i + name.length - 2] = (byte) ('0' + major % 10);
            }
        }
        Files.write(other, content);
        Files.copy(simulated.resolve("libcublasLt.so.12"), root.resolve("libcublasLt.so." + major));
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
