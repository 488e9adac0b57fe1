"""One process for the conversions that can kill a process: all that imports TensorFlow runs in it."""

import os

from lepton_edge_converters.errors import ConversionError, WorkerCrashedError
from lepton_edge_runtime.process import ChildProcess, Progress, report_progress

__all__ = ["Progress", "Worker", "report_progress"]


class Worker(ChildProcess):
    """A child process that runs conversions one after the other.

    A job that ends in an error of a converter library raises ConversionError, one that kills the process
    WorkerCrashedError.

    Args:
        verbose: Let the converter libraries print to standard error instead of the log.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__(
            failed=ConversionError, crashed=WorkerCrashedError, verbose=verbose, environment=_environment()
        )


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    # Conversion is on the CPU: a GPU would only change the last digits and fill the log.
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    # The exporters trace TensorFlow graphs, whatever the user trains with.
    environment["KERAS_BACKEND"] = "tensorflow"
    # Set by whoever imported tensorflow-model-optimization; it would turn Keras 3 into Keras 2.
    environment.pop("TF_USE_LEGACY_KERAS", None)
    # Sets of names come in the same order in each run: the same input shall give the same bytes.
    environment["PYTHONHASHSEED"] = "0"
    return environment
