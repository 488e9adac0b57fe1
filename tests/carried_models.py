"""Small Keras 3 models, one for each kind of layer that is carried to tf_keras; jobs of the converter's worker.

Two workers answer, one with each version of Keras; what they exchange is what the converter exchanges.
"""

from pathlib import Path

import numpy as np

PICTURE, SIGNAL, VOLUME = (8, 8, 4), (8, 6), (4, 4, 4, 2)

ACTIVATIONS = (
    "elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "leaky_relu", "linear", "log_softmax", "mish", "relu",
    "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh",
)  # fmt: skip


def models(keras):
    """Yield the name of each model, and the model; no weights are what they were initialized to."""
    layers = keras.layers
    keras.utils.set_random_seed(0)
    for name, (shape, stack) in _stacks(layers).items():
        whole = name.startswith("tokens")
        yield name, keras.Sequential([keras.Input(shape, dtype="int32" if whole else None), *stack], name=name)
    for name, build in _GRAPHS.items():
        yield name, build(keras, layers)


def _stacks(layers):
    adapted = layers.Normalization()
    adapted.adapt(np.random.default_rng(0).random((10, *PICTURE)) * 9)
    stacks = {f"activation {name}": (PICTURE, [layers.Conv2D(5, 3, activation=name)]) for name in ACTIVATIONS}
    for kind in ("Max", "Average"):
        for axes, shape in (("1D", SIGNAL), ("2D", PICTURE), ("3D", VOLUME)):
            pool = getattr(layers, f"{kind}Pooling{axes}")
            stacks[f"{kind}Pooling{axes}"] = (shape, [pool(3, strides=2, padding="same")])
            stacks[f"Global{kind}Pooling{axes}"] = (
                shape,
                [getattr(layers, f"Global{kind}Pooling{axes}")(keepdims=True)],
            )
    stacks |= {
        f"resized {how}": (PICTURE, [layers.UpSampling2D((2, 3), interpolation=how)])
        for how in ("nearest", "bilinear", "bicubic", "lanczos3")
    }
    return stacks | {
        "Conv1D": (SIGNAL, [layers.Conv1D(4, 3, padding="causal", dilation_rate=2)]),
        "Conv2D in groups": (PICTURE, [layers.Conv2D(8, 3, strides=2, padding="same", groups=2, use_bias=False)]),
        "Conv3D": (VOLUME, [layers.Conv3D(3, 2)]),
        "Conv1DTranspose": (SIGNAL, [layers.Conv1DTranspose(4, 3, strides=2, padding="same")]),
        "Conv2DTranspose": (PICTURE, [layers.Conv2DTranspose(4, 3, strides=2, output_padding=1)]),
        "Conv3DTranspose": (VOLUME, [layers.Conv3DTranspose(3, 2, strides=2)]),
        "DepthwiseConv1D": (SIGNAL, [layers.DepthwiseConv1D(3, depth_multiplier=2)]),
        "DepthwiseConv2D": (PICTURE, [layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)]),
        "SeparableConv1D": (SIGNAL, [layers.SeparableConv1D(5, 3)]),
        "SeparableConv2D": (PICTURE, [layers.SeparableConv2D(5, 3, depth_multiplier=2, activation="relu")]),
        "Dense": (PICTURE, [layers.Dense(5), layers.Flatten(), layers.Dense(3, use_bias=False)]),
        "BatchNormalization": (PICTURE, [layers.BatchNormalization(epsilon=1e-4, scale=False)]),
        "BatchNormalization of rows": (PICTURE, [layers.BatchNormalization(axis=1)]),
        "LayerNormalization": (PICTURE, [layers.LayerNormalization(epsilon=1e-6)]),
        "GroupNormalization": (PICTURE, [layers.GroupNormalization(2)]),
        "UnitNormalization": (PICTURE, [layers.UnitNormalization()]),
        "Normalization": (PICTURE, [layers.Normalization(mean=[1, 2, 3, 4.0], variance=[1, 2, 4, 5.0])]),
        "Normalization, adapted": (PICTURE, [adapted]),
        "Rescaling": (PICTURE, [layers.Rescaling(1 / 127.5, -1), layers.Rescaling([1, 2, 3, 4.0], [0, 1, 2, 3.0])]),
        "ReLU": (PICTURE, [layers.ReLU(6.0, negative_slope=0.1, threshold=0.5)]),
        "other activations": (
            PICTURE,
            [layers.Activation("hard_silu"), layers.LeakyReLU(0.3), layers.PReLU(shared_axes=[1, 2]), layers.ELU(0.5),
             layers.Softmax()],
        ),
        "shapes": (PICTURE, [layers.Reshape((4, 16, 4)), layers.Permute((2, 1, 3)), layers.Flatten(),
                             layers.RepeatVector(3)]),
        "edges": (PICTURE, [layers.ZeroPadding2D(((1, 2), (3, 0))), layers.Cropping2D(((1, 0), (0, 2)))]),
        "edges of signals": (SIGNAL, [layers.ZeroPadding1D(2), layers.Cropping1D(1), layers.UpSampling1D(2)]),
        "edges of volumes": (VOLUME, [layers.ZeroPadding3D(2), layers.Cropping3D(1), layers.UpSampling3D(2)]),
        "what only trains": (PICTURE, [layers.Dropout(0.5), layers.SpatialDropout2D(0.5), layers.GaussianNoise(0.5),
                                       layers.GaussianDropout(0.5), layers.AlphaDropout(0.5)]),
        "tokens": ((7,), [layers.Embedding(20, 5), layers.Flatten()]),
        "tokens, the zeros masked": ((7,), [layers.Embedding(20, 5, mask_zero=True), layers.LSTM(4)]),
        "Masking": (SIGNAL, [layers.Masking(0.0), layers.GRU(4, return_sequences=True), layers.LSTM(3)]),
        "LSTM": (SIGNAL, [layers.LSTM(4, return_sequences=True, recurrent_activation="hard_sigmoid"),
                          layers.LSTM(3, go_backwards=True)]),
        "GRU": (SIGNAL, [layers.GRU(4, reset_after=False, return_sequences=True), layers.GRU(3, activation="relu")]),
        "SimpleRNN": (SIGNAL, [layers.SimpleRNN(4)]),
        "Bidirectional": (SIGNAL, [layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
                                   layers.Bidirectional(layers.GRU(3), merge_mode="sum")]),
        "TimeDistributed": ((3, *PICTURE), [layers.TimeDistributed(layers.Conv2D(3, 3, activation="relu"))]),
    }  # fmt: skip


def _two(kind):
    def build(keras, layers):
        picture = keras.Input(PICTURE)
        both = [layers.Conv2D(3, 1)(picture), layers.Conv2D(3, 1)(picture)]
        return keras.Model(picture, getattr(layers, kind)()(both))

    return build


def _dot(keras, layers):
    rows = keras.Input((4, 6))
    return keras.Model(rows, layers.Dot(axes=(2, 2), normalize=True)([layers.Dense(6)(rows), rows]))


def _states(keras, layers):
    signal = keras.Input(SIGNAL)
    last, hidden, cell = layers.LSTM(4, return_state=True)(signal)
    return keras.Model(signal, [layers.LSTM(4)(signal, initial_state=[hidden, cell]), layers.Dense(2)(last), cell])


def _attention(keras, layers):
    signal = keras.Input(SIGNAL)
    own = layers.MultiHeadAttention(2, 3, value_dim=4)(signal, signal)
    return keras.Model(
        signal, layers.MultiHeadAttention(2, 3)(own, value=layers.Dense(6)(signal), key=signal, use_causal_mask=True)
    )


def _nested(keras, layers):
    # Called twice, its weights shared; a name that TensorFlow takes for no scope.
    base = keras.Sequential(
        [keras.Input(PICTURE), layers.Conv2D(4, 3, padding="same", name="_conv"), layers.BatchNormalization()],
        name="base",
    )
    picture = keras.Input(PICTURE)
    return keras.Model(picture, layers.Dense(3, name="last")(layers.Add()([base(picture), base(base(picture))])))


def _named_ends(keras, layers):
    b, a = keras.Input((4,), name="b"), keras.Input((3,), name="a")
    return keras.Model({"b": b, "a": a}, {"z": layers.Dense(2)(layers.Concatenate()([b, a])), "y": layers.Dense(1)(a)})


_GRAPHS = {
    **{
        kind: _two(kind)
        for kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    },
    "Dot": _dot,
    "states": _states,
    "MultiHeadAttention": _attention,
    "nested": _nested,
    "named ends": _named_ends,
}  # fmt: skip


def write_all(folder):
    """Write every model down, and return samples and answers of each; runs in a worker with Keras 3."""
    import keras

    from lepton_edge_converters.sparsity.carry import describe, weights_of
    from lepton_edge_converters.sparsity.written import write_network

    found = {}
    for name, model in models(keras):
        rng = np.random.default_rng(1)
        for variable in model.weights:
            if "variance" in variable.path:
                variable.assign(rng.uniform(0.5, 2, variable.shape))
            elif variable.dtype == "float32" and "normalization" not in variable.path:
                variable.assign(rng.normal(0, 0.3, variable.shape))
        network, layers = describe(model)
        write_network(Path(folder) / name, network, weights_of(layers))
        samples = [_samples(end, rng) for end in network.inputs]
        given = keras.tree.pack_sequence_as(model._inputs_struct, samples) if len(samples) > 1 else samples[0]
        answers = [np.asarray(one) for one in keras.tree.flatten(model(given, training=False))]
        found[name] = samples, answers
    return found


def _samples(end, rng):
    if end.dtype == "int32":
        return rng.integers(0, 20, (5, *end.shape)).astype(np.int32)
    samples = rng.normal(0, 2, (5, *end.shape)).astype(np.float32)
    if end.shape == SIGNAL:
        samples[:, 6:] = 0  # what a mask leaves out
    return samples


def answer_carried(folder, name, samples):
    """Return a carried model's answers, its layers' names, and its weights; runs in a worker without Keras 3."""
    import tensorflow as tf

    from lepton_edge_converters.sparsity.tfkeras import build
    from lepton_edge_converters.sparsity.written import read_network

    network, weights = read_network(Path(folder) / name)
    model, layers = build(network, weights)
    found = tf.nest.flatten(model(samples if len(samples) > 1 else samples[0], training=False))
    same = [
        np.array_equal(here, there)
        for layer, arrays in zip(layers, weights, strict=True)
        for here, there in zip(layer.get_weights() if arrays else [], arrays, strict=True)
    ]
    return [np.asarray(one) for one in found], [one.name for one in layers], all(same)


def refusal(kind):
    """Return why a kind of model cannot be carried; runs in a worker with Keras 3."""
    import keras

    from lepton_edge_converters.errors import LoadError
    from lepton_edge_converters.sparsity.carry import describe

    layers, numbers, one = keras.layers, keras.Input((4, 4)), keras.Input(batch_shape=(1, 4, 4))
    made = {
        "unknown": lambda: keras.Model(numbers, layers.EinsumDense("abc,cd->abd", (None, 3), name="e")(numbers)),
        "bare": lambda: keras.Model(numbers, layers.Dense(2)(keras.ops.sin(numbers))),
        "function": lambda: keras.Model(numbers, layers.Dense(2, activation=keras.ops.sin, name="d")(numbers)),
        "stateful": lambda: keras.Model(one, layers.LSTM(2, stateful=True, name="l")(one)),
        "rank": lambda: keras.Model(numbers, layers.Dense(2, lora_rank=1, name="d")(numbers)),
        "own": lambda: type("Own", (keras.Model,), {"call": lambda self, x: x})(name="mine"),
    }  # fmt: skip
    try:
        describe(made[kind]())
    except LoadError as refused:
        return str(refused)
    return ""


def convert_in_memory(model_file, output, data):
    """Convert a model in memory with sparse weights; return its report, and whether its own weights are as before."""
    import keras

    import lepton_edge as le
    from lepton_edge_converters.recipe import Gates, Recipe
    from lepton_edge_converters.thinning import Sparsity

    model = keras.models.load_model(model_file)
    before = [np.asarray(one) for one in model.weights]
    lenient = Gates(min_agreement=0.0, min_cosine=0.0, min_sqnr_db=-99.0)
    recipe = Recipe(scheme="float32", formats=("tflite",), sparsity=Sparsity(zeros=0.5, epochs=1), gates=lenient)
    report = le.convert(model, Path(output), data=data, recipe=recipe)
    return report, all(np.array_equal(one, np.asarray(now)) for one, now in zip(before, model.weights, strict=True))
