"""Golden samples: a few inputs with the outputs the converter saw, to prove an engine before it is used."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError

Tensor = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Golden:
    """A few samples: each tensor is samples × the tensor's own shape, as stored (quantized)."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.inputs[0]) if self.inputs else 0


def encode_golden(golden: Golden) -> bytes:
    """Return the samples as ``.npz``, stored, with fixed dates: the same samples give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for kind, tensors in (("input", golden.inputs), ("output", golden.outputs)):
            for i, tensor in enumerate(tensors):
                content = io.BytesIO()
                np.lib.format.write_array(content, np.ascontiguousarray(tensor), version=(1, 0), allow_pickle=False)
                entry = zipfile.ZipInfo(f"{kind}_{i}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                entry.create_system = 3
                archive.writestr(entry, content.getvalue())
    return buffer.getvalue()


def decode_golden(content: bytes, card: Card) -> Golden:
    """Return the samples in ``content``, which must fit the card.

    Raises:
        BundleError: They do not.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise BundleError("golden.npz is compressed; it is stored in a bundle")
            inputs = tuple(_tensor(archive, f"input_{i}.npy") for i in range(len(card.inputs)))
            outputs = tuple(_tensor(archive, f"output_{i}.npy") for i in range(len(card.outputs)))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, MemoryError, NotImplementedError) as problem:
        raise BundleError(f"golden.npz cannot be read: {problem}") from problem
    specs = [end.tensor for end in card.inputs] + [end.tensor for end in card.outputs]
    counts = {len(tensor) if tensor.ndim else 0 for tensor in (*inputs, *outputs)}
    fits = all(t.shape[1:] == s.shape and t.dtype == s.dtype for t, s in zip((*inputs, *outputs), specs, strict=True))
    if not fits or len(counts) != 1 or 0 in counts:
        raise BundleError("golden.npz does not fit the card")
    return Golden(inputs, outputs)


def _tensor(archive: zipfile.ZipFile, name: str) -> Tensor:
    array = np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
    return np.asarray(array)


def worst_differences(golden: Golden, run: Callable[[Sequence[Tensor]], Sequence[Tensor]]) -> tuple[float, ...]:
    """Return, for each output, the largest distance from the golden answers.

    Args:
        golden: The samples.
        run: Answers one sample: input tensors in, output tensors out, both as stored and in the card's order.

    Returns:
        Stored steps for integer outputs, real units for float ones; infinite for NaN or a wrong shape.
    """
    worst = [0.0] * len(golden.outputs)
    for sample in range(len(golden)):
        answers = run([tensor[sample] for tensor in golden.inputs])
        for i, (answer, expected) in enumerate(zip(answers, golden.outputs, strict=True)):
            worst[i] = max(worst[i], _distance(answer, expected[sample]))
    return tuple(worst)


def _distance(answer: Tensor, expected: Tensor) -> float:
    if answer.shape != expected.shape:
        return float("inf")
    distance = float(np.abs(answer.astype(np.float64) - expected.astype(np.float64)).max(initial=0.0))
    return distance if np.isfinite(distance) else float("inf")
