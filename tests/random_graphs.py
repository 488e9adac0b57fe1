"""Random networks as frozen TensorFlow graphs, for what must hold of any: built from a seed, with samples."""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from lepton_edge_converters.passes.graph import Graph
from lepton_edge_converters.samples import StoredSamples

SIZE, CHANNELS = 12, 3


def frozen(function, *shapes):
    """Return a function of tensors of these shapes as a graph."""
    signature = [tf.TensorSpec(shape, tf.float32, name=f"input_{i}") for i, shape in enumerate(shapes)]
    concrete = tf.function(function, input_signature=signature).get_concrete_function()
    graph = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    return Graph(graph.graph.as_graph_def(), [one.name for one in graph.inputs], [one.name for one in graph.outputs])


def answers(graph, batch):
    """Return a graph's outputs for samples, one by one."""
    function = tf.function(graph.function())
    return np.concatenate([np.asarray(function(one[np.newaxis])[0]) for one in batch])


def stored(batch, folder):
    """Return samples as the passes take them."""
    np.save(folder / "samples.npy", batch)
    return StoredSamples((folder / "samples.npy",), (None,))


def pictures(count, seed=0):
    """Return pictures that the networks take."""
    return np.random.default_rng(seed).normal(size=(count, SIZE, SIZE, CHANNELS)).astype(np.float32)


def network(seed):
    """Return a random network: a dozen layers, normalizations, activations and joints in any order."""
    rng = np.random.default_rng(seed)

    def call(picture):
        x = _conv(rng, picture)
        for _ in range(12):
            x = _BLOCKS[rng.integers(len(_BLOCKS))](rng, x)
        x = tf.reduce_mean(x, (1, 2)) if rng.random() < 0.5 else tf.reshape(x, (1, -1))
        return tf.nn.softmax(_dense(rng, x))

    return frozen(call, (1, SIZE, SIZE, CHANNELS))


def _weights(rng, *shape):
    # Each channel has a size of its own, over three powers of ten: there is something to balance.
    sizes = rng.lognormal(0, 1.5, shape[-1] if len(shape) != 4 or shape[3] > 1 else (shape[2], 1))
    return (rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1])) * sizes).astype(np.float32)


def _biased(rng, x):
    return tf.nn.bias_add(x, rng.normal(size=x.shape[-1]).astype(np.float32)) if rng.random() < 0.5 else x


def _conv(rng, x):
    filters, kernel = int(rng.integers(4, 9)), int(rng.choice([1, 3]))
    padding, dilation = str(rng.choice(["SAME", "VALID"])) if x.shape[1] > 6 else "SAME", int(rng.choice([1, 1, 2]))
    weights = _weights(rng, kernel, kernel, x.shape[-1], filters)
    return _biased(rng, tf.nn.conv2d(x, weights, 1, padding, dilations=dilation if padding == "SAME" else 1))


def _depthwise(rng, x):
    return _biased(rng, tf.nn.depthwise_conv2d(x, _weights(rng, 3, 3, x.shape[-1], 1), (1, 1, 1, 1), "SAME"))


def _transposed(rng, x):
    weights = _weights(rng, 2, 2, x.shape[-1], x.shape[-1])
    return tf.nn.max_pool2d(
        tf.nn.conv2d_transpose(x, weights, (1, 2 * x.shape[1], 2 * x.shape[2], x.shape[3]), 2), 2, 2, "SAME"
    )


def _dense(rng, x):
    return tf.matmul(x, _weights(rng, x.shape[-1], 4)) + rng.normal(size=4).astype(np.float32)


def _norm(rng, x):
    gamma, beta, mean = (rng.normal(size=x.shape[-1]).astype(np.float32) for _ in range(3))
    variance = rng.lognormal(size=x.shape[-1]).astype(np.float32)
    if rng.random() < 0.5:
        return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, is_training=False)[0]
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


def _activation(rng, x):
    # A swish reads its input twice; a ReLU6 bears no factor.
    return [tf.nn.relu, tf.nn.relu, tf.nn.leaky_relu, tf.nn.relu6, tf.nn.swish][rng.integers(5)](x)


def _residual(rng, x):
    return x + tf.nn.conv2d(tf.nn.relu(x), _weights(rng, 3, 3, x.shape[-1], x.shape[-1]), 1, "SAME")


def _gate(rng, x):
    few = tf.nn.relu(
        tf.nn.conv2d(tf.reduce_mean(x, (1, 2), keepdims=True), _weights(rng, 1, 1, x.shape[-1], 3), 1, "SAME")
    )
    return x * tf.nn.sigmoid(tf.nn.conv2d(few, _weights(rng, 1, 1, 3, x.shape[-1]), 1, "SAME"))


def _joined(rng, x):
    return tf.concat([x, tf.nn.relu(tf.nn.conv2d(x, _weights(rng, 1, 1, x.shape[-1], 3), 1, "SAME"))], -1)


def _pooled(rng, x):
    return (tf.nn.max_pool2d if rng.random() < 0.5 else tf.nn.avg_pool2d)(x, 2, 1, "SAME")


def _padded(rng, x):
    return tf.pad(x, [[0, 0], [1, 0], [0, 1], [0, 0]])


def _prelu(rng, x):
    return tf.nn.relu(x) + rng.normal(size=x.shape[-1]).astype(np.float32) * tf.nn.relu(-1.0 * x)


_BLOCKS = (
    *(_conv, _conv, _depthwise, _transposed, _norm, _norm, _norm, _activation, _activation, _prelu),
    *(_residual, _gate, _joined, _pooled, _padded),
)
