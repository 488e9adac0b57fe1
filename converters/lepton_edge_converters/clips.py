"""Which inputs take clips, several pictures in a row, and which frames those are."""

from collections.abc import Sequence
from dataclasses import replace

from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import PreprocessError
from lepton_edge_runtime.preprocess import Preprocess

_AXES = 4  # frames × height × width × channels
_LIKE_PICTURES = (-1.1, 255.5)  # numbers beyond are no picture's, whatever its range


def with_clips(
    facts: ModelFacts, clip: Clip | None, extremes: Sequence[tuple[float, float] | None]
) -> tuple[ModelFacts, list[str]]:
    """Return the facts with the inputs that take clips marked so, and what was assumed.

    Shapes do not tell clips from volumes. What the user says of clips does, and so do pictures as samples; model-ready
    numbers may be either, and are taken for volumes only where no picture has such numbers.

    Raises:
        PreprocessError: The user speaks of clips, and the model takes none, or others.
    """
    ends, notes = [], []
    for i, end in enumerate(facts.inputs):
        seen = extremes[i] if i < len(extremes) else None
        if not _takes_clips(end):
            ends.append(end)
        elif clip is None and seen is not None and not _LIKE_PICTURES[0] <= seen[0] <= seen[1] <= _LIKE_PICTURES[1]:
            ends.append(end)
            notes.append(
                f"the samples for {end.name!r} go from {seen[0]:g} to {seen[1]:g}, as no pictures do: it is taken for "
                "a tensor, and not for clips of them (--frames)"
            )
        else:
            full = (clip or Clip()).completed(end.spec())
            ends.append(replace(end, clip=full))
            if clip is None:
                notes.append(
                    f"the input {end.name!r} is taken for {full.describe()} of a camera (--frames, --interval)"
                )
    if clip is not None and not any(end.clip for end in ends):
        shapes = ", ".join(str(end.shape) for end in facts.inputs)
        raise PreprocessError(
            f"the model takes no clips, frames × height × width × 1 or 3 channels: its inputs are {shapes}"
        )
    return replace(facts, inputs=tuple(ends)), notes


def of_clips(preprocess: Sequence[Preprocess | None], inputs: Sequence[EndFacts]) -> tuple[str, ...]:
    """Return how each input's pictures are prepared, for people."""
    told = zip(preprocess, inputs, strict=True)
    return tuple(
        f"{end.clip.describe()}, each {one.describe()}" if end.clip else one.describe()
        for one, end in told
        if one is not None
    )


def _takes_clips(end: EndFacts) -> bool:
    return len(end.shape) == _AXES and end.shape[-1] in (1, 3) and end.dtype in ("float32", "float16", "uint8")
