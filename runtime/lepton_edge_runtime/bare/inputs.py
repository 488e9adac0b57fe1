"""The inputs of a bare file: which take pictures, how large, and what numbers their bytes become."""

import msgspec
import numpy as np

from lepton_edge_runtime.bare.draft import Draft
from lepton_edge_runtime.card import InputCard
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import ModelFileError, PreprocessError
from lepton_edge_runtime.formats import PictureHint
from lepton_edge_runtime.preprocess import SIDE_MAX, Layout, Preprocess
from lepton_edge_runtime.tensors import OPEN, TensorSpec, quantize

_BYTES = {"uint8": (0, 255), "int8": (-128, 127)}


def input_card(draft: Draft, index: int) -> InputCard:
    """Return the card of one input, its shape fixed."""
    spec = draft.file.inputs[index]
    hint = draft.hints.pictures[index] if index < len(draft.hints.pictures) else None
    if spec.shape[0] == OPEN and len(spec.shape) > 1:
        spec = msgspec.structs.replace(spec, shape=(1, *spec.shape[1:]))
    clip = draft.given.clip
    if clip is not None and len(spec.shape) == 5:
        return _clip_card(draft, spec, clip, hint)
    layout = _picture_layout(spec)
    if layout is None:
        if OPEN in spec.shape:
            raise ModelFileError(
                f"the input {spec.name!r} is {spec.shape_text()}: an axis is open, and no picture goes in whose "
                "size could be said; fix the shape when the model is exported"
            )
        return InputCard(spec)
    spec = _sized(draft, spec, layout, hint)
    return InputCard(spec, _preprocess(draft, spec, layout, hint))


def _clip_card(draft: Draft, spec: TensorSpec, clip: Clip, hint: PictureHint | None) -> InputCard:
    """Return the card of an input that takes clips, which the user says; shapes do not tell clips from volumes."""
    if spec.shape[1] == OPEN:
        spec = msgspec.structs.replace(spec, shape=(1, clip.frames or OPEN, *spec.shape[2:]))
    picture = clip.picture(spec)
    layout = _picture_layout(picture)
    if layout is None or spec.shape[1] == OPEN:
        raise ModelFileError(f"the input {spec.name!r} is {spec.shape_text()}, and takes no {clip.describe()}")
    picture = _sized(draft, picture, layout, hint)
    spec = msgspec.structs.replace(spec, shape=(*spec.shape[:2], *picture.shape[1:]))
    return InputCard(spec, _preprocess(draft, picture, layout, hint), clip=clip.completed(spec))


def _sized(draft: Draft, spec: TensorSpec, layout: Layout, hint: PictureHint | None) -> TensorSpec:
    """Return the tensor with height and width as given, where the file leaves them open."""
    if OPEN not in spec.shape:
        return spec
    size = (draft.given.preprocess.size if draft.given.preprocess else None) or (hint.size if hint else None)
    if size is None:
        raise PreprocessError(
            f"the input {spec.name!r} is {spec.shape_text()}: say which size its pictures have, such as --size "
            "320x320 (preprocess=Preprocess(size=(320, 320)))"
        )
    first = 1 if layout == "nhwc" else 2
    wanted = list(spec.shape)
    for axis, pixels in ((first, size[1]), (first + 1, size[0])):
        wanted[axis] = pixels if wanted[axis] == OPEN else wanted[axis]
    return msgspec.structs.replace(spec, shape=tuple(wanted))


def _preprocess(draft: Draft, spec: TensorSpec, layout: Layout, hint: PictureHint | None) -> Preprocess:
    base = msgspec.structs.replace(draft.given.preprocess or Preprocess(), layout=layout)
    hint = hint or PictureHint()
    base = msgspec.structs.replace(
        base, resize=base.resize or hint.resize or None, crop_fraction=base.crop_fraction or hint.crop_fraction
    )
    if base.resize is None:
        draft.assume("pictures are stretched to the input's size (--resize)")
    if base.color is None and spec.shape[3 if layout == "nhwc" else 1] == 3:
        if not hint.color:
            draft.assume("colours are taken to be in the order rgb (--color)")
        base = msgspec.structs.replace(base, color=hint.color or "rgb")
    if base.range is None and not base.mean and not base.std:
        base = _with_range(draft, base, spec, hint)
    return base.completed(spec)


def _with_range(draft: Draft, base: Preprocess, spec: TensorSpec, hint: PictureHint) -> Preprocess:
    """Return the preprocessing with the numbers that bytes become: told, read off the quantization, or guessed."""
    unchanged = _unchanged_bytes(spec)
    if hint.std:
        channels = 3 if base.color != "gray" else 1
        told = msgspec.structs.replace(
            base, range=(0.0, 255.0), mean=_per_channel(hint.mean, channels), std=_per_channel(hint.std, channels)
        )
        if unchanged is None or not _agree(told, msgspec.structs.replace(base, range=unchanged), spec):
            return told
    if unchanged is not None:
        if not hint.std:
            low, high = unchanged
            draft.assume(
                f"a picture's bytes go into {spec.name!r} as they are, which by its quantization are the numbers "
                f"{low:.4g} to {high:.4g} (--range)"
            )
        return msgspec.structs.replace(base, range=unchanged)
    draft.assume(f"the range of {spec.name!r} is taken to be 0..1, the usual one (--range)")
    return msgspec.structs.replace(base, range=(0.0, 1.0))


def _picture_layout(spec: TensorSpec) -> Layout | None:
    """Return where the channels stand in a tensor that can take a picture, ``None`` for one that cannot."""
    shape = spec.shape
    if (
        len(shape) != 4
        or shape[0] != 1
        or max(shape) > SIDE_MAX
        or (np.dtype(spec.dtype).kind != "f" and spec.dtype not in _BYTES)
    ):
        return None
    if shape[3] in (1, 3):
        return "nhwc"
    return "nchw" if shape[1] in (1, 3) else None


def _unchanged_bytes(spec: TensorSpec) -> tuple[float, float] | None:
    """Return the real numbers that bytes 0 and 255 stand for if an 8-bit tensor takes them as they are."""
    if spec.dtype not in _BYTES:
        return None
    low, high = _BYTES[spec.dtype]
    if spec.quant is None:
        return float(low), float(high)
    return spec.quant.scale * (low - spec.quant.zero_point), spec.quant.scale * (high - spec.quant.zero_point)


def _agree(one: Preprocess, other: Preprocess, spec: TensorSpec) -> bool:
    """Return whether two preprocessings store the same 8-bit numbers, to one step."""
    stored = [quantize(preprocess.levels(), spec).astype(int) for preprocess in (one, other)]
    return bool(abs(stored[0] - stored[1]).max() <= 1)


def _per_channel(numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return numbers if len(numbers) == channels else numbers[:1] * channels
