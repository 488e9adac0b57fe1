"""A model in this process, whatever made it: described, and called on tensors."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.facts import ModelFacts


class LoadedModel(Protocol):
    """A Keras 3 model, a Keras 2 model, or a SavedModel."""

    def describe(
        self, *, sha256: str, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]
    ) -> ModelFacts:
        """Return what is known of it.

        Args:
            sha256: Of its file; empty to hash its architecture and weights.
            picture_size: Width and height to take where the model leaves them open.
            sample_shapes: Of one sample for each input, for models that do not say what they take.

        Raises:
            LoadError: Its weights are not numbers, or its inputs are not known.
        """
        ...

    def call(self, tensors: list[Any]) -> list[Any]:
        """Return its outputs, flat and in the order of its facts, for one tensor an input."""
        ...

    def unrolled(self) -> AbstractContextManager[None]:
        """Return a context in which recurrent layers write out their steps, as far as they can."""
        ...


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What a user says of a model file.

    Attributes:
        custom: ``module:Name`` of each class of the user's own, or ``module`` to import one that registers them.
        trust: Whether code inside the file (``Lambda`` layers) may run.
        signature: Which of a SavedModel's signatures to convert; empty for the only one or the default one.
    """

    custom: tuple[str, ...] = ()
    trust: bool = False
    signature: str = ""


@dataclass(frozen=True, slots=True)
class LayerHeat:
    """Which places of a layer's map raise the score of a class.

    Attributes:
        heat: ``float32``, rows × columns of the layer's map; 0 or more, in units of the score before its softmax.
        layer: The layer's name.
        class_id: The class.
        score: Of the class, as the model gives it.
    """

    heat: NDArray[np.float32]
    layer: str
    class_id: int
    score: float


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model as a file that a worker can load.

    Attributes:
        path: The file.
        options: How it is to be loaded.
        cached: Whether what is made of it may be kept for other runs.
    """

    path: Path
    options: LoadOptions
    cached: bool
