"""A training's state in one file: whole or not at all, and of no other training than the one that reads it.

It is read on the machine that wrote it: another one may round otherwise, and then its model is another one.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import TrainingError
from lepton_edge_converters.training.findings import Epoch
from lepton_edge_runtime.atomic import replacing

Arrays = list[NDArray[Any]]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is stored beside the numbers.

    Attributes:
        made_of: What the training is known by: SHA-256 by what it is of.
        history: Of the epochs so far; the next one's order, moves and learning rate follow from how many these are.
        seconds: How long they took.
        counts: How many arrays there are of each name.
    """

    made_of: dict[str, str]
    history: list[Epoch]
    seconds: float
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class State:
    """A training between two epochs.

    Attributes:
        history: Of the model before training, and after each epoch.
        seconds: How long the epochs took.
        variables: Of the model, those that count what it has drawn by lot included.
        optimizer: Of the optimizer.
        best: The model's weights after the best epoch.
    """

    history: list[Epoch]
    seconds: float
    variables: Arrays
    optimizer: Arrays
    best: Arrays


_GROUPS = ("variables", "optimizer", "best")


def write(path: Path, made_of: Mapping[str, str], state: State) -> None:
    """Store a state; a process killed meanwhile leaves the one before.

    Raises:
        TrainingError: The file cannot be written.
    """
    groups = {name: getattr(state, name) for name in _GROUPS}
    counts = {name: len(arrays) for name, arrays in groups.items()}
    header = msgspec.json.encode(_Header(dict(made_of), state.history, state.seconds, counts))
    arrays = {f"{name}_{i}": _storable(array) for name, group in groups.items() for i, array in enumerate(group)}
    try:
        with replacing(path) as file:
            np.savez(file, header=np.frombuffer(header, np.uint8), **arrays)  # type: ignore[arg-type]  # all are arrays
    except OSError as problem:
        raise TrainingError(f"cannot write the checkpoint {path}: {problem.strerror or problem}") from problem


def read(path: Path, made_of: Mapping[str, str]) -> State | None:
    """Return the state stored at ``path``; ``None`` if there is none yet.

    Raises:
        TrainingError: It cannot be read, or is of another training.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            header = msgspec.json.decode(stored["header"].tobytes(), type=_Header)
            _refuse_other(path, header.made_of, made_of)
            groups = {name: [stored[f"{name}_{i}"] for i in range(header.counts[name])] for name in _GROUPS}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.DecodeError) as problem:
        raise TrainingError(f"the checkpoint {path} cannot be read ({problem}); remove it to begin anew") from problem
    return State(header.history, header.seconds, **groups)


def _refuse_other(path: Path, stored: Mapping[str, str], made_of: Mapping[str, str]) -> None:
    others = [what for what in made_of if stored.get(what) != made_of[what]]
    if others:
        raise TrainingError(
            f"the checkpoint {path} is of a training with another {_listed(others)}; name another folder, or remove "
            "it to begin anew"
        )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _storable(array: NDArray[Any]) -> NDArray[Any]:
    # NumPy's files know no bfloat16; float32 holds it exactly.
    return array.astype(np.float32) if array.dtype.kind == "V" else array
