"""explain(): which places of a picture a model's answer rests on, asked of the file that is deployed."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.explanation.explanation import Explanation
from lepton_edge_runtime.explanation.heat import Hider, Pixels, Writer, measure, smoothed
from lepton_edge_runtime.explanation.masks import CELLS, Mask, count_patches, patch_side, random_masks, sliding_patches
from lepton_edge_runtime.explanation.questions import Target, pose_question
from lepton_edge_runtime.images import Image, read_image
from lepton_edge_runtime.model import Model, open_model
from lepton_edge_runtime.plan import placed_pixels
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tasks.placing import boxes_in_picture, cells_of_picture
from lepton_edge_runtime.timing import Progress
from lepton_edge_runtime.yuv import YuvImage, bgr_of

Method = Literal["rise", "occlusion"]

_HIDDEN = "the picture with parts hidden"
_SAMPLES = {"classify": 1000, "embed": 1000, "detect": 2000}


def explain(
    model: Model | str | Path,
    image: Image | YuvImage | str | Path,
    *,
    target: Target = None,
    which: int = 1,
    method: Method = "rise",
    samples: int | None = None,
    grid: int | None = None,
    seed: int = 0,
    backend: str = "auto",
    progress: Progress | None = None,
) -> Explanation:
    """Return which places of a picture a model's answer rests on.

    Parts of the picture are hidden at the model's own input size, and the file that is deployed is asked again and
    again: for the score of a class; for the score of the best box of a class, times its overlap with the box that was
    found; or for the cosine to the whole picture's embedding. What is hidden becomes the mean colour of the picture.

    Args:
        model: An opened model, or a bundle, ``.tflite`` or ``.onnx`` file.
        image: Height × width × 3, BGR, or height × width, grey, ``uint8``; a camera's (``YuvImage``), converted first;
            or the path of a picture.
        target: The class to explain, by name or number; by default the one that the model is surest of.
        which: Of several boxes of that class: 1 for the surest, 2 for the next.
        method: ``rise`` hides coarse cells at random (Petsiuk et al., BMVC 2018; for boxes CVPR 2021); ``occlusion``
            hides one patch after the other (Zeiler and Fergus, ECCV 2014).
        samples: How many random masks; 1,000 if not given, 2,000 for boxes. ``occlusion`` has as many as patches fit.
        grid: Cells or patches along the shorter side; 7 if not given, 16 for boxes.
        seed: Of the random masks: the same seed gives the same map on the same machine.
        backend: As ``open_model`` takes it; for a path.
        progress: Called with what is being done, how much is done, and how much there is.

    Raises:
        InputError: It is no picture, there is no such class or box, or the model has several inputs, takes no
            pictures or clips of them, or answers something without a score, or no number.
        ValueError: Numbers that hide nothing.
        LeptonError: As of ``open_model``.

    Example:
        >>> import lepton_edge as le
        >>> explanation = le.explain("birds.lepton", "parrot.jpg")   # doctest: +SKIP
        >>> explanation.target, explanation.peak                     # doctest: +SKIP
        ('Ara macao (Scarlet Macaw)', (330.3, 196.8))
    """
    _check(method, samples, grid)
    picture = read_image(image) if isinstance(image, str | Path) else bgr_of(image)
    with ExitStack() as stack:
        opened = model if isinstance(model, Model) else stack.enter_context(open_model(model, backend=backend))
        card = opened.card
        preprocess = _preprocess_of(card)
        spec = card.inputs[0].tensor
        pixels, placement = placed_pixels(preprocess, picture)
        region, box = cells_of_picture(placement, (pixels.shape[1], pixels.shape[0]))
        writer = Writer(preprocess, spec)
        outputs = opened.run((writer(pixels),))
        question = pose_question(card, outputs, target, which)
        score = _finite(question.ask(outputs), "the picture")
        height, width = pixels[region].shape[:2]
        cells = grid or CELLS[card.task]
        if method == "rise":
            count = samples or _SAMPLES[card.task]
            masks: Iterable[Mask] = random_masks(height, width, grid=cells, count=count, seed=seed)
        else:
            count = count_patches(height, width, grid=cells)
            masks = sliding_patches(height, width, grid=cells)
        ask = counting(lambda shown: _finite(question.ask(opened.run((writer(shown),))), _HIDDEN), count, progress)
        heat = measure(Hider(pixels, region), masks, ask, whole=score if method == "occlusion" else None)
        if method == "occlusion":
            heat = smoothed(heat, max(1, patch_side(height, width, grid=cells) // 2))
        found = question.box and _in_picture(question.box, placement)
        size = placement.width, placement.height
        by = opened.choice.backend
    return Explanation(heat, box, size, method, question.about, question.class_id, score, found, count + 1, by)


def counting(score: Callable[[Pixels], float], total: int, progress: Progress | None) -> Callable[[Pixels], float]:
    """Return a score that tells how often it was asked."""
    asked = 0

    def ask(pixels: Pixels) -> float:
        nonlocal asked
        found = score(pixels)
        asked += 1
        if progress is not None:
            progress("asking the model with parts hidden", asked, total)
        return found

    return ask


def _finite(score: float, shown: str) -> float:
    """Return a score, or raise InputError where it is no number that could rise or fall."""
    if not isfinite(score):
        raise InputError(f"the model answers {score} to {shown}: there is no score to explain")
    return score


def _check(method: str, samples: int | None, grid: int | None) -> None:
    if method not in ("rise", "occlusion"):
        raise ValueError(f"no method {method!r} for a deployed file; there are: rise, occlusion")
    if samples is not None and (samples < 2 or method != "rise"):
        raise ValueError(f"samples is for the random masks of rise, 2 or more, not {samples} of {method}")
    if grid is not None and grid < 2:
        raise ValueError(f"grid is 2 or more along the shorter side, not {grid}")


def _preprocess_of(card: Card) -> Preprocess:
    """Return how a picture becomes the one input of a model."""
    if len(card.inputs) != 1 or card.inputs[0].preprocess is None:
        names = ", ".join(repr(end.tensor.name) for end in card.inputs)
        raise InputError(f"only models of one input, which takes pictures, can be explained; this one's are {names}")
    if card.inputs[0].clip is not None:
        raise InputError(
            f"the model takes {card.inputs[0].clip.describe()}, and it is places of single pictures that are explained"
        )
    return card.inputs[0].preprocess.completed(card.inputs[0].tensor)


def _in_picture(box: Sequence[float], placement: Any) -> tuple[float, float, float, float]:
    placed: NDArray[np.float32] = boxes_in_picture(np.array([box], np.float32), placement)
    left, top, right, bottom = (float(edge) for edge in placed[0])
    return left, top, right, bottom
