"""Cards of detectors, and outputs made up for them: things at known places, among weak noise."""

import numpy as np

import lepton_edge as le
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.results import Origin, Timing
from lepton_edge_runtime.tensors import Quant, TensorSpec, quantize

ORIGIN = Origin("test", Timing(0, 0))


def card(head, shapes, *, size=(320, 256), task="detect", labels=(), quants=None, points=()):
    """Return the card of a model with a head; ``shapes`` of the outputs by name, ``quants`` of those that are int8."""
    width, height = size
    picture = TensorSpec(name="picture", dtype="uint8", shape=(1, height, width, 3))
    ends = []
    for name, shape in shapes.items():
        quant = (quants or {}).get(name)
        ends.append(OutputCard(TensorSpec(name, "int8" if quant else "float32", tuple(shape), quant)))
    return Card(
        name="m",
        task=task,
        inputs=(InputCard(picture, le.Preprocess(range=(0, 255))),),
        outputs=tuple(ends),
        labels=labels,
        head=head,
        points=points,
    )


def stored(card, arrays):
    """Return real numbers as the card's outputs store them."""
    return [quantize(np.asarray(one, np.float32), end.tensor) for one, end in zip(arrays, card.outputs, strict=True)]


def share_quant():
    """Return the scaling of int8 numbers from 0 to about 1."""
    return Quant(1 / 255, -128)


def naive_nms(xyxy, score, class_id, iou):
    """Return the indices that stay, the surest first: one box after the other, in float64."""
    order = sorted(range(len(score)), key=lambda i: (-float(score[i]), i))
    kept = []
    for i in order:
        if all(class_id[i] != class_id[j] or overlap(xyxy[i], xyxy[j]) <= iou for j in kept):
            kept.append(i)
    return kept


def overlap(one, other):
    """Return intersection over union of two boxes."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    left_top, right_bottom = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    inner = np.prod(np.maximum(right_bottom - left_top, 0))
    both = np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - inner
    return inner / both if both > 0 else 0.0


def onnx_finder(rows, *, size=(32, 24)):
    """Return the bytes of an ONNX file that takes a picture (BGR bytes as numbers) and always finds the same rows.

    Its head is ``YoloEndToEnd``; to the scores the picture's mean is added a thousandth of a thousandth of times, so
    that the output hangs on the input.
    """
    import small_models
    from onnx import TensorProto, helper, numpy_helper

    rows = np.asarray([rows], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "little"], ["share"]),
        helper.make_node("Add", ["rows", "share"], ["found"]),
    ]
    return small_models.onnx_model(
        nodes,
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, size[1], size[0]])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, list(rows.shape))],
        [numpy_helper.from_array(rows, "rows"), numpy_helper.from_array(np.array(1e-9, np.float32), "little")],
    ).SerializeToString()
