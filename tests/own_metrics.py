"""Metrics as users write them: (reference, outputs, targets) to a number, higher being better."""

import numpy as np

NOTHING = 3


def negative_error(reference, outputs, targets):
    """Minus the mean distance from what was measured."""
    return -np.abs(outputs[0].reshape(len(targets), -1) - np.asarray(targets).reshape(len(targets), -1)).mean()


def share_right(reference, outputs, targets):
    return float((outputs[0].argmax(axis=-1) == targets).mean())


def writes(reference, outputs, targets):
    outputs[0][:] = 0
    return 1.0


def divides(reference, outputs, targets):
    return 1 // 0


def of_words(reference, outputs, targets):
    return "good"


def of_both_classes(reference, outputs, targets):
    """A number that needs both classes, as areas under curves do."""
    if len(np.unique(targets)) < 2:
        raise ValueError("only one class")
    return float((outputs[0] == targets).mean())


def empty(reference, outputs, targets):
    return float("nan")
