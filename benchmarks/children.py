"""Fresh Python processes: TensorFlow stays out of the one that measures, and footprints start from nothing."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

_ROOT = Path(__file__).resolve().parents[1]


def run_child(module: str, *arguments: str | Path) -> str:
    """Run ``python -m benchmarks.MODULE`` and return what it printed; raise with its last words if it failed."""
    with Child(module, *arguments) as child:
        return child.rest()


class Child:
    """``python -m benchmarks.MODULE``, running; to be used in a ``with``, whose end ends it.

    Args:
        module: Of this package.
        arguments: Of the module.
        python: Another interpreter than this one's, with packages of its own.
        path: Where that one finds others beside them.
    """

    def __init__(self, module: str, *arguments: str | Path, python: Path | None = None, path: str = "") -> None:
        self._module = module
        self._log = TemporaryFile()  # noqa: SIM115 - lives as long as this object
        self._process = subprocess.Popen(
            [python or sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
            cwd=_ROOT,
            # Models are built on the CPU; a GPU would fill the log.
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"} | ({"PYTHONPATH": path} if python else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ask(self, line: str = "") -> str:
        """Send a line and return the one that it answers."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError as gone:
            raise RuntimeError(self._last_words()) from gone
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(self._last_words())
        return answer

    def rest(self) -> str:
        """Return all that it prints until it ends by itself."""
        said, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(self._last_words())
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _last_words(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        words = self._log.read().decode(errors="replace")[-1000:].strip()
        return f"benchmarks.{self._module} ended with code {code}: {words}"
