"""Workers without the seconds that TensorFlow's import takes: forked from a process that has it.

Most tests convert something small, and a fresh process takes three times as long to import TensorFlow as to convert it.
Only how a worker's process comes to be differs: what runs in it, its pipe, its log and its end are the converter's own.

Copies of one process have their tables at the same addresses and their sets in the same order, so whatever is about the
same bytes from another process asks for ``fresh_workers``; as does what is about the start itself.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from warm_template import MESSAGE_BYTES_MAX, Birth

from lepton_edge_converters.worker import Worker, _environment

FRESH = Worker._launched
_ANOTHER = Worker.another


class WarmWorkers:
    """Forks the workers of this process, each from one that has what such workers import; started when first wanted."""

    def __init__(self):
        self._templates = {}
        self._lock = Lock()

    def use(self, patch):
        """Fork all workers until the patch is undone."""

        def launched(worker, pipe, environment):
            return self._forked(worker, pipe, environment)

        patch.setattr(Worker, "_launched", launched)
        patch.setattr(Worker, "another", self._another)

    def close(self):
        for one in self._templates.values():
            one.close()

    @staticmethod
    def _another(worker):
        one = _ANOTHER(worker)
        one.imports = "tensorflow_model_optimization"  # which turns Keras 3 off: it comes first, as where it is fresh
        return one

    def _forked(self, worker, pipe, environment):
        imports = getattr(worker, "imports", "tensorflow")
        birth = Birth(environment, str(Path.cwd()), environment["PYTHONPATH"].split(os.pathsep))
        out, err = (standard if one is None else one for one, standard in zip(worker._streams(), (1, 2), strict=True))
        with self._lock:
            if imports not in self._templates:
                self._templates[imports] = Template(imports, birth.paths)
            return self._templates[imports].fork(birth, pipe, out, err)


class Template:
    """A process that has imported this module, and forks."""

    def __init__(self, imports, paths):
        self._folder = TemporaryDirectory(prefix="warm-")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "warm_template", imports, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**_environment(Path(self._folder.name)), "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def fork(self, birth, *descriptors):
        """Return a new process with these as its pipe, standard output and standard error."""
        message = pickle.dumps(birth)
        assert len(message) < MESSAGE_BYTES_MAX
        told, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with end:
            socket.send_fds(self._control, [message], [*descriptors, end.fileno()])
        number, (handle,), _, _ = socket.recv_fds(self._control, 32, 1)
        return WarmProcess(int(number), handle, told)

    def close(self):
        self._control.close()
        self._process.wait(timeout=60)
        self._folder.cleanup()


class WarmProcess:
    """A worker's process, as far as ``ChildProcess`` asks: as ``subprocess.Popen`` has it."""

    def __init__(self, number, handle, told):
        self.pid, self._handle, self._told, self.returncode = number, handle, told, None

    def kill(self):
        if self.returncode is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def wait(self, timeout=None):
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                self.returncode = int(self._told.recv(32))
            except TimeoutError:
                raise subprocess.TimeoutExpired(["worker"], timeout) from None
            self._told.close()
            os.close(self._handle)
        return self.returncode
