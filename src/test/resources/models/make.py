"""Writes the models beside it, and what the programs that wrote them say of some rows (expected.json).

    python make.py keras        # Keras 3.15.1 on PyTorch 2.13.0, h5py 3.16.0
    python make.py torch        # PyTorch 2.13.0, onnx 1.23.1, onnxscript 0.7.2, safetensors 0.8.0
    python make.py tensorflow   # TensorFlow 2.21.0 with tf-keras 2.21.0 (Keras 2) and tf2onnx 1.16.1

Each adds its part to expected.json: for each file the rows, and what the model gives for them: probabilities where it
ends in softmax or sigmoid, else its outputs. Files made again differ in names, times and
some weights.
"""
import json
import os
import sys

part = sys.argv[1]
os.environ["KERAS_BACKEND"] = "tensorflow" if part == "tensorflow" else "torch"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.chdir(os.path.dirname(os.path.abspath(__file__)))
import numpy as np

random = np.random.default_rng(7)
expected = json.load(open("expected.json")) if os.path.exists("expected.json") else {}
pixels = random.integers(0, 256, (6, 4, 3)).astype("float32")
table = (random.normal(size=(6, 5)) * [1, 10, 0.1, 3, 100] + [0, 50, 1, -3, 1000]).astype("float32")


def keep(file, rows, outputs):
    rows, outputs = np.asarray(rows, "float64"), np.asarray(outputs, "float64")
    expected[file] = {"shape": list(rows.shape[1:]), "rows": rows.reshape(len(rows), -1).tolist(), "outputs": outputs.tolist()}
    print(file, os.path.getsize(file), outputs[0])


def randomize(model):
    """Also biases, which start at 0."""
    model.set_weights([w + random.normal(size=w.shape, scale=0.3).astype("float32") if w.shape else w for w in model.get_weights()])


if part == "keras":
    import h5py
    import keras
    from keras import layers as L

    def save(model, rows, *files, loss=None):
        randomize(model)
        if loss:
            model.compile(loss=loss)
        for file in files:
            model.save(file)
            keep(file, rows, model.predict(rows, verbose=0))

    images = [L.Rescaling(1 / 255, offset=-0.5), L.Flatten(), L.Dense(5, activation="gelu"), L.Dropout(0.3), L.Dense(4),
              L.Activation("relu"), L.Dense(3, activation="softmax")]
    save(keras.Sequential([keras.Input((4, 3)), *images]), pixels, "images.keras", "images.h5",
         loss=keras.losses.SparseCategoricalCrossentropy())

    # what Keras does not write
    with h5py.File("images.h5") as whole, h5py.File("compressed.h5", "w") as packed:
        packed.attrs.update({key: whole.attrs[key] for key in ("model_config", "training_config")})
        for array in "kernel", "bias":
            name = f"model_weights/dense/sequential/dense/{array}"
            packed.create_dataset(name, data=whole[name][()], compression="gzip")

    # each column of a table; what the first layer learned from is not in the order of the names
    normalization = L.Normalization(name="zz")
    normalization.adapt(table)
    x = keras.Input((5,), name="columns")
    y = L.Dense(6, activation="tanh", name="second")(normalization(x))
    y = L.Dense(4, activation="silu", use_bias=False, name="first")(y)
    model = keras.Model(x, L.Dense(2, name="out")(y))
    model.compile(loss=keras.losses.Huber())  # of any other delta the file would not say
    model.get_layer("second").set_weights([w + 0.1 for w in model.get_layer("second").get_weights()])
    model.save("table.keras")
    keep("table.keras", table, model.predict(table, verbose=0))

    # one mean for each of the last axis, as of colours; yes or no
    colours = L.Normalization(mean=[100.0, 120.0, 140.0], variance=[900.0, 1600.0, 2500.0])
    save(keras.Sequential([keras.Input((4, 3)), colours, L.Flatten(), L.Dense(4), L.ReLU(),
                           L.Dense(1, activation="sigmoid")]), pixels, "colours.keras", loss="binary_crossentropy")

    # what Quern has not
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(2, 3, name="seeing"), L.BatchNormalization(), L.Flatten(), L.Dense(2)])
    model.save("convolution.keras")
    x = keras.Input((3,))
    twice = L.Dense(3, name="twice")
    keras.Model(x, L.Dense(1)(twice(twice(x)))).save("shared.keras")

if part == "torch":
    import onnx
    import torch
    from safetensors.torch import save_file
    from torch import nn

    torch.manual_seed(3)

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.GELU(), nn.Dropout(0.1), nn.Linear(5, 4), nn.ReLU(),
                                     nn.Linear(4, 3))

        def forward(self, x):
            return self.net((x / 255 - 0.1307) / 0.3081)

    class Viewed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(12, 24, bias=False)
            self.fc2 = nn.Linear(24, 2)

        def forward(self, x):
            x = x.view(x.size(0), -1) * 0.01
            return torch.sigmoid(self.fc2(torch.tanh(self.fc1(x))))

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(12, 4)
            self.fc2 = nn.Linear(4, 3)

        def forward(self, x):
            return torch.log_softmax(self.fc2(nn.functional.silu(self.fc1(x.flatten(1) / 255))), 1)

    rows = torch.tensor(pixels)
    for name, model in ("scaled", Scaled()), ("viewed", Viewed()), ("named", Named()):
        model.eval()
        said = model(rows).detach()
        said = said.exp() if name == "named" else said
        batch = torch.export.Dim("batch")
        file = f"torch-{name}.onnx"
        torch.onnx.export(model, (rows,), file, dynamo=True, input_names=["x"], output_names=["y"], verbose=False,
                          dynamic_shapes={"x": {0: batch}})
        model_proto = onnx.load(file, load_external_data=False)
        for thing in [model_proto.graph, *model_proto.graph.node, *model_proto.graph.value_info, *model_proto.graph.input,
                      *model_proto.graph.output]:
            del thing.metadata_props[:]  # names of source files of the machine
        open(file, "wb").write(model_proto.SerializeToString())
        keep(file, pixels, said)
        if os.path.exists(file + ".data") and os.path.getsize(file + ".data") == 0:
            os.remove(file + ".data")
        file = f"torch-{name}-old.onnx"
        torch.onnx.export(model, (rows,), file, dynamo=False, opset_version=13, input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": {0: "batch"}})
        keep(file, pixels, said)
        weights = model.state_dict()
        if name == "scaled":  # as torch.compile and DataParallel name them
            weights = {"_orig_mod.module." + key: value for key, value in weights.items()}
            weights["steps"] = torch.tensor(7)
            weights["loss.weights"] = torch.ones(3)
        file = f"torch-{name}.safetensors"
        save_file(weights, file)
        scale = {"scaled": 0.01, "viewed": 0.01, "named": 1 / 255}[name]  # the file does not say so
        small = rows * scale
        said = {"scaled": lambda: model.net(small), "viewed": lambda: model(rows), "named": lambda: model(rows).exp()}
        keep(file, small.numpy(), said[name]().detach())
    weights = {key: value.half() for key, value in Named().state_dict().items()}
    save_file({**weights, "head2.weight": torch.ones(3, 4).half()}, "torch-unclear.safetensors")

if part == "tensorflow":
    import keras
    import tensorflow as tf
    import tf2onnx
    import tf_keras
    from keras import layers as L

    model = keras.Sequential([keras.Input((4, 3)), L.Rescaling([0.1, 0.01, 0.001], offset=0.5), L.Flatten(), L.Dense(5, activation="silu"),
                              L.Dropout(0.3), L.Dense(4), L.Activation("tanh"), L.Dense(3, activation="softmax")])
    randomize(model)
    said = model.predict(pixels, verbose=0)
    signature = [tf.TensorSpec((None, 4, 3), tf.float32, name="x")]
    tf2onnx.convert.from_function(tf.function(lambda x: model(x), input_signature=signature), input_signature=signature, opset=13,
                                  output_path="tf2onnx.onnx")
    keep("tf2onnx.onnx", pixels, said)

    L = tf_keras.layers
    model = tf_keras.Sequential([L.Flatten(input_shape=(4, 3)), L.Dense(5, activation="relu"), L.Dropout(0.2), L.Dense(3, activation="softmax")])
    randomize(model)
    model.compile(loss="sparse_categorical_crossentropy")
    model.save("keras2.h5")
    keep("keras2.h5", pixels / 255, model.predict(pixels / 255, verbose=0))
    x = tf_keras.Input((5,))
    model = tf_keras.Model(x, L.Dense(1)(L.Dense(4, activation="swish")(L.Rescaling(0.01)(x))))
    randomize(model)
    model.compile(loss="mse")
    for file in "keras2-table.h5", "keras2-table.keras":
        model.save(file)
        keep(file, table, model.predict(table, verbose=0))

json.dump(dict(sorted(expected.items())), open("expected.json", "w"), indent=None, separators=(",", ":"))
open("expected.json", "a").write("\n")
for file in os.listdir():
    os.chmod(file, 0o644)
