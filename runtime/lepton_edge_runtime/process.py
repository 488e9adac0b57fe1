"""A child process for work that can kill a process: started once, replaced after a crash.

Jobs are functions named ``module:function``, so that the parent imports nothing of what they need. What they
print goes to a log, and the end of that log into the error of a crash. This guards against crashes; it
is no sandbox against code that means harm.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import LeptonError, typed_line
from lepton_edge_runtime.interrupts import uninterrupted

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class ChildProcess(Closing):
    """A process that runs jobs one after the other.

    Args:
        failed: Raised when a job ends in an error that is none of ours.
        crashed: Raised when a job kills the process, or takes too long.
        verbose: Let jobs print to standard error instead of the log.
        environment: Of the process; the parent's where it is ``None``.
        memory_bytes: Most address space that it may take; 0 for no limit. With one, it leaves no core dump either,
            and writes no file of more than 64 MB.
    """

    def __init__(
        self,
        *,
        failed: type[LeptonError],
        crashed: type[LeptonError],
        verbose: bool = False,
        environment: Mapping[str, str] | None = None,
        memory_bytes: int = 0,
    ) -> None:
        self._failed = failed
        self._crashed = crashed
        self._verbose = verbose
        self._environment = environment
        self._memory_bytes = memory_bytes
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this object
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def call(
        self, job: str, *arguments: Any, progress: Progress | None = None, timeout_seconds: float | None = None
    ) -> Any:
        """Return what the job returns for these arguments.

        Args:
            job: ``module:function``; both ends import it.
            arguments: Values that pickle.
            progress: Called as the job reports how far it is.
            timeout_seconds: Longest silence of the job; then the process is ended.

        Raises:
            LeptonError: As the job raised it; ``failed`` for other errors, ``crashed`` if it killed the
                process or took too long: the next call starts a new one.
        """
        pipe = self._started()
        name = job.rsplit(":", maxsplit=1)[-1]
        try:
            pipe.send((job, arguments))
            while True:
                if timeout_seconds is not None and not pipe.poll(timeout_seconds):
                    self._end_process()
                    raise self._crashed(f"the step {name!r} took longer than {timeout_seconds:g} s and was ended")
                kind, value = pipe.recv()
                if kind == "progress" and progress is not None:
                    progress(*value)
                elif kind == "error":
                    raise value
                elif kind == "failed":
                    raise self._failed(f"{name}: {value}")
                elif kind == "result":
                    return value
        except (EOFError, ConnectionError, BrokenPipeError) as gone:
            raise self._crashed(self._obituary(name)) from gone
        except (KeyboardInterrupt, SystemExit):
            self._end_process()  # its answer to this job must not be taken for one to the next
            raise

    def close(self) -> None:
        """End the process and drop its log."""
        self._end_process()
        self._log.close()

    def _end_process(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _started(self) -> Connection:
        if self._pipe is not None:
            return self._pipe
        with uninterrupted():  # a process that nobody knows of would be ended by nobody
            return self._start()

    def _start(self) -> Connection:
        pipe, theirs = Pipe()
        # What the parent can import, the child can: paths that a script added by hand included.
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        environment = os.environ if self._environment is None else self._environment
        self._process = self._launched(theirs.fileno(), {**environment, "PYTHONPATH": paths})
        theirs.close()
        self._pipe = pipe
        return pipe

    def _launched(self, pipe: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Return a new process that serves the pipe of this number."""
        # A plain command, not multiprocessing: a build script needs no ``if __name__ == "__main__"``.
        stdout, stderr = self._streams()
        numbers = (pipe, os.getpid(), self._memory_bytes)
        return subprocess.Popen(
            # -P: a keras.py in the current folder is not the Keras that was meant.
            [sys.executable, "-P", "-m", "lepton_edge_runtime.process", *map(str, numbers)],
            pass_fds=[pipe],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=environment,
        )

    def _streams(self) -> tuple[int | None, int | None]:
        """Return where standard output and standard error go: the log, or this process's standard error."""
        if self._verbose:
            return (sys.stderr.fileno() if _has_fileno(sys.stderr) else None), None
        return self._log.fileno(), self._log.fileno()

    def _obituary(self, name: str) -> str:
        """Return how the process died, with the last it said."""
        code = 0
        if self._process is not None:
            try:
                code = self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:  # it hung up, and lives on
                self._process.kill()
                code = self._process.wait()
        self._end_process()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        end = self._log_end()
        said = f"; the last it said: {end}" if end else ""
        return f"the step {name!r} killed its process ({how}){said}"

    def _log_end(self) -> str:
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 4096))
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines()]
        return next((line[:300] for line in reversed(lines) if line), "")


def _has_fileno(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True


def serve(pipe: Connection) -> None:
    """Run jobs until the parent hangs up; runs in the child."""
    while True:
        try:
            job, arguments = pipe.recv()
        except EOFError:
            return
        module, function = job.split(":")
        try:
            result = getattr(import_module(module), function)(*arguments)
        except LeptonError as error:
            pipe.send(("error", error))
        except Exception as error:
            import traceback  # noqa: PLC0415 - only here

            traceback.print_exc()
            pipe.send(("failed", typed_line(error, most=300)))
        else:
            pipe.send(("result", result))


def report_progress(what: str, done: int, total: int) -> None:
    """Tell the parent how far the running job is; in the parent itself, nothing happens."""
    if _child_pipe:
        _child_pipe[0].send(("progress", (what, done, total)))


_child_pipe: list[Connection] = []
"""The child's end, filled once when the child starts; empty in the parent."""


def _end_with_parent(parent: int) -> None:
    """End this process when the parent is gone: it may have been killed while a job was running."""
    while os.getppid() == parent:
        sleep(1.0)
    os._exit(1)


# What it prints goes into a file, which must not fill the disk.
_FILE_BYTES_MAX = 64 << 20


def _limit_memory(memory_bytes: int) -> None:
    limits = ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, _FILE_BYTES_MAX))
    for what, most in limits:
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def main() -> None:
    """Serve the parent named on the command line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C ends
    pipe = Connection(int(sys.argv[1]))
    Thread(target=_end_with_parent, args=(int(sys.argv[2]),), daemon=True).start()
    if memory_bytes := int(sys.argv[3]):
        _limit_memory(memory_bytes)
    # ``python -m`` runs this file as __main__; jobs import it under its own name.
    import_module("lepton_edge_runtime.process")._child_pipe.append(pipe)  # noqa: SLF001 - the same module
    serve(pipe)


if __name__ == "__main__":
    main()
