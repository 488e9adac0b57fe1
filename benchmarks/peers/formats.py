"""The same model in the formats that some peers want, each made by a tool of theirs in an environment of its own."""

import shutil
import subprocess
from pathlib import Path

import msgspec

from benchmarks.children import Child
from benchmarks.peers.cases import Case
from benchmarks.peers.environments import python_of


def with_other_formats(case: Case, folder: Path) -> Case:
    """Return the case with the files that can be made of its own, as far as what makes them is set up."""
    files = dict(case.files)
    if "tflite" in files and case.job.task == "classify" and not case.job.int8:  # bytes need no description
        out = _beside(Path(files["tflite"]), folder, "described.tflite")
        if out.exists() or _describe(folder, files["tflite"], out):
            files["described"] = str(out)
    if "onnx" in files and not case.job.int8:
        param = _beside(Path(files["onnx"]), folder, "ncnn.param")
        if param.exists() or _to_ncnn(folder, files["onnx"], param):
            files["ncnn"] = str(param)
    return msgspec.structs.replace(case, files=files)


def _beside(model: Path, folder: Path, ending: str) -> Path:
    """Return where another form of a model goes: not beside those that were given."""
    return folder / "models" / "others" / model.parent.name / f"{model.stem}.{ending}"


def _describe(folder: Path, model: str, out: Path) -> bool:
    python = python_of(folder, "mediapipe")
    if not python.exists():
        return False
    out.parent.mkdir(parents=True, exist_ok=True)
    with Child("peers.served.describe", model, out, python=python) as child:
        child.rest()
    return True


def _to_ncnn(folder: Path, model: str, param: Path) -> bool:
    # Its Python module wants torch; the program in it does not.
    programs = sorted((folder / "pnnx" / "venv" / "lib").glob("python*/site-packages/pnnx/pnnx"))
    if not programs:
        return False
    param.parent.mkdir(parents=True, exist_ok=True)
    copy = param.with_name(Path(model).name)
    shutil.copyfile(model, copy)
    # It writes beside what it reads; fp16=0 keeps the weights as they are.
    done = subprocess.run(
        [programs[0], copy.name, "fp16=0"], cwd=param.parent, capture_output=True, text=True, check=False
    )
    return done.returncode == 0 and param.exists()
