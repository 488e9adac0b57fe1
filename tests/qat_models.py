"""Small nets with what a twin must know, and what becomes of them when they are trained for 8 bits; in the worker."""

from pathlib import Path

import numpy as np

SAMPLES, JUDGED = 64, 32


def _residual(layers):
    picture = layers.Input((12, 12, 3), name="picture")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(layers.Rescaling(1 / 255)(picture))
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.Add()([x, layers.Conv2D(8, 1, activation="relu")(y)])
    y = layers.BatchNormalization()(layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x))
    x = layers.Concatenate()([y, layers.MaxPooling2D(2)(x)])
    x = layers.GlobalAveragePooling2D()(layers.SeparableConv2D(12, 3, activation="relu")(x))
    return [picture], [layers.Dense(4, activation="softmax", name="classes")(x)]


def _squeezed(layers):
    picture = layers.Input((12, 12, 3), name="picture")
    x = layers.Rescaling(1 / 127.5, offset=-1)(picture)
    x = layers.Activation("hard_silu")(layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2)(x)))
    gate = layers.Conv2D(4, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply()([x, layers.Conv2D(8, 1, activation="sigmoid")(gate)])
    return [picture], [layers.Dense(3, name="numbers")(layers.Flatten()(x))]


def _transposed(layers):
    picture = layers.Input((8, 8, 3), name="picture")
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(layers.Rescaling(1 / 255)(picture))
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(x)
    return [picture], [layers.Conv2D(2, 1, name="map")(layers.UpSampling2D(2, interpolation="bilinear")(x))]


def _two_inputs(layers):
    series, numbers = layers.Input((16, 2), name="series"), layers.Input((5,), name="numbers")
    x = layers.Conv1D(6, 3, activation="tanh")(series)
    x = layers.GlobalAveragePooling1D()(layers.Dense(6, activation="leaky_relu")(x))
    x = layers.Concatenate()([x, layers.Dense(4, activation="swish")(numbers)])
    return [series, numbers], [layers.Dense(1, activation="sigmoid", name="yes")(x), layers.Dense(2, name="two")(x)]


def _shared(layers):
    one, other = layers.Input((6,), name="one"), layers.Input((6,), name="other")
    seen = layers.Dense(8, activation="relu", bias_initializer="random_normal", name="both")
    return [one, other], [layers.Dense(2, name="distance")(layers.Subtract()([seen(one), seen(other)]))]


def _many(layers):
    import keras

    picture = layers.Input((8, 8, 4), name="picture")
    x = layers.Conv2D(8, 3, groups=2, padding="same")(picture)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_uniform")(x)
    x = layers.ZeroPadding2D(1)(layers.AveragePooling2D(2)(x))
    a, b = keras.ops.split(x, 2, axis=-1)
    x = keras.ops.concatenate([keras.ops.maximum(a, b), keras.ops.minimum(a, b), keras.ops.square(a - b)], axis=-1)
    x = keras.ops.transpose(x[:, 1:5, ::2, :], (0, 2, 1, 3))
    x = layers.UpSampling2D(2)(layers.Activation("elu")(x))
    x = layers.LayerNormalization()(layers.Conv2D(6, 3, dilation_rate=2, activation="gelu")(x))
    x = layers.Reshape((-1, 6))(x)
    x = layers.Add()([x, layers.Attention()([x, x])])
    return [picture], [layers.GlobalMaxPooling1D()(x)]


def _clip(layers):
    clip = layers.Input((3, 8, 8, 3), name="clip")
    each = layers.TimeDistributed(layers.Conv2D(4, 3, strides=2, activation="relu"))(layers.Rescaling(1 / 255)(clip))
    x = layers.GlobalAveragePooling1D()(layers.TimeDistributed(layers.Flatten())(each))
    return [clip], [layers.Dense(2, name="way")(x)]


def _words(layers):
    import keras

    numbers = layers.Input((6,), name="numbers")
    words = keras.ops.cast(keras.ops.absolute(numbers) * 2, "int32")
    return [numbers], [layers.Dense(2, name="topic")(layers.GlobalAveragePooling1D()(layers.Embedding(9, 4)(words)))]


def _masked(layers):
    series = layers.Input((5, 4), name="series")
    return [series], [layers.Dense(2, name="two")(layers.GRU(3, unroll=True)(layers.Masking()(series)))]


def _reversed(layers):
    import keras

    numbers = layers.Input((8,), name="numbers")
    return [numbers], [layers.Dense(2, name="ends")(keras.ops.flip(layers.Dense(4)(numbers), axis=-1))]


def build(kind):
    """Return a net with numbers drawn by lot."""
    import keras

    keras.utils.set_random_seed(4)
    inputs, outputs = globals()[f"_{kind}"](keras.layers)
    model = keras.Model(inputs, outputs, name=kind)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, one.shape) for one in layer.get_weights()])
        elif isinstance(layer, keras.layers.Dense):
            # Answers that differ from sample to sample are something to learn.
            layer.set_weights([one * 4 for one in layer.get_weights()])
    return model


def save(kind, path):
    """Save a net."""
    build(kind).save(path)


def draw(shapes, count, *, seed):
    """Return samples by lot: pictures in tints of 0 to 255 where there are three channels, else normal numbers."""
    rng = np.random.default_rng(seed)
    drawn = []
    for one in shapes:
        tints = rng.uniform(0, 255, (count, *[1] * (len(one) - 1), one[-1]))
        drawn.append(rng.random((count, *one)) * tints if one[-1] == 3 else rng.normal(size=(count, *one)))
    return [one.astype(np.float32) for one in drawn]


def _traced(kind, folder):
    """Return facts, trace and samples of a net."""
    from lepton_edge_converters.load.from_file import load_file
    from lepton_edge_converters.load.loaded import LoadOptions
    from lepton_edge_converters.load.trace import trace
    from lepton_edge_converters.samples import StoredSamples

    save(kind, folder / "model.keras")
    loaded = load_file(folder / "model.keras", LoadOptions(), {})
    facts = loaded.describe(sha256="", picture_size=None, sample_shapes=[])
    trace(loaded, facts, folder / "traced")
    paths = [folder / f"{k}.npy" for k in range(len(facts.inputs))]
    for path, array in zip(paths, draw([end.shape for end in facts.inputs], SAMPLES, seed=2), strict=True):
        np.save(path, array)
    return facts, folder / "traced", StoredSamples(tuple(paths), (None,) * len(paths))


def float_twin(kind, folder):
    """Return what LiteRT answers sample by sample, and what the twin answers to all at once."""
    from lepton_edge_converters.qat.program import read_program
    from lepton_edge_converters.qat.twin import build_twin
    from lepton_edge_converters.quantize.engine import calibrate
    from lepton_edge_converters.quantize.running import answers, feed

    facts, traced, samples = _traced(kind, Path(folder))
    program = read_program(calibrate(traced, samples).read_bytes())
    together = [samples.real(0, SAMPLES)[k] for k in range(len(facts.inputs))]
    twin = build_twin(program, rounds=False).model(together)
    return answers(program.content, feed(samples)), [np.asarray(one) for one in _listed(twin)]


def train(kind, folder):
    """Train a net for 8 bits, a little; return all that can be told of it without TensorFlow."""
    from lepton_edge_converters.qat.program import read_program
    from lepton_edge_converters.qat.train import train as train_for_8_bits
    from lepton_edge_converters.qat.twin import build_twin
    from lepton_edge_converters.quantize.engine import calibrate, quantize
    from lepton_edge_converters.quantize.running import answers
    from lepton_edge_converters.train import Training

    folder = Path(folder)
    facts, traced, samples = _traced(kind, folder)
    training = Training(epochs=24, batch_size=8, learning_rate=1e-3, patience=24, distillation=1.0)
    found = train_for_8_bits(traced, facts, samples, samples, "minmax", (), training, folder / "trained")
    before = read_program(calibrate(traced, samples).read_bytes())
    calibrated = calibrate(folder / "trained", samples).read_bytes()
    program = read_program(calibrated)
    twin = build_twin(program, rounds=True)
    unseen = draw([end.shape for end in facts.inputs], JUDGED, seed=3)
    shown = [{f"input_{k}": one[i : i + 1] for k, one in enumerate(unseen)} for i in range(JUDGED)]
    return {
        "found": found,
        "calibrated": calibrated,
        "int8": quantize(calibrated),
        "ours": [np.asarray(one) for one in _listed(twin.model(unseen))],
        "theirs": answers(quantize(calibrated), shown),
        "rounded": twin.constants(),
        "moved": {i: float(np.abs(program.constants[i] - before.constants[i]).max()) for i in twin.variables},
        "axes": dict(program.stored),
        "groups": dict(program.groups),
        "ranges": twin.ranges(),
        "outputs": program.outputs,
        "learned": program.learned,
        "ranges_before": dict(before.ranges),
    }


def _listed(outputs):
    return outputs if isinstance(outputs, list | tuple) else [outputs]


def round_and_derive(values, low, high):
    """Return values as ours and as TensorFlow's own fake quantization round them, and our gradients."""
    import tensorflow as tf

    from lepton_edge_converters.qat.rounding import round_activation

    x, ends = tf.constant(values), tf.constant([low, high])
    with tf.GradientTape() as tape:
        tape.watch([x, ends])
        ours = round_activation(x, ends[0], ends[1])
    theirs = tf.quantization.fake_quant_with_min_max_args(x, low, high)
    return [one.numpy() for one in (ours, theirs, *tape.gradient(ours, [x, ends]))]
