"""Random Keras models of every layer that pruning follows, and what they answer with channels held at zero."""

import keras
import numpy as np
from keras import layers, ops

from lepton_edge_converters.prune.flat import filled

SIZE = 12
_RECURRENT = (layers.LSTM, layers.GRU, layers.SimpleRNN, layers.Bidirectional)


def picture_network(seed, **_):
    """Return a random network on pictures: two dozen layers, joints and shapes in any order."""
    rng = np.random.default_rng(seed)
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    x = layers.Rescaling(2.0, -1.0)(picture)
    x = layers.Conv2D(8, 3, padding="same")(x)
    for _ in range(12):
        x = _PICTURE_BLOCKS[rng.integers(len(_PICTURE_BLOCKS))](rng, x)
    x = _HEADS[rng.integers(len(_HEADS))](rng, x)
    x = layers.Dense(8, activation="relu")(x)
    return randomized(keras.Model(picture, layers.Dense(5, activation="softmax")(x)), seed)


def sequence_network(seed, *, zero_stays_zero=False):
    """Return a random network on words: recurrent layers, convolutions along time, dense layers at each step.

    Args:
        seed: The same gives the same.
        zero_stays_zero: Without layers that look at all channels at once.
    """
    blocks = [one for one in _SEQUENCE_BLOCKS if not zero_stays_zero or one is not _normalized]
    rng = np.random.default_rng(seed)
    words = keras.Input((10,), dtype="int32", name="words")
    x = layers.Embedding(20, 6)(words)
    for _ in range(5):
        x = blocks[rng.integers(len(blocks))](rng, x)
    last = rng.integers(3)
    x = [layers.LSTM(6), layers.Bidirectional(layers.GRU(4)), layers.GlobalMaxPooling1D()][last](x)
    return randomized(keras.Model(words, layers.Dense(3)(x)), seed)


def u_net():
    """Return a segmenter: down and up again, with bridges."""
    picture = keras.Input((16, 16, 3), name="picture")
    first = _block(8)(picture)
    second = _block(12)(layers.MaxPooling2D()(first))
    third = _block(16)(layers.MaxPooling2D()(second))
    up = layers.Concatenate()([layers.Conv2DTranspose(12, 2, strides=2)(third), second])
    up = layers.Concatenate()([layers.UpSampling2D()(_block(10)(up)), first])
    return keras.Model(picture, layers.Conv2D(2, 1, activation="softmax")(_block(8)(up)))


def three_heads():
    """Return a detector: one backbone, and heads for boxes, classes and objects."""
    picture = keras.Input((16, 16, 3), name="picture")
    neck = _block(16)(layers.MaxPooling2D()(_block(12)(picture)))
    return keras.Model(
        picture,
        {
            "boxes": layers.Reshape((-1, 4))(layers.Conv2D(8, 1)(_block(12)(neck))),
            "classes": layers.Conv2D(6, 1, activation="sigmoid")(_block(10)(neck)),
            "objects": layers.Conv2D(2, 1, activation="sigmoid")(neck),
        },
    )


def two_inputs():
    """Return a model of a picture and of measurements."""
    picture, numbers = keras.Input((12, 12, 3), name="picture"), keras.Input((5,), name="numbers")
    x = layers.GlobalAveragePooling2D()(_block(12)(picture))
    y = layers.Dense(12, activation="relu")(layers.Dense(8, activation="tanh")(numbers))
    z = layers.Concatenate()([layers.Add()([x, y]), y])
    return keras.Model([picture, numbers], layers.Dense(3)(layers.Dense(10, activation="relu")(z)))


def text():
    """Return a classifier of words: LSTM layers, both ways and one way."""
    words = keras.Input((12,), dtype="int32", name="words")
    x = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(layers.Embedding(50, 10)(words))
    return keras.Model(words, layers.Dense(1, activation="sigmoid")(layers.Dense(8)(layers.LSTM(10)(x))))


def masked_text():
    """Return a classifier of words of which 0 is none: a mask goes along."""
    words = keras.Input((12,), dtype="int32", name="words")
    x = layers.Bidirectional(layers.GRU(8, return_sequences=True))(layers.Embedding(20, 10, mask_zero=True)(words))
    return keras.Model(words, layers.Dense(2)(layers.LSTM(10)(x)))


def transformer():
    """Return a block with attention, whose channels stay, and a dense part, whose inner ones may go."""
    words = keras.Input((12, 8), name="words")
    x = layers.LayerNormalization()(words + layers.MultiHeadAttention(2, 4)(words, words))
    x = x + layers.Dense(8)(layers.Dense(64, activation="gelu")(x))
    return keras.Model(words, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


def dense_net():
    """Return a net whose layers read all layers before them."""
    x = picture = keras.Input((12, 12, 3), name="picture")
    for _ in range(4):
        x = layers.Concatenate()(
            [x, layers.Conv2D(6, 3, padding="same")(layers.ReLU()(layers.BatchNormalization()(x)))]
        )
    return keras.Model(picture, layers.Dense(4)(layers.GlobalMaxPooling2D()(x)))


def _block(width):
    def call(x):
        return layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x)))

    return call


def randomized(model, seed):
    """Return the model with weights that are nowhere zero or one, and variances that stay positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        scale = 1 / np.sqrt(max(1, np.prod(weight.shape[:-1])))
        value = rng.normal(0, 0.3 if len(weight.shape) == 1 else scale, weight.shape)
        weight.assign(rng.uniform(0.5, 2, weight.shape) if weight.name == "moving_variance" else value)
    return model


def random_removal(dependencies, seed, share=0.4):
    """Return leaders of some channels of each group, never of all."""
    rng = np.random.default_rng(seed)
    picked = [rng.permutation(group.leaders)[: int(share * group.width)] for group in dependencies.prunable]
    return np.sort(np.concatenate([np.empty(0, np.int64), *picked]))


def held_at_zero(dependencies, removed, inputs):
    """Return what the original answers when the removed channels are set to zero behind every layer.

    A mean and a variance over channels are taken over those that are left: that is what removing them means there.
    A unit with a memory is zero at every step, and not only in what goes out.
    """
    kept = dependencies.kept(removed)
    flat, notes = dependencies.flat, dependencies.notes
    values = {id(tensor): ops.convert_to_tensor(one) for tensor, one in zip(flat.inputs, inputs, strict=True)}
    for call in flat.calls:
        args, kwargs = (filled(given, lambda one: values[id(one)]) for given in (call.args, dict(call.kwargs)))
        recurrent = [
            slot for slot in notes.slots.values() if slot.layer == call.name and isinstance(call.operation, _RECURRENT)
        ]
        before = call.operation.get_weights() if recurrent else []
        for slot in recurrent:
            _hold(call.operation.weights[slot.weight], slot, kept)
        if call.name in notes.renormalized:
            results = [_layer_norm(call.operation, args[0], kept[notes.labels[id(call.inputs[0])].ids])]
        else:
            results = keras.tree.flatten(call.operation(*args, **kwargs))
        if recurrent:
            call.operation.set_weights(before)
        for tensor, value in zip(call.outputs, results, strict=True):
            label = notes.labels.get(id(tensor))
            if label is not None:
                mask = kept[label.ids].astype("float32")
                value = value * mask.reshape([-1] + [1] * (len(tensor.shape) - label.axis - 1))  # noqa: PLW2901
            values[id(tensor)] = value
    return [np.asarray(values[id(tensor)]) for tensor in flat.outputs]


def zeroed(dependencies, removed):
    """Set to zero, in the original, all that makes the removed channels: they are then zero without a mask."""
    kept = dependencies.kept(removed)
    by_name = {call.name: call.operation for call in dependencies.flat.calls}
    for slot in dependencies.notes.slots.values():
        weight = by_name[slot.layer].weights[slot.weight]
        makes = slot.role == "makes" or (slot.role == "follows" and weight.name in ("bias", "beta", "moving_mean"))
        if makes:
            _hold(weight, slot, kept)


def _hold(weight, slot, kept):
    """Set the removed places along a slot's axis to zero."""
    shape = [1] * len(weight.shape)
    shape[slot.axis] = -1
    weight.assign(weight.numpy() * kept[slot.ids].reshape(shape))


def _layer_norm(layer, value, kept):
    x = np.asarray(value)
    left = x[..., kept]
    mean, variance = left.mean(-1, keepdims=True), left.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + layer.epsilon) * np.asarray(layer.gamma) + np.asarray(layer.beta)


def _relu_like(rng, x):
    return layers.Activation(str(rng.choice(["relu", "silu", "tanh", "leaky_relu", "hard_silu"])))(x)


def _conv(rng, x):
    width, kernel = int(rng.choice([4, 6, 8])), int(rng.choice([1, 3]))
    if rng.random() < 0.5:
        return layers.Conv2D(width, kernel, padding="same", activation="relu", use_bias=bool(rng.integers(2)))(x)
    return layers.Conv2D(width, kernel, padding="valid" if x.shape[1] > 6 else "same")(x)


def _grouped(rng, x):
    return layers.Conv2D(8, 3, padding="same", groups=2)(x) if x.shape[-1] % 2 == 0 else x


def _own_groups(rng, x):
    channels = x.shape[-1]
    return layers.Conv2D(2 * channels, 3, padding="same", groups=channels)(x) if channels <= 8 else x


def _depthwise(rng, x):
    return layers.DepthwiseConv2D(3, padding="same", depth_multiplier=int(rng.integers(1, 3)))(x)


def _separable(rng, x):
    return layers.SeparableConv2D(6, 3, padding="same", depth_multiplier=int(rng.integers(1, 3)))(x)


def _transposed(rng, x):
    return layers.MaxPooling2D()(layers.Conv2DTranspose(6, 2, strides=2)(x))


def _batch_norm(rng, x):
    return layers.BatchNormalization()(x)


def _group_norm(rng, x):
    return layers.GroupNormalization(groups=int(rng.choice([2, -1])))(x) if x.shape[-1] % 2 == 0 else x


def _prelu(rng, x):
    return layers.PReLU(shared_axes=[1, 2] if rng.random() < 0.5 else None)(x)


def _residual(rng, x):
    inner = layers.BatchNormalization()(layers.Conv2D(x.shape[-1], 3, padding="same")(_relu_like(rng, x)))
    joint = rng.choice(["Add", "Subtract", "Average", "Maximum", "plus"])
    return x + inner if joint == "plus" else getattr(layers, str(joint))()([x, inner])


def _gate(rng, x):
    few = layers.GlobalAveragePooling2D(keepdims=bool(rng.integers(2)))(x)
    if len(few.shape) == 2:
        gate = layers.Dense(x.shape[-1], activation="sigmoid")(layers.Dense(4, activation="relu")(few))
        gate = layers.Reshape((1, 1, x.shape[-1]))(gate)
    else:
        gate = layers.Conv2D(x.shape[-1], 1, activation="hard_sigmoid")(layers.Conv2D(4, 1, activation="relu")(few))
    return layers.Multiply()([x, gate])


def _joined(rng, x):
    return layers.Concatenate()([x, layers.Conv2D(4, 1, activation="relu")(x)])


def _sized(rng, x):
    kind = rng.integers(5)
    if kind == 0:
        return layers.Cropping2D(1)(layers.ZeroPadding2D(((2, 1), (1, 2)))(x))
    if kind == 1:
        return layers.AveragePooling2D(2)(layers.UpSampling2D(2, interpolation="bilinear")(x))
    if kind == 2:
        return layers.Dropout(0.3)(layers.MaxPooling2D(2, strides=1, padding="same")(x))
    return layers.SpatialDropout2D(0.2)(layers.UnitNormalization()(x)) if kind == 3 else ops.relu6(2.0 * x)


def _shuffled(rng, x):
    height, width, channels = x.shape[1:]
    if channels % 2:
        return x
    cut = layers.Permute((1, 2, 4, 3))(layers.Reshape((height, width, 2, channels // 2))(x))
    return layers.Reshape((height, width, channels))(cut)


def _parted(rng, x):
    half = x.shape[-1] // 2
    if rng.random() < 0.5:
        first, second = x[..., :half], x[..., half:]
    else:
        first, second = ops.split(x, [half], axis=-1)
    return layers.Concatenate()([layers.Conv2D(4, 3, padding="same")(second), first])


def _nested(rng, x):
    inner = keras.Input(x.shape[1:])
    block = keras.Model(inner, layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(inner)))
    return block(x)


def _shared(rng, x):
    layer = layers.Conv2D(x.shape[-1], 3, padding="same")
    return layer(layers.ReLU()(layer(x)))


def _row_wise(rng, x):
    return layers.Dense(6)(x)


_PICTURE_BLOCKS = (
    *(_relu_like, _conv, _conv, _grouped, _own_groups, _depthwise, _separable, _transposed, _batch_norm, _group_norm),
    *(_prelu, _residual, _residual, _gate, _joined, _sized, _sized, _shuffled, _parted, _nested, _shared, _row_wise),
)


def _flat(rng, x):
    return layers.Flatten()(x)


def _pooled(rng, x):
    return (layers.GlobalAveragePooling2D if rng.random() < 0.5 else layers.GlobalMaxPooling2D)()(x)


def _mean(rng, x):
    return ops.mean(x, axis=(1, 2))


def _row_by_row(rng, x):
    rows = layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)
    return layers.LSTM(6)(rows)


_HEADS = (_flat, _pooled, _mean, _row_by_row)


def _recurrent(rng, x):
    kind = [layers.LSTM, layers.GRU, layers.SimpleRNN][rng.integers(3)]
    return kind(6, return_sequences=True)(x)


def _both_ways(rng, x):
    kind = [layers.LSTM, layers.GRU][rng.integers(2)]
    merge = str(rng.choice(["concat", "sum", "ave", "mul"]))
    return layers.Bidirectional(kind(4, return_sequences=True), merge_mode=merge)(x)


def _along_time(rng, x):
    return layers.Conv1D(6, 3, padding="same", activation="relu")(x)


def _transposed_in_time(rng, x):
    return layers.MaxPooling1D()(layers.Conv1DTranspose(6, 2, strides=2)(x))


def _each_step(rng, x):
    return layers.TimeDistributed(layers.Dense(6, activation="tanh"))(x)


def _depthwise_in_time(rng, x):
    return layers.SeparableConv1D(6, 3, padding="same")(layers.DepthwiseConv1D(3, padding="same")(x))


def _normalized(rng, x):
    return layers.LayerNormalization()(x)


def _residual_in_time(rng, x):
    return x + layers.Dense(x.shape[-1])(x)


_SEQUENCE_BLOCKS = (
    *(_recurrent, _recurrent, _both_ways, _along_time, _transposed_in_time, _each_step, _depthwise_in_time),
    *(_normalized, _residual_in_time),
)
