"""A net of ``keras.applications`` with channels removed at random; run as a child, since it imports TensorFlow.

``python -m benchmarks.pruning.removal NAME PIXELS FOLDER`` builds the net, of random weights, writes ``pruned.keras``
and ``samples.npy``, pictures made up, and prints what was removed and what that does to the answers, as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.prune.dependencies import Dependencies, find_dependencies
from lepton_edge_converters.prune.flat import Call, Tensor, flatten
from lepton_edge_converters.prune.surgery import answers, rebuild
from lepton_edge_converters.prune.walk import walk

_SHARE = 0.3
_SAMPLES = 16
_COMPARED = 4


def main() -> None:
    """Build, remove, compare, write."""
    name, pixels, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(pixels, pixels, 3), classes=100, classifier_activation=None
    )
    samples = _pictures(rng, pixels)
    _scatter(model, rng)
    _settle(model, samples)
    dependencies = find_dependencies(flatten(model))
    removed = _some(dependencies, rng)
    pruned = rebuild(dependencies, removed.tolist())
    first = [samples[:_COMPARED].astype(np.float32)]
    whole, smaller = answers(model, first)[0], answers(pruned, first)[0]
    held = np.asarray(_held_at_zero(dependencies, removed, first)[0])
    pruned.save(folder / "pruned.keras")
    np.save(folder / "samples.npy", samples)
    largest = float(np.abs(held).max())
    told = {
        "calls": len(dependencies.flat.calls),
        "groups": len(dependencies.prunable),
        "kept": len(dependencies.groups) - len(dependencies.prunable),
        "unknown": sorted(set(dependencies.unknown.values())),
        "parameters": [model.count_params(), pruned.count_params()],
        "apart": float(np.abs(smaller - held).max()) / largest,
        "without_holding": float(np.abs(smaller - whole).max()) / largest,
        "spread": float((held.std(0) / largest).mean()),
    }
    print(json.dumps(told))


def _scatter(model: Any, rng: np.random.Generator) -> None:
    """Give normalizations and biases numbers as training does: a channel that is left out is then not zero anyway."""
    for weight in model.weights:
        if weight.name == "gamma":
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.name in ("beta", "bias"):
            weight.assign(rng.normal(0, 0.3, weight.shape))


def _settle(model: Any, samples: NDArray[np.uint8]) -> None:
    """Give normalizations the statistics of these pictures: else a deep net answers all pictures alike."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    model(samples.astype(np.float32), training=True)
    for layer, momentum in zip(norms, before, strict=True):
        layer.momentum = momentum


def _some(dependencies: Dependencies, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return a share of each group's channels, never all."""
    picked = [rng.permutation(group.leaders)[: int(_SHARE * group.width)] for group in dependencies.prunable]
    return np.sort(np.concatenate([np.empty(0, np.int64), *picked]))


def _held_at_zero(
    dependencies: Dependencies, removed: NDArray[np.int64], inputs: list[NDArray[np.float32]]
) -> list[Any]:
    """Return what the original answers when each layer reads zero where a channel is removed."""
    kept = dependencies.kept(removed)

    def hold(call: Call, place: int, value: Any) -> Any:
        tensor: Tensor = call.inputs[place]
        label = dependencies.notes.labels.get(id(tensor))
        if label is None:
            return value
        return value * kept[label.ids].astype("float32").reshape([-1] + [1] * (len(tensor.shape) - label.axis - 1))

    return walk(dependencies.flat, [keras.ops.convert_to_tensor(one) for one in inputs], hold)


def _pictures(rng: np.random.Generator, pixels: int) -> NDArray[np.uint8]:
    """Return pictures of smooth blots, each of its own colours: noise alone looks all the same to a net."""
    coarse = keras.ops.convert_to_tensor(rng.uniform(0, 255, (_SAMPLES, 4, 4, 3)).astype(np.float32))
    smooth = np.asarray(keras.ops.image.resize(coarse, (pixels, pixels), interpolation="bilinear"))
    return (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
