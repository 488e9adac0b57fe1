"""Samples that are arrays already: in memory, in ``.npy`` or in ``.npz``."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.facts import EndFacts
from lepton_edge_converters.samples import numbered
from lepton_edge_runtime.plan import to_pixels
from lepton_edge_runtime.preprocess import Preprocess

LABEL_KEY = "y"


class ArraySamples:
    """Samples in memory: one array an input, n × the input's shape."""

    def __init__(self, arrays: list[NDArray[Any]], targets: NDArray[np.int64] | None, *, origin: str) -> None:
        self.count = len(arrays[0])
        self.targets = targets
        self.labels: tuple[str, ...] = ()
        self.origin = origin
        self._arrays = arrays

    def load(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Return the chosen samples."""
        return [array[np.asarray(indices, np.int64)] for array in self._arrays]

    def name(self, index: int) -> str:
        """Return which sample it is."""
        return numbered(index)


def read_file(path: Path) -> dict[str, NDArray[Any]] | NDArray[Any]:
    """Return the array in a ``.npy``, or the arrays in a ``.npz`` by name; pickled objects are refused."""
    try:
        content = np.load(path, allow_pickle=False)
        return content if isinstance(content, np.ndarray) else {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError) as problem:
        raise SamplesError(f"cannot read the samples in {path}: {problem}") from problem


def gather(data: Any, inputs: tuple[EndFacts, ...]) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    """Return one array an input, and the labels if there are any.

    Args:
        data: An array of samples; a mapping with one array an input and perhaps ``y``, or with ``x`` and
            perhaps ``y``; a pair of samples and labels; a data frame of numbers, with labels in ``y``, ``label`` or
            ``class_index``; or single samples or batches, each an array, a mapping, a list of one array an input, or
            any of these with its label: an iterable, a ``tf.data.Dataset`` or a Keras ``PyDataset``.
        inputs: What the model takes.
    """
    if isinstance(data, np.ndarray):
        return [data], None
    if isinstance(data, Mapping):
        return _from_mapping(data, inputs)
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], tuple):
        samples, _ = gather(data[0], inputs)
        return samples, np.asarray(data[1])
    if is_frame(data):
        return _from_frame(data, inputs)
    if isinstance(data, Iterable):
        _refuse_endless(data)
        return _from_iterable(data, inputs)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return _from_iterable((data[i] for i in range(len(data))), inputs)  # a PyDataset, by its batches
    raise SamplesError(f"samples are a path, arrays, or an iterable of arrays; got {type(data).__name__}")


def array_samples(
    arrays: list[NDArray[Any]],
    targets: NDArray[Any] | None,
    inputs: tuple[EndFacts, ...],
    preprocess: tuple[Preprocess | None, ...],
    classes: int | None,
    *,
    origin: str,
) -> ArraySamples:
    """Return arrays as samples, once they fit the model.

    Raises:
        SamplesError: They do not; the message says which shape would.
    """
    if len(arrays) != len(inputs):
        names = ", ".join(repr(end.name) for end in inputs)
        raise SamplesError(f"{origin} has arrays for {len(arrays)} of the model's {len(inputs)} inputs: {names}")
    fitted = [_fitted(array, end, p) for array, end, p in zip(arrays, inputs, preprocess, strict=True)]
    counts = {len(array) for array in fitted}
    if len(counts) != 1 or 0 in counts:
        raise SamplesError(
            f"{origin}: the inputs have {sorted(counts)} samples; each has the same number, at least one"
        )
    if targets is not None and classes is not None:
        return ArraySamples(fitted, _class_targets(targets, len(fitted[0]), classes, origin), origin=origin)
    return ArraySamples(fitted, None, origin=origin)


def _from_mapping(
    data: Mapping[str, Any], inputs: tuple[EndFacts, ...]
) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    names = [end.name for end in inputs]
    labels = data.get(LABEL_KEY) if LABEL_KEY not in names else None
    targets = np.asarray(labels) if labels is not None else None
    if all(name in data for name in names):
        return [np.asarray(data[name]) for name in names], targets
    if len(names) == 1 and "x" in data:
        return [np.asarray(data["x"])], targets
    wanted = " and ".join(repr(name) for name in names) + (" (or 'x')" if len(names) == 1 else "")
    raise SamplesError(f"the samples have the arrays {', '.join(map(repr, data))}; the model takes {wanted}")


def _from_iterable(data: Iterable[Any], inputs: tuple[EndFacts, ...]) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    parts: list[list[NDArray[Any]]] = []
    targets: list[NDArray[Any]] = []
    rank = len(inputs[0].shape)
    for item in data:
        sample, label = _sample_and_label(item)
        arrays = _arrays_of(sample, inputs)
        single = arrays[0].ndim <= rank
        parts.append([array[np.newaxis] if single else array for array in arrays])
        if label is not None:
            targets.append(np.asarray(label)[np.newaxis] if single else np.asarray(label))
    if not parts:
        raise SamplesError("the samples are empty")
    if targets and len(targets) != len(parts):
        raise SamplesError(f"{len(targets)} of {len(parts)} samples have labels; give all of them one, or none")
    try:
        stacked = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return stacked, np.concatenate(targets) if targets else None
    except ValueError as problem:
        raise SamplesError(f"the samples have different shapes: {problem}") from problem


def is_frame(data: Any) -> bool:
    """Return whether this is a data frame, of pandas or alike, without importing any."""
    return hasattr(data, "columns") and hasattr(data, "to_numpy")


def _from_frame(data: Any, inputs: tuple[EndFacts, ...]) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    names = list(data.columns)
    label = next((name for name in (LABEL_KEY, "class_index", "label") if name in names), None)
    targets = None if label is None else np.asarray(data[label])
    if all(end.name in names for end in inputs):
        return [np.asarray(data[end.name]) for end in inputs], targets
    if len(inputs) != 1:
        wanted = ", ".join(repr(end.name) for end in inputs)
        raise SamplesError(f"the data frame has the columns {', '.join(map(str, names))}; the model takes {wanted}")
    try:
        return [data[[name for name in names if name != label]].to_numpy(inputs[0].dtype)], targets
    except (TypeError, ValueError) as problem:
        raise SamplesError(f"the data frame holds what is no number: {problem}") from problem


def _refuse_endless(data: Any) -> None:
    """Refuse a ``tf.data.Dataset`` that repeats without end; TensorFlow writes its length as -1."""
    length = getattr(data, "cardinality", None)
    if callable(length) and int(length()) == -1:
        raise SamplesError("the data set repeats without end; take a part of it: data.take(COUNT)")


def _sample_and_label(item: Any) -> tuple[Any, Any]:
    """Return a sample, or a batch, and its label; the sample weights of a triple do not count here."""
    if isinstance(item, tuple) and len(item) in (2, 3):
        return item[0], item[1]
    return (item[0], None) if isinstance(item, tuple) and len(item) == 1 else (item, None)


def _arrays_of(sample: Any, inputs: tuple[EndFacts, ...]) -> list[NDArray[Any]]:
    if isinstance(sample, Mapping):
        missing = [end.name for end in inputs if end.name not in sample]
        if missing:
            raise SamplesError(f"a sample has the arrays {', '.join(map(repr, sample))}, and lacks {missing[0]!r}")
        return [np.asarray(sample[end.name]) for end in inputs]
    if isinstance(sample, list | tuple) and len(sample) == len(inputs) > 1:
        return [np.asarray(one) for one in sample]
    return [np.asarray(sample)]


def _fitted(array: NDArray[Any], end: EndFacts, preprocess: Preprocess | None) -> NDArray[Any]:
    """Return n × the input's shape, ``uint8`` for pictures, else the input's own type."""
    if array.dtype == object:
        raise SamplesError(f"the samples for {end.name!r} have different shapes, or are no numbers")
    shape = tuple(size or 1 for size in end.shape)
    if shape[-1:] == (1,) and array.shape[1:] == shape[:-1]:
        array = array[..., np.newaxis]
    if preprocess is not None and array.dtype.kind in "iu" and array.dtype != np.uint8:
        array = _as_bytes(array, end)
    if array.dtype == np.uint8 and preprocess is not None:
        frames = "" if end.clip is None else f"{shape[0]} frames × "
        if array.ndim != 1 + len(shape) or array.shape[-1] != preprocess.channels or array.shape[1:-3] != shape[:-3]:
            raise SamplesError(
                f"pictures for {end.name!r} are n × {frames}height × width × {preprocess.channels}; got {array.shape}"
                f"{_channels_first(array.shape[1:], preprocess.channels)}"
            )
        if array.shape[1:] == shape:
            return array
        # Arrays are in the model's colours already: only the size is made to fit.
        own_color = preprocess if preprocess.color == "gray" else _as_bgr(preprocess)
        pictures = np.stack([to_pixels(own_color, picture) for picture in array.reshape(-1, *array.shape[-3:])])
        return pictures.reshape(len(array), *shape)
    if array.shape[1:] != shape:
        hint = _channels_first(array.shape[1:], shape[-1]) if len(shape) == 3 else ""
        raise SamplesError(
            f"the samples for {end.name!r} have the shape {array.shape[1:]}; the model takes {shape}{hint}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise SamplesError(f"the samples for {end.name!r} hold NaN or infinite values")
    return array.astype(end.dtype, copy=False)


def _channels_first(shape: tuple[int, ...], channels: int) -> str:
    """Return words to add where a shape that does not fit would, were its channels last."""
    if len(shape) != 3 or shape[0] != channels:
        return ""
    return "; their channels come first: move them last (numpy.moveaxis(samples, 1, -1))"


def _as_bytes(array: NDArray[Any], end: EndFacts) -> NDArray[np.uint8]:
    """Return pictures in a wider integer type as bytes."""
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255 or high <= 1:
        raise SamplesError(
            f"the samples for {end.name!r} are integers from {low} to {high}; pictures are uint8, 0 to 255, and "
            "model-ready numbers are floats"
        )
    return array.astype(np.uint8)


def _as_bgr(preprocess: Preprocess) -> Preprocess:
    import msgspec  # noqa: PLC0415 - one call, seldom made

    return msgspec.structs.replace(preprocess, color="bgr")


def _class_targets(targets: NDArray[Any], count: int, classes: int, origin: str) -> NDArray[np.int64]:
    if targets.ndim == 2 and targets.shape[1] == classes and classes > 1:
        if not ((targets == 0) | (targets == 1)).all() or not (targets.sum(axis=1) == 1).all():
            raise SamplesError(
                f"{origin}: rows of {classes} labels are one-hot, a single 1 in each; several classes for one sample "
                "cannot be judged: leave the labels out, or give one class each"
            )
        targets = targets.argmax(axis=1)
    targets = targets.reshape(-1)
    if len(targets) != count:
        raise SamplesError(f"{origin}: {len(targets)} labels for {count} samples")
    indices = targets.astype(np.int64)
    if not (indices == targets).all() or not ((indices >= 0) & (indices < classes)).all():
        raise SamplesError(f"{origin}: labels are class indices from 0 to {classes - 1}, or one-hot rows of {classes}")
    return indices
