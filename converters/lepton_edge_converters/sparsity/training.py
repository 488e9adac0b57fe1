"""Weights made zero or equal by tensorflow-model-optimization, and the model trained on meanwhile.

Importing that package sets ``TF_USE_LEGACY_KERAS`` for the process and its children: these are jobs for a worker of
their own.

Sources: zeros by magnitude, more and more of them along a polynomial, Zhu & Gupta 2017 (arXiv:1710.01878); N of M,
Mishra et al. 2021 (arXiv:2104.08378); equal weights, Han et al. 2016 (arXiv:1510.00149).
"""

import os
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import ConversionError, LoadError
from lepton_edge_converters.report.sparse import SparseLayer
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.sparsity.kernels import (
    kernels,
    known_as,
    values_of,
    why_no_clusters,
    why_no_zeros,
    zeros_of,
)
from lepton_edge_converters.sparsity.lessons import Loss, losses
from lepton_edge_converters.sparsity.tfkeras import build, own_activations, scope_names
from lepton_edge_converters.sparsity.written import Layer, Network, Weights, read_network, write_weights
from lepton_edge_converters.thinning import Sparsity
from lepton_edge_converters.worker import report_progress
from lepton_edge_runtime.wire import nearest

_UPDATES = 40  # times that more weights become zero: often enough for a smooth curve, seldom enough to learn between
_CLUSTERED_RATE = 1 / 30  # a centroid takes the sum of all its weights' gradients
_ALIKE = 1e-3  # of the answers' largest number: what two float engines may differ by

_Why = Callable[[Layer, list[NDArray[Any]], Sparsity], str]


def train_sparse(
    carried: Path,
    settings: Sparsity,
    samples: StoredSamples,
    answers: tuple[Path, ...],
    targets: NDArray[np.int64] | None,
    kinds: tuple[Loss, ...],
    seed: int,
    output: Path,
) -> tuple[SparseLayer, ...]:
    """Make the weights of a carried model sparse as the settings say, and write them as ``.npz``.

    Args:
        carried: The folder that the model was written down in.
        settings: What to do.
        samples: To train on.
        answers: The original's, one ``.npy`` an output; they also prove that the carried model is the same.
        targets: Labels, to learn those instead; ``None`` to learn the answers.
        kinds: What each output is compared with.
        seed: Of the order of samples, and of dropout.
        output: The file to write.

    Returns:
        What became of each layer that has a kernel.

    Raises:
        LoadError: There is nothing that could be made sparse, or it cannot be trained so.
        ConversionError: tf_keras computes the model otherwise than Keras 3 does.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf  # noqa: PLC0415 - seconds; only in the process that trains
    import tf_keras  # noqa: PLC0415 - seconds; only in the process that trains

    tf_keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()  # the same input shall give the same bytes
    network, weights = read_network(carried)
    steps = [(_with_zeros, _left(network, weights, why_no_zeros, settings))] if settings.zeros is not None else []
    if settings.clusters is not None:
        steps.append((_with_clusters, _left(network, weights, why_no_clusters, settings)))
    model, _ = build(network, weights)
    taught = [np.load(path, mmap_mode="r") for path in answers]
    _prove_alike(model, samples, taught)
    lesson = _Lesson(samples, taught if targets is None else [targets], kinds, settings, seed)
    with tf_keras.utils.custom_object_scope(dict(own_activations())):
        for make, left in steps:
            weights = make(network, weights, left, lesson)
    write_weights(output, weights)
    return _told(network, weights, [left for _, left in steps])


def _left(network: Network, weights: Weights, why: _Why, settings: Sparsity) -> list[str]:
    """Return why each layer is left alone, empty where it is not.

    Raises:
        LoadError: All are, one to keep is not there, or the wrappers that change the others would lose masks.
    """
    masks = next((one.name for one in network.layers if one.kind == "Masking" or one.config.get("mask_zero")), "")
    if masks:
        raise LoadError(
            f"the layer {masks!r} masks steps of a sequence, and what makes weights sparse "
            "(tensorflow-model-optimization) loses masks on the way"
        )
    for name in settings.keep:
        if name not in (names := [known for layer in network.layers for known in known_as(layer)]):
            raise LoadError(f"the model has no layer {name!r} to keep{nearest(name, names)}")
    left = [why(layer, arrays, settings) for layer, arrays in zip(network.layers, weights, strict=True)]
    if all(left):
        pairs = zip(network.layers, weights, left, strict=True)
        reasons = [f"{layer.name}: {reason}" for layer, arrays, reason in pairs if kernels(layer, arrays)]
        raise LoadError(f"no layer has weights that could be made sparse; {'; '.join(reasons) or 'none has a kernel'}")
    return left


def _told(network: Network, weights: Weights, left: list[list[str]]) -> tuple[SparseLayer, ...]:
    """Return what became of each layer that has a kernel."""
    reasons = ["; ".join(dict.fromkeys(filter(None, of_one))) for of_one in zip(*left, strict=True)]
    return tuple(
        SparseLayer(layer.name, layer.kind, sum(one.size for one in found), zeros_of(found), values_of(found), reason)
        for layer, arrays, reason in zip(network.layers, weights, reasons, strict=True)
        if (found := kernels(layer, arrays))
    )


def _prove_alike(model: Any, samples: StoredSamples, answers: list[NDArray[Any]]) -> None:
    """Refuse a model that tf_keras computes otherwise than the original does."""
    import tensorflow as tf  # noqa: PLC0415 - seconds; only in the process that trains

    count = min(8, len(samples))
    given = samples.real(0, count)
    found = tf.nest.flatten(model(given if len(given) > 1 else given[0], training=False))
    for i, (here, there) in enumerate(zip(found, answers, strict=True)):
        apart = float(np.abs(np.asarray(here, np.float64) - there[:count]).max())
        if not apart <= _ALIKE * max(1e-6, float(np.abs(there[:count]).max())):
            raise ConversionError(
                f"tf_keras, where weights are made sparse, computes output {i} otherwise than the original: by up to "
                f"{apart:.3g}; convert the model without sparsity"
            )


class _Lesson:
    """Samples and what they should give, seen in an order that the seed decides."""

    def __init__(
        self,
        samples: StoredSamples,
        targets: list[NDArray[Any]],
        kinds: tuple[Loss, ...],
        settings: Sparsity,
        seed: int,
    ) -> None:
        self.settings = settings
        self._samples, self._targets, self._kinds, self._seed = samples, targets, kinds, seed
        self.steps = ceil(len(samples) / settings.batch_size)

    def teach(self, model: Any, callbacks: list[Any], rate: float, what: str) -> None:
        """Train a model for the epochs asked for."""
        import tf_keras  # noqa: PLC0415 - seconds; only in the process that trains

        epochs = self.settings.epochs
        decay = tf_keras.optimizers.schedules.CosineDecay(rate, self.steps * epochs, alpha=0.02)
        model.compile(tf_keras.optimizers.Adam(decay), losses(self._kinds, self._targets))
        told = tf_keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: report_progress(what, epoch * self.steps, epochs * self.steps),
            on_epoch_end=lambda epoch, _: report_progress(what, (epoch + 1) * self.steps, epochs * self.steps),
        )
        model.fit(self._batches(), epochs=epochs, callbacks=[*callbacks, told], verbose=0, shuffle=False)

    def _batches(self) -> Any:
        import tf_keras  # noqa: PLC0415 - seconds; only in the process that trains

        samples, targets, size, seed = self._samples, self._targets, self.settings.batch_size, self._seed

        class Batches(tf_keras.utils.Sequence):  # type: ignore[misc]  # tf_keras has no types
            """The samples in an order that each epoch has for itself."""

            def __init__(self) -> None:
                self._epoch = -1
                self.on_epoch_end()

            def on_epoch_end(self) -> None:
                self._epoch += 1
                self._order = np.random.default_rng([seed, self._epoch]).permutation(len(samples))

            def __len__(self) -> int:
                return ceil(len(samples) / size)

            def __getitem__(self, index: int) -> Any:
                chosen = np.sort(self._order[index * size : (index + 1) * size])
                given, wanted = samples.picked(chosen), [np.asarray(one[chosen]) for one in targets]
                return given if len(given) > 1 else given[0], wanted if len(wanted) > 1 else wanted[0]

        return Batches()


def _with_zeros(network: Network, weights: Weights, left: list[str], lesson: _Lesson) -> Weights:
    """Return weights of which some are zero: as many as asked for, or in the pattern asked for."""
    import tensorflow_model_optimization as tfmot  # noqa: PLC0415 - turns Keras 3 off in its process

    settings, sparsity = lesson.settings, tfmot.sparsity.keras
    total = lesson.steps * settings.epochs
    begin, end = int(settings.begin * total), max(int(settings.begin * total) + 1, int(settings.end * total))
    every = max(1, (end - begin) // _UPDATES)
    end = begin + (end - begin) // every * every  # where the whole share is reached, so it must be a step that changes
    if settings.blocks is not None:
        stay, of = settings.blocks
        schedule, pattern = sparsity.ConstantSparsity(1 - stay / of, begin, end, every), (of - stay, of)
    else:
        schedule, pattern = sparsity.PolynomialDecay(0.0, settings.zeros, begin, end, frequency=every), None

    def wrap(layer: Any) -> Any:
        return sparsity.prune_low_magnitude(layer, pruning_schedule=schedule, sparsity_m_by_n=pattern)

    model = _wrapped(network, weights, left, wrap)
    lesson.teach(model, [sparsity.UpdatePruningStep()], settings.learning_rate, "training with fewer and fewer weights")
    return _unwrapped(sparsity.strip_pruning(model), network, weights)


def _with_clusters(network: Network, weights: Weights, left: list[str], lesson: _Lesson) -> Weights:
    """Return weights that have few different values; zeros stay zeros where there are any."""
    import tensorflow_model_optimization as tfmot  # noqa: PLC0415 - turns Keras 3 off in its process
    from tensorflow_model_optimization.python.core.clustering.keras.experimental import (  # noqa: PLC0415 - likewise
        cluster,
    )

    settings = lesson.settings
    clustering = tfmot.clustering.keras

    def wrap(layer: Any) -> Any:
        return cluster.cluster_weights(
            layer,
            settings.clusters,
            clustering.CentroidInitialization.KMEANS_PLUS_PLUS,
            preserve_sparsity=settings.zeros is not None,
        )

    model = _wrapped(network, weights, left, wrap)
    lesson.teach(model, [], settings.learning_rate * _CLUSTERED_RATE, "training with equal weights")
    return _unwrapped(clustering.strip_clustering(model), network, weights)


def _wrapped(network: Network, weights: Weights, left: list[str], wrap: Callable[[Any], Any]) -> Any:
    """Return the model with those layers wrapped that are not left alone."""
    import tf_keras  # noqa: PLC0415 - seconds; only in the process that trains

    model, layers = build(network, weights)
    changed = {id(layer) for layer, reason in zip(layers, left, strict=True) if not reason}
    return tf_keras.models.clone_model(model, clone_function=lambda one: wrap(one) if id(one) in changed else one)


def _unwrapped(model: Any, network: Network, weights: Weights) -> Weights:
    """Return the weights of a model whose wrappers have been taken off, in the network's order."""
    layers = {layer.name: layer for layer in model.layers}
    names = scope_names(network.layers)
    return [layers[name].get_weights() if arrays else [] for name, arrays in zip(names, weights, strict=True)]
