"""Runs cases: their models, and what the usual tools make of them."""

from pathlib import Path

import emulated
from model_files import saver

from lepton_edge_converters.errors import WorkerCrashedError
from lepton_edge_converters.worker import Worker


class Bench:
    """A folder of models, and a process in which the usual tools run, replaced when one kills it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._worker = Worker()

    def model_file(self, case):
        """Return the model's file, trained once."""
        return saver(self._worker, "silent_failures.models:save", self._folder)(case.model)

    def plain(self, case):
        """Return what the usual tools do; ``None`` where the emulator that it needs is missing."""
        more = []
        if case.emulated:
            if emulated.emulator() is None:
                return None
            more = [emulated.emulator()]
        try:
            return self._worker.call(f"silent_failures.{case.plain}", self.model_file(case), *more)
        except WorkerCrashedError as died:
            if not case.kills:
                raise
            self.close()
            self._worker = Worker()
            return {"ended": str(died)}

    def close(self):
        """End the process."""
        self._worker.close()
