"""A network as plain data, for processes with different versions of Keras: JSON, and arrays beside it."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Weights = list[list[NDArray[Any]]]
"""Of each layer, in the layers' order, the arrays in the order in which both versions of Keras list them."""

_NETWORK, _WEIGHTS = "network.json", "weights.npz"


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes in: its shape is without the batch axis, ``None`` where it is open; its type has numpy's name."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A layer that both versions know.

    Attributes:
        kind: Its class in Keras.
        name: As its author named it; within nested models with theirs before it, ``base/conv``.
        config: Its settings, by Keras 3's names; of a layer around another one that layer's kind and settings too.
    """

    kind: str
    name: str
    config: dict[str, Any]


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A layer called once; a shared one is called several times.

    Tensors are numbered as they come: inputs first, then what each call gives.

    Attributes:
        layer: Which.
        arguments: Each a tensor, or a list of tensors.
        named: Those given by name, such as ``initial_state``.
        flags: Arguments given by name that are truth values, such as ``training``.
        gives: How many tensors come out.
    """

    layer: int
    arguments: tuple[int | tuple[int, ...], ...]
    named: dict[str, int | tuple[int, ...]]
    flags: dict[str, bool]
    gives: int


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network, nested models written out: what goes in, its layers, their calls in order, and what comes out."""

    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    calls: tuple[Call, ...]
    outputs: tuple[int, ...]


def write_network(folder: Path, network: Network, weights: Weights) -> None:
    """Write a network and its weights into a folder, which is made."""
    folder.mkdir()
    (folder / _NETWORK).write_bytes(msgspec.json.encode(network))
    write_weights(folder / _WEIGHTS, weights)


def read_network(folder: Path) -> tuple[Network, Weights]:
    """Return what ``write_network`` wrote."""
    network = msgspec.json.decode((folder / _NETWORK).read_bytes(), type=Network)
    return network, read_weights(folder / _WEIGHTS, len(network.layers))


def write_weights(path: Path, weights: Weights) -> None:
    """Write the weights of each layer as ``.npz``."""
    named = {f"{i}.{k}": array for i, arrays in enumerate(weights) for k, array in enumerate(arrays)}
    np.savez(path, **named)  # type: ignore[arg-type]  # numpy sees a name that may be its own flag


def read_weights(path: Path, layers: int) -> Weights:
    """Return what ``write_weights`` wrote of so many layers."""
    weights: Weights = [[] for _ in range(layers)]
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:  # in the order in which they were written
            weights[int(key.partition(".")[0])].append(file[key])
    return weights
