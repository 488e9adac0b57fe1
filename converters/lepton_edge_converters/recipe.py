"""A recipe: what to do with a model, as TOML. Shipped ones lie in ``recipes/``."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from lepton_edge_converters.errors import RecipeError
from lepton_edge_converters.shrinking import BOUNDS, Pruning
from lepton_edge_converters.thinning import Sparsity
from lepton_edge_converters.train import Training
from lepton_edge_runtime.card import Batch
from lepton_edge_runtime.wire import nearest

Scheme = Literal["float32", "float16", "dynamic", "weights", "int8", "int16x8"]
Format = Literal["tflite", "onnx"]
Io = Literal["uint8", "int8", "float32"]
Ranges = Literal["minmax", "percentile", "mse", "best"]

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
"""How numbers can be stored; a recipe of its name ships for each."""

SHIPPED = (*SCHEMES, "prune-int8", "small", "fast")
"""Names of the recipes that ship."""

CALIBRATED = frozenset({"int8", "int16x8"})
"""Schemes whose activations are integers: samples must show their ranges, and no operator may compute in float."""


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must hold before a bundle is written.

    Attributes:
        min_agreement: Least share of samples decided as the original model decides, each format.
        min_cosine: Least cosine between the outputs of the original model and of each format.
        min_sqnr_db: Least ratio of the original's outputs to their error, in decibels; where nothing is decided, of
            the outputs' spread over the samples too: numbers around 90 that are all answered 91 have none.
        min_parity: Least share of samples that ONNX decides as TFLite does.
        min_parity_db: Least ratio of TFLite's outputs to ONNX's distance from them, where ONNX is derived from it; and
            of a sample's outputs to their distance when it is one of a batch, where the batch is free.
        max_drop: Most points of accuracy (0 to 100) that each format may lose, or, where a ``metric`` is named, most
            of its number; ``None`` for no bound.
        min_metric: Least number that the metric may say of each format; ``None`` for no bound.
    """

    min_agreement: float = 0.9
    min_cosine: float = 0.95
    min_sqnr_db: float = 10.0
    min_parity: float = 0.98
    min_parity_db: float = 30.0
    max_drop: float | None = None
    min_metric: float | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that could never refuse, or never pass, by a slip of units."""
        for name in ("min_agreement", "min_cosine", "min_parity"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")
        if self.max_drop is not None and not self.max_drop >= 0:
            raise ValueError(f"max_drop is what may be lost, 0 or more, not {self.max_drop}")


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to do with a model.

    Attributes:
        scheme: How numbers are stored and computed with: ``float32``; ``float16`` weights; ``weights`` of 8 bits,
            computed in float; ``dynamic``, the same with activations rounded to 8 bits as they come; ``int8`` weights
            and activations; or ``int16x8``, activations of 16 bits and weights of 8. docs/schemes.md compares them.
        formats: Files to write.
        io: Type of the inputs and outputs of an int8 model; real-numbered schemes keep ``float32``.
        batch: How many samples the files take at once: 1, or ``dynamic`` for as many as an engine is told.
        logits: Whether the softmax or sigmoid that a classifier ends in is left out of the files: the runtime's decoder
            applies it.
        holdout: Share of the samples that judges the result and is not calibrated with, 0 to 1.
        calibration: How many of the others calibrate.
        seed: Of the split between the two, and of synthetic samples.
        ranges: How the ranges of an int8 model's activations are taken from the calibration samples: all that was
            seen (``minmax``), without the outermost ten-thousandth at each end (``percentile``), with the least squared
            error (``mse``), or whichever of these gives the outputs most like the float model's (``best``).
        float_layers: Names of layers of an int8 model that stay in float, in both formats.
        equalize: Whether channels are brought to like ranges before they are quantized, for schemes of 8 bits.
        correct_bias: Whether biases take back what rounding shifts on average, for ``int8``.
        qat: Whether weights and ranges of an int8 model are trained to bear 8 bits, taught by the original on
            the samples that do not judge; biases are then trained, not corrected.
        repair: Whether a refused int8 model is mended: better ranges, equalization and bias correction, layers in
            float, training for 8 bits, until all gates pass.
        repair_minutes: No further rung of that ladder is begun after this long.
        strict: Whether a finding about the samples refuses, and a bound that they cannot prove.
        metric: ``r2``, ``closeness``, ``map``, ``miou``, ``pck``, ``oks``, or a function of the user's own,
            ``module:function``; empty for the one that goes with the task.
        fastest: Try every scheme, and ship the fastest that passes the gates; ``scheme`` is then the one that a
            refusal is told of.
        prune: How far channels are removed before all else, and how; ``None`` to keep them all.
        training: How what is left of a pruned model is trained, each round.
        sparsity: How weights are made zero or equal before all else; ``None`` to leave them alone.
        gates: What must hold.

    Example:
        >>> load_recipe("int8").io
        'uint8'
    """

    scheme: Scheme
    formats: tuple[Format, ...] = ("tflite", "onnx")
    io: Io = "uint8"
    batch: Batch = 1
    logits: bool = False
    holdout: float = 0.3
    calibration: int = 100
    seed: int = 0
    ranges: Ranges = "minmax"
    float_layers: tuple[str, ...] = ()
    equalize: bool = False
    correct_bias: bool = False
    qat: bool = False
    repair: bool = False
    repair_minutes: float = 30.0
    strict: bool = False
    metric: str = ""
    fastest: bool = False
    prune: Pruning | None = None
    training: Training = Training()
    sparsity: Sparsity | None = None
    gates: Gates = Gates()

    @property
    def trains(self) -> bool:
        """Whether the model is trained on samples."""
        return self.sparsity is not None or self.prune is not None or self.qat

    @property
    def clustered(self) -> bool:
        """Whether the weights of a layer share a few values."""
        return self.sparsity is not None and self.sparsity.clusters is not None

    @property
    def may_train(self) -> bool:
        """Whether it is, or a repair may come to do so."""
        return self.trains or self.repair

    @property
    def calibrates(self) -> bool:
        """Whether samples must show what ranges activations have."""
        return self.scheme in CALIBRATED or self.equalize or self.fastest

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out."""
        if not self.formats or len(set(self.formats)) != len(self.formats):
            raise ValueError(
                f"formats names each of tflite and onnx at most once, and one at least; not {self.formats}"
            )
        if not 0 < self.holdout < 1:
            raise ValueError(f"holdout is a share between 0 and 1, not {self.holdout}")
        if self.repair_minutes <= 0:
            raise ValueError(f"repair_minutes is a number of minutes, not {self.repair_minutes:g}")
        if self.calibration < 1:
            raise ValueError(f"calibration is 1 sample or more, not {self.calibration}")
        drop = self.gates.max_drop
        if drop is not None and not self.metric and drop > 100:
            raise ValueError(f"max_drop is in points of accuracy, 0 to 100, not {drop:g}")
        if drop is not None and self.metric and ":" not in self.metric and drop >= 1:
            raise ValueError(
                f"max_drop is in units of the metric {self.metric!r}, which is at most 1, not {drop:g}; a point is 0.01"
            )


_IN_TABLES = {
    "gates": ("max_drop", "min_metric"),
    "prune": (*BOUNDS, "rounds", "keep"),
    "sparsity": ("zeros", "clusters"),
}
_TABLES: dict[str, type[msgspec.Struct]] = {
    "gates": Gates, "prune": Pruning, "training": Training, "sparsity": Sparsity,
}  # fmt: skip


def load_recipe(recipe: str | Path | Recipe, **overrides: Any) -> Recipe:
    """Return a recipe: a shipped one by name, or one from a ``.toml`` file, with some settings replaced.

    Args:
        recipe: Name, file, or a recipe already loaded.
        overrides: Settings that are not ``None`` replace the recipe's; ``max_drop`` and ``min_metric`` are among
            its gates, the bounds of pruning, ``rounds`` and ``keep`` in its ``prune``, ``zeros`` and ``clusters`` in
            its ``sparsity``, ``epochs`` and ``learning_rate`` in its ``sparsity`` or, of a model that is pruned, in
            its ``training``.

    Raises:
        RecipeError: There is no such recipe, or it asks for something that does not exist.
    """
    settings = msgspec.to_builtins(recipe) if isinstance(recipe, Recipe) else _read(recipe)
    given = {name: value for name, value in overrides.items() if value is not None}
    for table, names in _IN_TABLES.items():
        for name in names:
            if name in given:
                settings[table] = {**(settings.get(table) or {}), name: given.pop(name)}
    if taught := {name: given.pop(name) for name in ("epochs", "learning_rate") if name in given}:
        table = _trained_by(settings)
        settings[table] = {**(settings.get(table) or {}), **taught}
    loaded = _checked({**settings, **given}, what=f"recipe {recipe}" if isinstance(recipe, str | Path) else "recipe")
    if given.get("io", "float32") != "float32" and loaded.scheme != "int8":
        raise RecipeError(f"io {loaded.io} is for int8 models; those of scheme {loaded.scheme} take and give float32")
    if loaded.repair and loaded.scheme != "int8":
        raise RecipeError(f"repair is for int8 models; of a {loaded.scheme} model there is nothing that it could mend")
    if loaded.scheme != "int8" and (loaded.ranges != "minmax" or loaded.float_layers):
        raise RecipeError(f"ranges and float_layers are for int8 models; a {loaded.scheme} model computes in float")
    if loaded.prune is not None and loaded.sparsity is not None:
        raise RecipeError("a model is pruned, or its weights are made sparse: ask for one of them")
    if loaded.repair and loaded.fastest:
        raise RecipeError("fastest ships what passes, and repair mends what does not: ask for one of them")
    _check_improvements(loaded)
    return loaded


def _trained_by(settings: dict[str, Any]) -> str:
    """Return the table that says how the model is trained again."""
    for asked, table in (("prune", "training"), ("sparsity", "sparsity")):
        if settings.get(asked) is not None:
            return table
    raise RecipeError(
        "epochs and learning_rate are for models that are pruned or made sparse; training for 8 bits (qat) has as many "
        "epochs as its samples ask for"
    )


def _check_improvements(recipe: Recipe) -> None:
    if recipe.equalize and recipe.scheme not in ("int8", "dynamic"):
        raise RecipeError(
            f"equalize is for what is rounded to 8 bits, int8 and dynamic; {recipe.scheme} has no use for it"
        )
    if recipe.correct_bias and recipe.scheme != "int8":
        raise RecipeError(f"correct_bias is for int8 models; the weights of {recipe.scheme} are rounded otherwise")
    if recipe.qat and recipe.scheme != "int8":
        raise RecipeError(f"qat trains for int8; a {recipe.scheme} model has nothing to learn from it")
    if recipe.qat and recipe.clustered:
        raise RecipeError(
            "qat gives each weight a value of its own again, which undoes clusters; ask for one of them, or for "
            "sparsity, whose zeros stay"
        )


def _read(recipe: str | Path) -> dict[str, Any]:
    if str(recipe) in SHIPPED:
        text = files("lepton_edge_converters").joinpath("recipes", f"{recipe}.toml").read_text(encoding="utf-8")
    elif Path(recipe).suffix == ".toml":
        try:
            text = Path(recipe).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise RecipeError(f"cannot read the recipe {recipe}: {problem}") from problem
    else:
        hint = nearest(str(recipe), list(SHIPPED))
        raise RecipeError(f"no recipe {str(recipe)!r}; there are: {', '.join(SHIPPED)}, or a .toml file{hint}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise RecipeError(f"recipe {recipe}: {problem}") from problem


def _checked(settings: dict[str, Any], *, what: str) -> Recipe:
    _refuse_unknown(settings, Recipe, what)
    for name, wire_type in _TABLES.items():
        table = settings.get(name)
        if isinstance(table, dict):
            _refuse_unknown(table, wire_type, f"{what}, [{name}]")
    try:
        return msgspec.convert(settings, Recipe)
    except msgspec.ValidationError as problem:
        raise RecipeError(f"{what}: {problem}") from problem


def _refuse_unknown(settings: dict[str, Any], wire_type: type[msgspec.Struct], what: str) -> None:
    known = list(wire_type.__struct_fields__)
    for key in settings:
        if key not in known:
            raise RecipeError(f"{what}: unknown key {key!r}{nearest(key, known)}; there are: {', '.join(known)}")
