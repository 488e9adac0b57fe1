"""A process that has TensorFlow and makes workers by forking: each a process of its own, that waits for no import.

Forking is safe here, since importing TensorFlow starts no thread of its own: those that there are belong to OpenBLAS,
which ends them before a fork and starts them anew afterwards. Nothing of ours but the loop that runs jobs is imported,
nothing is computed, and whatever a fresh process would get from its parent is set in the new one.
"""

import gc
import importlib
import os
import pickle
import select
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass

MESSAGE_BYTES_MAX = 1 << 17


@dataclass(frozen=True, slots=True)
class Birth:
    """What a worker gets from its parent, beside its pipe, standard output and standard error."""

    environment: dict[str, str]
    folder: str
    paths: list[str]


def main():
    """Import the module and serve the socket of the command line; True is returned in the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control, own_paths = socket.socket(fileno=int(sys.argv[2])), list(sys.path)
    importlib.import_module(sys.argv[1])
    gc.collect()
    gc.freeze()  # a collection would touch, and thereby copy, every page
    born, events = {}, select.poll()
    events.register(control, select.POLLIN)
    while True:
        for descriptor, _ in events.poll():
            if descriptor != control.fileno():
                events.unregister(descriptor)
                _tell_end(descriptor, *born.pop(descriptor))
                continue
            message, given, _, _ = socket.recv_fds(control, MESSAGE_BYTES_MAX, 4)
            if not message:
                return False
            pipe, out, err, end = given
            number = os.fork()
            if number == 0:
                for inherited in (control.detach(), end, *born, *(other for _, other in born.values())):
                    os.close(inherited)
                _become(pickle.loads(message), out, err, own_paths, number=pipe)
                return True
            watched = os.pidfd_open(number)
            socket.send_fds(control, [str(number).encode()], [watched])
            events.register(watched, select.POLLIN)
            born[watched] = number, end
            for one in (pipe, out, err):
                os.close(one)


def _tell_end(watched, number, end):
    """Take the status of a worker that has ended, and send it to whoever waits."""
    _, status = os.waitpid(number, 0)
    os.close(watched)
    with socket.socket(fileno=end) as waiting:
        try:
            waiting.send(str(os.waitstatus_to_exitcode(status)).encode())
        except BrokenPipeError:
            pass  # nobody waits any more


def _become(birth, out, err, own_paths, *, number):
    for one, standard in ((out, 1), (err, 2)):
        os.dup2(one, standard)
        os.close(one)
    os.environ.clear()
    os.environ.update(birth.environment)
    os.chdir(birth.folder)
    sys.path[:] = [*birth.paths, *own_paths]
    sys.argv[1:] = [str(number), str(os.getppid()), "0"]
    importlib.invalidate_caches()
    tempfile.tempdir = None
    importlib.import_module("numpy").random.seed()


if __name__ == "__main__" and main():
    from lepton_edge_runtime.process import main as serve

    serve()
