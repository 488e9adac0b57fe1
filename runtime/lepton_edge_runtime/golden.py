"""Golden samples: a few inputs with the outputs the converter saw, to prove an engine before it is used."""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.archive import StoredZip
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.tensors import TensorSpec

Tensor = NDArray[Any]

FLOAT_SHARE = 1e-3
"""Of the largest output: float kernels of other processors differ in the last digits, a wrong file in the first."""
ONNX_STEPS = 4.0
"""ONNX Runtime's integer kernels differ by a few steps between processors,"""
ONNX_FLOAT_SHARE = 0.02
"""and so do floats that come out of them."""

_GOLDEN = "golden.npz"
_SAMPLES_MAX = 256
_SMALL = 1e-6  # what tolerances are at least, where answers are all but 0
# The header as numpy writes it, and nothing else that its parser would take.
_HEADER = re.compile(
    rb"\{'descr': '(?P<descr>[<|][a-z]\d{1,2})', 'fortran_order': False, "
    rb"'shape': \((?P<shape>\d{1,9}(?:, \d{1,9}){0,16}),?\), \} *\n"
)


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
    with StoredZip(content, title=_GOLDEN, kind="set of golden samples", error=BundleError) as archive:
        inputs = tuple(_tensor(archive, f"input_{i}.npy", end.tensor) for i, end in enumerate(card.inputs))
        outputs = tuple(_tensor(archive, f"output_{i}.npy", end.tensor) for i, end in enumerate(card.outputs))
    if len({len(tensor) for tensor in (*inputs, *outputs)}) != 1:
        raise BundleError(f"{_GOLDEN} has more of one tensor than of another")
    return Golden(inputs, outputs)


def _tensor(archive: StoredZip, name: str, spec: TensorSpec) -> Tensor:
    """Return samples × the tensor's shape; what the header says is believed only where the card says it too."""
    if name not in archive.entries:
        raise BundleError(f"{_GOLDEN} has no {name}")
    content = archive.read(name)
    size = int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10 : 10 + size])
    if content[:8] != b"\x93NUMPY\x01\x00" or header is None:
        raise BundleError(f"{_GOLDEN} cannot be read: {name} is no plain array of numpy's format 1.0")
    dtype = np.dtype(spec.dtype).newbyteorder("<")
    count, *shape = (int(one) for one in header["shape"].decode().split(","))
    if header["descr"].decode() != dtype.str or tuple(shape) != spec.shape or not 1 <= count <= _SAMPLES_MAX:
        raise BundleError(f"{_GOLDEN} does not fit the card: {name} is {header['descr'].decode()} {(count, *shape)}")
    values = content[10 + size :]
    if len(values) != count * spec.size_bytes:
        raise BundleError(f"{_GOLDEN}: {name} has {len(values)} bytes where its header says {count * spec.size_bytes}")
    return np.frombuffer(values, dtype).reshape(count, *spec.shape)


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


def refuse_boundless(card: Card, golden: Golden, tolerance: Sequence[float]) -> None:
    """Raise BundleError where a tolerance is so wide that any answer would pass."""
    for output, values, limit in zip(card.outputs, golden.outputs, tolerance, strict=True):
        if values.dtype.kind in "iu":
            widest = float(np.iinfo(values.dtype).max >> (2 if values.dtype.kind == "u" else 1))
        else:
            widest = max(float(np.abs(values.astype(np.float64)).max()), _SMALL)
        if not limit <= widest:
            raise BundleError(
                f"the tolerance of {output.tensor.name!r} is {limit:g}; one above {widest:g} proves nothing"
            )


def _distance(answer: Tensor, expected: Tensor) -> float:
    if answer.shape != expected.shape:
        return float("inf")
    distance = float(np.abs(answer.astype(np.float64) - expected.astype(np.float64)).max(initial=0.0))
    return distance if np.isfinite(distance) else float("inf")
