package org.quern.cli;

import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.quern.files.AtomicFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.io.OnnxFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code quern export}. */
@Command(
        name = "export",
        description = "Writes a trained model as ONNX, for other programs to run.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  quern export runs/a --onnx digits.onnx",
            "  quern export model.safetensors --onnx model.onnx",
            "  quern export torch.safetensors --model \"dense 10\" --onnx m.onnx"
        })
final class ExportCommand implements Callable<Integer> {
    private final Console console;

    @Mixin ModelSource source;

    @Option(
            names = "--onnx",
            paramLabel = "FILE",
            required = true,
            description = "Write the model to this file.")
    Path onnx;

    @Mixin HelpOption help;

    ExportCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (onnx.equals(source.path)) {
            throw usage("--onnx %s is the model itself: name another file", onnx);
        }
        AtomicFile.check(onnx);
        SavedModel saved = source.open().saved();
        OnnxFile.write(onnx, saved);
        String shape =
                saved.model().inputShape().stream()
                        .map(Object::toString)
                        .collect(Collectors.joining(", "));
        console.line(
                "%s: ONNX opset %d; input [N, %s], float32, as in the data; %s [N, %d]"
                        .formatted(
                                onnx,
                                OnnxFile.OPSET,
                                shape,
                                OnnxFile.output(saved),
                                saved.model().outputSize()));
        return 0;
    }
}
