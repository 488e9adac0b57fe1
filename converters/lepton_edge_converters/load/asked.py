"""A loaded model, asked: its answers to samples, and what its first layer makes of texts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.loaded import LoadedModel
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import Progress

_BATCH = 32


def predict(loaded: LoadedModel, facts: ModelFacts, samples: StoredSamples, progress: Progress) -> list[NDArray[Any]]:
    """Return the model's answers, the reference for everything else.

    Called eagerly: ``model.predict`` would compile, and leave its traces in the caller's model.
    """
    count, step = len(samples), _BATCH if _takes_batches(loaded, facts, samples) else 1
    parts: list[list[Any]] = []
    for start in range(0, count, step):
        parts.append([np.asarray(answer) for answer in _called(loaded, samples, start, min(start + step, count))])
        progress("answers of the original model", min(start + step, count), count)
    return [np.concatenate([part[i] for part in parts]) for i in range(len(facts.outputs))]


def _takes_batches(loaded: LoadedModel, facts: ModelFacts, samples: StoredSamples) -> bool:
    """Return whether the model answers two samples at once; a reshape inside may fix its batch, and nothing says so."""
    import tensorflow as tf  # noqa: PLC0415 - whoever loaded the model has it

    if facts.batch is not None:
        return False
    try:
        _called(loaded, samples, 0, 2)
    except (ValueError, tf.errors.InvalidArgumentError):
        return False  # what is wrong with one sample too is said when that is answered
    return True


def _called(loaded: LoadedModel, samples: StoredSamples, start: int, stop: int) -> list[Any]:
    import tensorflow as tf  # noqa: PLC0415 - whoever loaded the model has it

    return loaded.call([tf.convert_to_tensor(one) for one in samples.real(start, stop)])


def vectorize(loaded: LoadedModel, texts: list[str]) -> NDArray[Any]:
    """Return what the TextVectorization that was split off makes of texts: n × the input's shape."""
    from lepton_edge_converters.load import text  # noqa: PLC0415 - imports TensorFlow

    return text.vectorize(getattr(loaded, "vectorizer", None), texts)
