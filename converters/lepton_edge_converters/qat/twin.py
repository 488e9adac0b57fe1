"""The twin of a TFLite file: a Keras model of one layer an operator, whose numbers can be trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.qat.operators import OPERATORS, compute
from lepton_edge_converters.qat.program import WEIGHTED, Program, Step, weights
from lepton_edge_converters.qat.rounding import round_activation, round_constant, stored_constant
from lepton_edge_converters.quantize.ranges import Range
from lepton_edge_runtime.errors import first_line

# What comes out of these lies on the steps of what went in.
_EXACT = frozenset(
    {
        *("CONCATENATION", "DEPTH_TO_SPACE", "EXPAND_DIMS", "GATHER", "MAXIMUM", "MAX_POOL_2D", "MINIMUM"),
        *("MIRROR_PAD", "PACK", "PAD", "REDUCE_MAX", "REDUCE_MIN", "RESHAPE", "RESIZE_NEAREST_NEIGHBOR", "SLICE"),
        *("SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK"),
    }
)
_ACTIVATIONS = {"SOFTMAX": keras.activations.softmax, "LOGISTIC": keras.activations.sigmoid}


class Levels(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """256 steps between two ends, of which each moves by a factor that can be trained.

    Args:
        limits: The ends to begin with, zero between them.
        learned: Whether they can be trained.
        name: Of the layer.
    """

    def __init__(self, limits: Range, *, learned: bool, name: str) -> None:
        super().__init__(name=name, trainable=learned, dtype="float32")
        self._limits = limits
        # As logarithms, a step of training is a share of the range, however large the numbers in it are.
        self.moved = self.add_weight(shape=(2,), initializer="zeros", name="moved", trainable=learned)

    def call(self, x: Any) -> Any:
        """Return what 8 bits hold of a tensor."""
        return round_activation(x, *self._ends())

    def limits(self) -> Range:
        """Return the ends as they are now."""
        low, high = (float(end) for end in self._ends())
        return low, high

    def _ends(self) -> tuple[Any, Any]:
        factors = keras.ops.exp(self.moved)
        return self._limits[0] * factors[0], self._limits[1] * factors[1]


class Operator(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """One operator of the file.

    Args:
        step: Which.
        shape: Of its first output, for one sample.
        given: One an input: a variable, an array, ``None`` where it is left out, ``...`` where a tensor comes.
        axes: Of the variables that are rounded; ``None`` for one scale.
        name: Of the layer.

    The zeros of a kernel stay: somebody made it sparse.
    """

    def __init__(
        self, step: Step, shape: tuple[int, ...], given: Sequence[Any], axes: Mapping[int, int | None], name: str
    ) -> None:
        super().__init__(name=name, dtype="float32")
        # By this, whoever trains the model knows what its outputs are.
        self.activation = _ACTIVATIONS.get(step.kind, keras.activations.linear)
        self._step, self._shape, self._axes = step, shape, dict(axes)
        self._given = tuple(given)
        kernel = WEIGHTED[step.kind][0] if step.kind in WEIGHTED else len(given)
        self._left = {i: _left(one) for i, one in enumerate(given) if i == kernel and isinstance(one, keras.Variable)}
        # Keras finds a layer's variables among its attributes, in lists too.
        self.own = [one for one in given if isinstance(one, keras.Variable)]
        self.refused: Exception | None = None
        self.built = True

    def call(self, *tensors: Any) -> Any:
        """Return what the operator makes."""
        coming = iter(tensors)
        inputs = [next(coming) if one is ... else self._read(i, one) for i, one in enumerate(self._given)]
        try:
            made = compute(self._step.kind, self._step.options, inputs, self._shape)
        except (AttributeError, ConversionError, TypeError, ValueError) as refused:
            self.refused = refused  # Keras wraps what is raised here in words of its own
            raise
        return made[0] if len(made) == 1 else made

    def _read(self, place: int, one: Any) -> Any:
        if not isinstance(one, keras.Variable):
            return one
        values = one.value * self._left[place] if place in self._left else one.value
        return round_constant(values, self._axes[place]) if place in self._axes else values


def _left(kernel: Any) -> NDArray[np.float32]:
    """Return 1 where a kernel has a weight, 0 where it has none: what it is multiplied by has no gradient there."""
    left: NDArray[np.float32] = (np.asarray(kernel.value) != 0).astype(np.float32)
    return left


@dataclass(frozen=True, slots=True)
class Twin:
    """A program as a Keras model.

    Attributes:
        model: Functional; takes and gives any number of samples, in the program's order.
        learner: The same, but that outputs of softmax and sigmoid are not rounded: whoever takes logarithms of them
            would meet that of 0.
        program: What it computes.
        variables: Constants that can be trained.
        levels: The ranges of groups; empty where nothing is rounded.
    """

    model: Any
    learner: Any
    program: Program
    variables: Mapping[int, Any]
    levels: Mapping[int, Levels]

    def constants(self) -> dict[int, NDArray[np.float32]]:
        """Return the trained constants as the file will hold them."""
        stored = self.program.stored
        found = {i: np.asarray(variable.value, np.float32) for i, variable in self.variables.items()}
        return {i: stored_constant(values, stored[i]) if i in stored else values for i, values in found.items()}

    def ranges(self) -> dict[int, Range]:
        """Return the range of each group as it is now."""
        return {group: one.limits() for group, one in self.levels.items()}

    def freeze_ranges(self) -> None:
        """Let training leave the ranges alone from now on."""
        for one in self.levels.values():
            one.trainable = False


def build_twin(program: Program, *, rounds: bool) -> Twin:
    """Return a program as a Keras model.

    Args:
        program: Of a calibrated file.
        rounds: Whether constants and activations are rounded to 8 bits where the quantizer will.

    Raises:
        ConversionError: An operator cannot be computed for several samples at once, or not at all.
    """
    missing = sorted({step.kind for step in program.steps} - OPERATORS.keys())
    if missing:
        raise ConversionError(f"{', '.join(missing)} cannot be trained here")
    variables = {
        i: keras.Variable(program.constants[i], name=f"constant_{i}", dtype="float32") for i in weights(program)
    }
    levels = {
        group: Levels(limits, learned=group in program.learned, name=f"levels_{group}")
        for group, limits in program.ranges.items()
    }
    builder = _Builder(program, variables, levels if rounds else {})
    return Twin(*builder.models(), program, variables, levels if rounds else {})


class _Builder:
    def __init__(self, program: Program, variables: Mapping[int, Any], levels: Mapping[int, Levels]) -> None:
        self._program, self._variables, self._levels = program, variables, levels
        self._made: dict[int, Any] = {}
        self._bare: dict[int, Any] = {}

    def models(self) -> tuple[Any, Any]:
        program = self._program
        symbols = []
        for k, i in enumerate(program.inputs):
            symbol = keras.Input(program.shapes[i][1:], dtype=program.dtypes[i].name, name=f"input_{k}")
            symbols.append(symbol)
            self._made[i] = self._rounded(i, symbol)
        for number, step in enumerate(program.steps):
            self._add(number, step)
        outputs = [self._made[i] for i in program.outputs]
        bare = [self._bare.get(i, self._made[i]) for i in program.outputs]
        return keras.Model(symbols, outputs, name="twin"), keras.Model(symbols, bare, name="learner")

    def _add(self, number: int, step: Step) -> None:
        program = self._program
        shape = program.shapes[step.outputs[0]]
        given = [self._given(i) for i in step.inputs]
        axes = {
            place: program.stored[i]
            for place, i in enumerate(step.inputs)
            if self._levels and i in self._variables and i in program.stored
        }
        layer = Operator(step, shape, given, axes, name=f"{step.kind.lower()}_{number}")
        coming = [self._made[i] for i, one in zip(step.inputs, given, strict=True) if one is ...]
        try:
            made = layer(*coming)
        except (AttributeError, ConversionError, TypeError, ValueError) as wrapped:
            refused = layer.refused or wrapped
            if isinstance(refused, ConversionError):
                raise refused from None
            told = first_line(refused)
            raise ConversionError(f"{step.kind} cannot be computed for several samples at once: {told}") from refused
        outputs = made if isinstance(made, list | tuple) else [made]
        for i, one in zip(step.outputs, outputs, strict=True):
            self._made[i] = one if step.kind in _EXACT else self._rounded(i, one)
            if step.kind in _ACTIVATIONS:
                self._bare[i] = one

    def _given(self, i: int) -> Any:
        if i in self._variables:
            return self._variables[i]
        if i in self._program.constants:
            return self._constant(i)
        return None if i < 0 else ...

    def _constant(self, i: int) -> NDArray[Any]:
        program = self._program
        values = program.constants[i]
        rounds = bool(self._levels) and i in program.stored
        return stored_constant(values, program.stored[i]) if rounds else values

    def _rounded(self, i: int, tensor: Any) -> Any:
        group = self._program.groups.get(i)
        return self._levels[group](tensor) if group is not None and self._levels else tensor
