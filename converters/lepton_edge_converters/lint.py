"""The lint of samples: what they show of themselves, and what the original model thinks of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.gates.likeness import decide
from lepton_edge_converters.gates.statistics import mcnemar, paired_drop
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.samples.lint import Finding, lint_samples, spread_over
from lepton_edge_runtime.card import OutputCard
from lepton_edge_runtime.preprocess import PRESET_RANGES, Preprocess

_SCREENED = 64  # samples on which another preparation is tried first
_TRIED = 400  # samples on which one that looks better is tried
_GAIN_MIN = 1.0  # points that the whole interval of the gain must lie above
_CHANCE_MAX = 0.01  # five are tried: each must be surer than one in twenty
# What Keras calls the "caffe" mode, of its own ResNet50 and VGG16: blue first, the mean of ImageNet taken away.
_CAFFE_MEAN = (103.939, 116.779, 123.68)

Ask = Callable[[StoredSamples], Sequence[NDArray[Any]]]
"""The original model's answers to samples, one array an output."""


@dataclass(frozen=True, slots=True)
class _Other:
    """Another way to prepare pictures.

    Attributes:
        code: Of the finding, if it is clearly better.
        name: For people.
        remedy: How to ask for it.
        swapped: Whether the colour channels come in the other order.
        scaling: The numbers that bytes become; ``None`` for those that were declared.
    """

    code: str
    name: str
    remedy: str
    swapped: bool = False
    scaling: Preprocess | None = None


def lint(
    calibration: StoredSamples | None,
    judged: StoredSamples,
    preprocess: tuple[Preprocess | None, ...],
    reference: Sequence[NDArray[Any]],
    output: OutputCard | None,
    ask: Ask,
) -> tuple[Finding, ...]:
    """Return everything odd about the samples.

    Args:
        calibration: ``None`` for schemes that need none.
        judged: The held-out ones, with the targets of a classifier.
        preprocess: One an input, completed; ``None`` where it takes no pictures.
        reference: The original's answers to ``judged``.
        output: What a classifier's scores are; ``None`` if the model is none.
        ask: Asks the original model; called only where targets could tell another preparation from this one.
    """
    if output is None:  # labels that are no classes say nothing here
        calibration = calibration and replace(calibration, targets=None)
    findings = lint_samples(calibration, judged, preprocess)
    if output is None:
        return tuple(findings)
    decided = decide(reference[0], output)
    if len(decided) > 1 and len(np.unique(decided)) == 1:
        findings.append(
            Finding(
                "ONE_DECISION",
                f"the original model decides class {decided[0]} for all {len(decided)} judging samples: agreeing with "
                "that proves nothing; check the samples, and how they are prepared (--range, --color)",
            )
        )
    return (*findings, *_better_prepared(judged, preprocess, decided, output, ask))


def _better_prepared(
    judged: StoredSamples,
    preprocess: tuple[Preprocess | None, ...],
    decided: NDArray[np.int64],
    output: OutputCard,
    ask: Ask,
) -> Iterator[Finding]:
    """Say which other channel order or scaling makes the original clearly more accurate: the best, where one does.

    Only one: a second mistake shows once the first is mended.
    """
    if judged.targets is None or not any(preprocess):
        return
    chosen = spread_over(len(judged), _TRIED)
    right = decided[chosen] == judged.targets[chosen]
    if not _clearly_better(right, np.ones_like(right)):
        return  # so few are wrong that nothing could be
    screened = chosen[spread_over(len(chosen), _SCREENED)]
    best, found = 0, None
    for other in _others(preprocess):
        first = _right(judged, screened, preprocess, other, output, ask)
        if first.sum() <= (decided[screened] == judged.targets[screened]).sum():
            continue
        now = first if len(screened) == len(chosen) else _right(judged, chosen, preprocess, other, output, ask)
        if _clearly_better(right, now) and now.sum() > best:
            best, found = int(now.sum()), _finding(other, right, now)
    if found is not None:
        yield found


def _clearly_better(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> bool:
    drop = paired_drop(before, after)
    return -drop.high > _GAIN_MIN and mcnemar(drop.lost, drop.won) < _CHANCE_MAX


def _finding(other: _Other, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Finding:
    drop = paired_drop(before, after)
    return Finding(
        other.code,
        f"the original model is right on {after.mean():.1%} of {len(after)} judging samples with {other.name}, and on "
        f"{before.mean():.1%} as they are fed now ({-drop.points:+.1f} [{-drop.high:+.1f}, {-drop.low:+.1f}] points); "
        f"try {other.remedy}",
    )


def _others(preprocess: tuple[Preprocess | None, ...]) -> Iterator[_Other]:
    """Yield the usual preparations that are not the one declared for the first input that takes pictures."""
    declared = next(one for one in preprocess if one is not None)
    colored = declared.channels == 3
    swapped = "rgb" if declared.color == "bgr" else "bgr"
    if colored:
        yield _Other("CHANNEL_ORDER", "red and blue swapped", f"--color {swapped}", swapped=True)
    for name, preset in PRESET_RANGES.items():
        scaling = Preprocess(color=declared.color, **preset)
        if (colored or not scaling.mean) and not _alike(scaling, declared):
            yield _Other("SCALE", f"the range {name}", f"--range {name}", scaling=scaling)
    caffe = Preprocess(color=declared.color, range=(0, 255), mean=_CAFFE_MEAN) if colored else None
    if caffe is not None and not _alike(caffe, declared):
        blue_first = declared.color == "bgr"
        remedy = f"Preprocess(color='bgr', range=(0, 255), mean={_CAFFE_MEAN})"
        yield _Other("SCALE", "blue first and the mean taken away", remedy, swapped=not blue_first, scaling=caffe)


def _alike(one: Preprocess, other: Preprocess) -> bool:
    mine, theirs = one.levels(), other.levels()
    return bool(np.abs(mine - theirs).max() < 0.01 * np.ptp(theirs))


def _right(
    judged: StoredSamples,
    chosen: NDArray[np.int64],
    preprocess: tuple[Preprocess | None, ...],
    other: _Other,
    output: OutputCard,
    ask: Ask,
) -> NDArray[np.bool_]:
    """Return which of the chosen samples the original decides right when they are prepared the other way."""
    assert judged.targets is not None  # noqa: S101 - the caller looked
    paths = []
    for i, (declared, used) in enumerate(zip(preprocess, judged.preprocess, strict=True)):
        array = np.asarray(judged.array(i)[chosen])
        if declared is not None:
            array = _prepared(array if used is None else used.to_real(array), declared, other)
        paths.append(_stored(array, judged.paths[i]))
    answers = ask(replace(judged, paths=tuple(paths), preprocess=(None,) * len(paths), targets=None))
    for path in paths:
        path.unlink()
    return np.asarray(decide(answers[0], output) == judged.targets[chosen])


def _prepared(real: NDArray[Any], declared: Preprocess, other: _Other) -> NDArray[np.float32]:
    """Return numbers that were prepared as declared, prepared the other way: … × channels."""
    table = declared.levels()
    share = (np.asarray(real, np.float64) - table[0]) / (table[255] - table[0])
    if other.swapped:
        share = share[..., ::-1]
    wanted = (other.scaling or declared).levels()
    return np.asarray(wanted[0] + share * (wanted[255] - wanted[0]), np.float32)


def _stored(array: NDArray[Any], beside: Path) -> Path:
    path = beside.with_name(f"other_{beside.name}")
    np.save(path, array)
    return path
