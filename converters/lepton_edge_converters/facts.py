"""What is known of a loaded Keras model, without Keras."""

from dataclasses import dataclass

from lepton_edge_runtime.card import Activation
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.tensors import TensorSpec
from lepton_edge_runtime.tokens import Tokenize
from lepton_edge_runtime.tokens.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class TextFacts:
    """How texts become an input's numbers.

    Attributes:
        tokenize: What is done to them.
        vocabulary: The tokens.
        own: Whether a layer of the model says so, which can be asked; else the user does.
    """

    tokenize: Tokenize
    vocabulary: Vocabulary
    own: bool


@dataclass(frozen=True, slots=True)
class EndFacts:
    """One input or output.

    Attributes:
        name: As the model's author named it.
        dtype: numpy's name.
        shape: Without the batch axis; ``None`` where it is not fixed.
        activation: What an output's numbers are, where the last layer tells.
        text: How texts become an input's numbers, where it takes texts.
        indices: How many indices an input's embedding knows, where it has one.
        clip: Which frames go into an input, where it takes clips of pictures.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    activation: Activation | None = None
    text: TextFacts | None = None
    indices: int | None = None
    clip: Clip | None = None

    def spec(self) -> TensorSpec:
        """Return its tensor, of one sample, with 1 for sizes that are not fixed."""
        shape = (1, *(size or 1 for size in self.shape))
        return TensorSpec(name=self.name, dtype=self.dtype, shape=shape)  # type: ignore[arg-type]  # numpy's name


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a loaded model.

    Attributes:
        name: Its own name.
        sha256: Of its file, or of its architecture and weights if it was in memory.
        inputs, outputs: In the order in which the model takes and gives them.
        parameters: Weights, trainable or not.
        layers: Nested ones counted.
        picture_range: Numbers that the bytes 0 and 255 of its pictures become, where the model or its files tell.
        batch: The batch size it is fixed to, if it is.
        labels: Names of its classes, where its files tell.
        notes: What a user should know of how it was loaded, one sentence each.
        layer_names: Of its layers, nested models and itself, where a trace numbers their scopes (Keras 3).
    """

    name: str
    sha256: str
    inputs: tuple[EndFacts, ...]
    outputs: tuple[EndFacts, ...]
    parameters: int
    layers: int
    picture_range: tuple[float, float] | None = None
    batch: int | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    layer_names: tuple[str, ...] = ()
