"""The command line, waiting at a step for a signal: ``python interrupted_convert.py STEP convert …``.

STEP is what progress says, after ``calibration 10`` how far it is; or ``writing``, where Ctrl-C comes while bundle,
report and lock are written.
"""

import os
import signal
import sys

from lepton_edge.cli import execute
from lepton_edge.cli.progress import ProgressLine
from lepton_edge_converters import pipeline

STEP = sys.argv[1] if __name__ == "__main__" else ""


def wait(_line, what, done, _total):
    if STEP in (what, f"{what} {done}"):
        print("there", flush=True)
        while True:
            signal.pause()


def write_while_interrupted(report, others, write=pipeline.write_reports):
    if STEP == "writing":
        os.kill(os.getpid(), signal.SIGINT)
    write(report, others)


if __name__ == "__main__":
    # Whoever runs the tests in the background may have told them to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ProgressLine.__call__ = wait
    pipeline.write_reports = write_while_interrupted
    sys.exit(execute(sys.argv[2:]))
