"""A processor without VNNI, where 8-bit products saturate: an emulated Haswell."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

_SCRIPT = """
import sys
sys.path[:0] = {paths!r}
import numpy as np
from lepton_edge_runtime.backends import open_backend
from lepton_edge_runtime.backends.onnx import saturating_processor
from lepton_edge_runtime.bundle import Bundle
opened = open_backend("onnx", Bundle({bundle!r}).member("model.onnx"))
answers = []
for picture in np.load({pictures!r}):
    opened.input_view(0)[...] = picture
    answers.append(opened.run()[0])
np.save({out!r}, np.concatenate(answers))
print(saturating_processor(), len(opened.notes))
"""

MISSING = "qemu-x86_64-static (Debian's qemu-user-static) is not installed"


def emulator():
    """Return the emulator's path, ``None`` where it is not installed."""
    return shutil.which("qemu-x86_64-static")


def haswell_answers(bundle, pictures, folder):
    """Return a bundle's ONNX answers to pictures of its own size, as stored, and what was printed: saturates, notes."""
    np.save(folder / "pictures.npy", pictures)
    script = _SCRIPT.format(
        paths=[path for path in sys.path if path],
        bundle=str(bundle),
        pictures=str(folder / "pictures.npy"),
        out=str(folder / "out.npy"),
    )
    command = [emulator(), "-cpu", "Haswell", str(Path(sys.executable).resolve()), "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return np.load(folder / "out.npy"), done.stdout.split()
