"""A traced model in, one that was trained for 8 bits out; runs in the worker."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.frozen import freeze
from lepton_edge_converters.load.rewrites import rewritten
from lepton_edge_converters.load.trace import save_function
from lepton_edge_converters.qat.findings import Trained
from lepton_edge_converters.qat.program import Program, read_program, with_numbers
from lepton_edge_converters.qat.rounding import quant_of
from lepton_edge_converters.qat.twin import Twin, build_twin
from lepton_edge_converters.quantize.choice import choose_ranges
from lepton_edge_converters.quantize.engine import calibrate, keep_trained, quantize
from lepton_edge_converters.quantize.export import spared_layers
from lepton_edge_converters.quantize.running import answers, feed
from lepton_edge_converters.recipe import Ranges
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.train import Training
from lepton_edge_converters.training.findings import Recovery
from lepton_edge_converters.training.goal import output_kinds
from lepton_edge_converters.training.recovery import recover

# Shares of the rate and of the epochs. Each part begins with the best that those before it found: what is too fast for
# one model is what another one needs. In the last part the ranges stand still, and the weights settle.
_PARTS = ((1.0, 0.4), (0.3, 0.4), (0.1, 0.2))
_FLOAT_SHARE = 1e-3  # of the largest answer: what two ways to add floats up may differ by
_COMPARED = 8  # samples


def train(
    traced: Path,
    facts: ModelFacts,
    samples: StoredSamples,
    lessons: StoredSamples,
    ranges: Ranges,
    float_layers: tuple[str, ...],
    training: Training,
    out: Path,
) -> Trained:
    """Write another SavedModel of a traced model, its numbers trained for 8 bits, and return how it went.

    The teacher is the traced model itself, in float: no label is looked at. The SavedModel has the trained numbers in
    float, and brings the calibrated file along that ``quantize.export`` then takes.

    Args:
        traced: The SavedModel that ``load.trace`` wrote, or that passes did.
        facts: Of the model.
        samples: Those that calibrate.
        lessons: Those that are learned from.
        ranges: How the ranges of activations are estimated to begin with.
        float_layers: Names of layers that will stay in float.
        training: How long, and how fast.
        out: Folder to write.

    Raises:
        ConversionError: The model has an operator that cannot be trained here.
        TrainingError: Training failed.
    """
    calibrated = calibrate(traced, samples)
    in_float = [layer.operator for layer in spared_layers(calibrated.read_bytes(), facts, float_layers)]
    program = read_program(choose_ranges(calibrated, samples, ranges, in_float).content, in_float)
    teacher, student = build_twin(program, rounds=False), build_twin(program, rounds=True)
    _refuse_unlike(teacher, samples)
    runs = _learn(student, teacher, lessons, training)
    content = with_numbers(program, student.constants(), student.ranges())
    for i, values in student.constants().items():
        teacher.variables[i].assign(values)
    _save(teacher, out)
    keep_trained(out, content)
    return _found(student, content, in_float, runs, samples)


def _learn(student: Twin, teacher: Twin, samples: StoredSamples, training: Training) -> list[Recovery]:
    """Train weights and ranges, then weights alone, and return how each part went."""
    unlabelled = replace(samples, targets=None)
    kinds = output_kinds(student.learner, labelled=samples.targets is not None)
    runs = []
    for part, (rate, share) in enumerate(_PARTS):
        if part == len(_PARTS) - 1:
            student.freeze_ranges()
        epochs = max(1, round(share * training.epochs))
        settings = msgspec.structs.replace(training, epochs=epochs, learning_rate=rate * training.learning_rate)
        runs.append(recover(student.learner, unlabelled, settings, teacher=teacher.learner, kinds=kinds))
    return runs


def _refuse_unlike(teacher: Twin, samples: StoredSamples) -> None:
    """Refuse a twin that does not answer several samples as the file answers one by one."""
    shown = feed(samples, _COMPARED)
    together = [np.concatenate([one[f"input_{k}"] for one in shown]) for k in range(len(shown[0]))]
    for ours, theirs in zip(_answers(teacher.model, together), answers(teacher.program.content, shown), strict=True):
        if ours.shape != theirs.shape or np.abs(ours - theirs).max() > _FLOAT_SHARE * np.abs(theirs).max():
            raise ConversionError("the model answers several samples at once otherwise than one by one")


def _answers(model: Any, tensors: list[NDArray[Any]]) -> list[NDArray[Any]]:
    outputs = model(tensors, training=False)
    return [np.asarray(one) for one in (outputs if isinstance(outputs, list | tuple) else [outputs])]


def _save(twin: Twin, folder: Path) -> None:
    """Write a twin as ``load.trace`` writes a model."""
    program = twin.program
    batch = None if program.free else 1
    signature = [
        tf.TensorSpec((batch, *program.shapes[i][1:]), program.dtypes[i], name=f"input_{k}")
        for k, i in enumerate(program.inputs)
    ]

    def flat_call(*tensors: Any) -> list[Any]:
        outputs = twin.model(list(tensors), training=False)
        return [tf.identity(one) for one in (outputs if isinstance(outputs, list | tuple) else [outputs])]

    concrete = tf.function(flat_call, input_signature=signature).get_concrete_function()
    save_function(rewritten(freeze(concrete)), signature, folder)


def _found(student: Twin, content: bytes, in_float: list[str], runs: list[Recovery], samples: StoredSamples) -> Trained:
    program = student.program
    return Trained(
        epochs=sum(one.epochs for one in runs),
        samples=runs[0].learned,
        weights=sum(program.constants[i].size for i in student.variables),
        ranges=len(program.learned),
        loss_before=runs[0].before.held_out_loss,
        loss_after=runs[-1].after.held_out_loss,
        in_float=program.in_float,
        one_step=_within_one_step(student, quantize(content, in_float=in_float), samples),
        strayed=_strayed(student, read_program(content, in_float)),
    )


def _within_one_step(student: Twin, quantized: bytes, samples: StoredSamples) -> float:
    """Return the share of the int8 file's answers that are the twin's, but for one step."""
    shown = feed(samples)
    together = [np.concatenate([one[f"input_{k}"] for one in shown]) for k in range(len(shown[0]))]
    ranges, groups = student.ranges(), student.program.groups
    near = []
    for i, ours, theirs in zip(
        student.program.outputs, _answers(student.model, together), answers(quantized, shown), strict=True
    ):
        if i in groups:
            steps = np.abs(ours - theirs) / quant_of(ranges[groups[i]]).scale
            near.append((steps < 1.5).reshape(-1))
    return float(np.concatenate(near).mean()) if near else 1.0


def _strayed(student: Twin, after: Program) -> tuple[str, ...]:
    """Return the tensors whose scale is not that of the twin."""
    wanted = student.ranges()
    return tuple(
        after.names[i]
        for i, group in student.program.groups.items()
        if not _alike(after, after.groups.get(i), wanted[group])
    )


def _alike(after: Program, group: int | None, limits: tuple[float, float]) -> bool:
    if group is None:
        return False
    ours, theirs = quant_of(limits), quant_of(after.ranges[group])
    return ours.zero_point == theirs.zero_point and abs(ours.scale / theirs.scale - 1) < 1e-5
