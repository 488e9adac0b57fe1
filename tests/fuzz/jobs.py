"""What the fuzzer has a process of its own do."""

import os
from importlib import import_module

import lepton_edge as le
from lepton_edge_runtime.backends import open_backend
from lepton_edge_runtime.bare import NOTHING_GIVEN
from lepton_edge_runtime.errors import LeptonError
from lepton_edge_runtime.verification import _check_bare


def load(name, data):
    """Give an engine a file that no reader of ours has seen, and run it on zeros."""
    open_backend(name, data).close()


class Here:
    """A probe that runs its jobs in this very process, which is one already."""

    def call(self, job, *arguments):
        module, function = job.split(":")
        return getattr(import_module(module), function)(*arguments)


def open_and_verify(path):
    """Return why ``open_model`` refuses a file (``None`` if it does not), and whether ``verify`` passes it."""
    refused = None
    try:
        le.open_model(path).close()
    except LeptonError as why:
        refused = why
    try:
        checks = _check_bare(path, 1, NOTHING_GIVEN, Here())
    except LeptonError:
        return refused, False
    return refused, all(check.outcome == "passed" for check in checks)


def answer_unguarded(data, folder):
    """Return what ONNX Runtime answers, as bytes, with nothing of ours before it; nothing where it refuses."""
    import numpy as np
    import onnxruntime

    os.chdir(folder)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, enable_fallback=0)
        (answer,) = session.run(None, {"x": np.arange(4)[np.newaxis]})
    except Exception:  # whatever it says: it has not answered
        return b""
    return np.asarray(answer).tobytes()
