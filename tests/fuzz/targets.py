"""What is fuzzed: whole files to begin with, how they are broken, and who reads them."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import small_models
from fuzz.mutations import mutate_bundle, mutate_hints, mutate_json, mutate_onnx, mutate_tflite

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_runtime.bare import describe_bare
from lepton_edge_runtime.bare.files import BareFile
from lepton_edge_runtime.bundle import GOLDEN, Bundle
from lepton_edge_runtime.card import decode_card, encode_card
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.formats.budget import Budget
from lepton_edge_runtime.formats.metadata import METADATA_KEY, read_metadata
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.formats.tflite import _metadata, _schema, read_tflite
from lepton_edge_runtime.formats.ultralytics import read_json, read_properties
from lepton_edge_runtime.golden import decode_golden
from lepton_edge_runtime.opening import draft_card, read_candidate
from lepton_edge_runtime.plan import Plan
from lepton_edge_runtime.probe import Probe
from lepton_edge_runtime.tasks import make_decoder
from lepton_edge_runtime.text import is_plain

SECRET = "secret"
SECRET_BYTES = b"password" * 8
REAL = Path(__file__).parents[3] / "shared" / "data" / "models"


CARD = json.dumps(
    {
        "format": 1, "name": "m", "task": "raw",
        "inputs": [{"tensor": {"name": "x", "dtype": "float32", "shape": [1, 4]}}],
        "outputs": [{"tensor": {"name": "y", "dtype": "float32", "shape": [1, 4]}}],
    }
).encode()  # fmt: skip
ULTRALYTICS = json.dumps({"names": {"0": "a", "1": "b", "2": "c"}, "task": "classify", "imgsz": [8, 8]})


@dataclass(frozen=True)
class Target:
    """``seeds`` are whole files; ``mutate`` breaks one; ``read`` reads it, writing at most into a folder."""

    seeds: list
    mutate: Callable
    read: Callable


def files(folder):
    """Return whole small files: made here, and the smaller real ones where they lie."""
    tflite = [
        small_models.picture_classifier().build(),
        small_models.picture_classifier(dtype="uint8", quant=(1 / 128, 128)).build(),
        small_models.TfliteFile(metadata={"lepton_edge_card": b'{"format":1}'}).build(),
        small_models.TfliteFile(metadata={"lepton_edge_card": CARD}).build(),
        small_models.with_files(
            small_models.picture_classifier().build(), {"metadata.json": ULTRALYTICS}, compressed=True
        ),
    ]
    onnx = [
        small_models.onnx_picture_classifier().SerializeToString(),
        small_models.onnx_model(metadata={"names": "{0: 'a', 1: 'b'}", "task": "classify"}).SerializeToString(),
    ]
    for suffix, found in ((".tflite", tflite), (".onnx", onnx)):
        paths = sorted(REAL.rglob(f"*{suffix}")) if REAL.is_dir() else []
        found += [path.read_bytes() for path in paths if path.stat().st_size < 2_000_000]
    bundles = []
    for name, content in (("a.tflite", tflite[0]), ("b.tflite", tflite[1]), ("c.onnx", onnx[0])):
        (folder / name).write_bytes(content)
        labels = ["one", "two", "three"]
        preprocess = le.Preprocess(resize="letterbox", size=(8, 8) if name == "c.onnx" else None)
        if name == "c.onnx":
            (folder / name).write_bytes(small_models.onnx_picture_classifier(size=("h", "w")).SerializeToString())
        le.adopt(folder / name, folder / "seed.lepton", labels=labels, preprocess=preprocess, force=True)
        bundles.append((folder / "seed.lepton").read_bytes())
    return tflite, onnx, bundles


def show(path):
    """Have the command line show a file: in lines of plain text, or in JSON that is JSON; done or refused."""
    out, err = io.StringIO(), io.StringIO()
    as_json = path.stat().st_size % 2 == 1
    with redirect_stdout(out), redirect_stderr(err):
        status = execute(["inspect", str(path), *(["--json"] if as_json else [])])
    assert status in (0, 1)
    assert all(is_plain(line) for line in (out.getvalue() + err.getvalue()).split("\n"))
    if status == 0 and as_json:
        json.loads(out.getvalue(), parse_constant=refuse_constant)


def refuse_constant(word):
    raise AssertionError(f"{word} is no JSON")


def read_bundle(data, folder):
    path = folder / "input.lepton"
    path.write_bytes(data)
    show(path)
    bundle = Bundle(path)
    candidate = read_candidate(path)
    for name in bundle.manifest.members:
        bundle.member(name)
    json.dumps(le.inspect(path).to_dict())
    assert all(is_plain(label) for label in candidate.card.labels)
    make_decoder(candidate.card)
    for end in candidate.card.inputs:
        if end.preprocess is not None:
            Plan(end.preprocess, end.tensor)
    if candidate.golden is not None:
        candidate.golden()


def read_model(read, name):
    def read_one(data, folder):
        path = folder / name
        path.write_bytes(data)
        show(path)
        file = read(data)
        str(file.hints)
        draft_card(path, BareFile("", b"", file))

    return read_one


def read_hints(data, folder):
    del folder
    read_metadata(data, b"")
    read_metadata(None, data)
    read_json(data)
    read_properties({"names": data, "task": b"detect", "imgsz": b"[1, 2]"})


def readers(folder):
    """Return the readers by group and name."""
    tflite, onnx, bundles = files(folder)
    (folder / "card.lepton").write_bytes(bundles[0])
    bundle = Bundle(folder / "card.lepton")
    golden = [bundle.member(GOLDEN)]
    hints = [b'{"names": {"0": "a"}, "task": "detect"}', b"{0: 'person', 1: \"it's\"}", *metadata_parts()]
    return {
        "bundle": {
            "bundle": Target(bundles, mutate_bundle, read_bundle),
            "golden": Target(golden, mutate_bundle, lambda data, _: decode_golden(data, bundle.card)),
            "card": Target([encode_card(bundle.card)], mutate_json, lambda data, _: decode_card(data)),
        },
        "models": {
            "tflite": Target(tflite, mutate_tflite, read_model(read_tflite, "input.tflite")),
            "onnx": Target(onnx, mutate_onnx, read_model(read_onnx, "input.onnx")),
            "metadata": Target(hints, mutate_hints, read_hints),
        },
    }


def metadata_parts():
    """Return the TFLite Metadata of real files."""
    parts = []
    for path in sorted(REAL.glob("*.tflite")) if REAL.is_dir() else []:
        model = _schema().Model.GetRootAs(path.read_bytes(), 0)
        parts.append(_metadata(model, METADATA_KEY, Budget()))
    return [part for part in parts if part]


def engines(folder, *, checked=True):
    """Return the engines, each behind our reader (as ``adopt`` asks them) or alone, and the probe they run in."""
    tflite, onnx, _ = files(folder)
    probe = Probe(timeout_seconds=5)

    def run(name, read):
        def run_one(data, _):
            if checked:
                probe.run(name, data, describe_bare(read(data), "fuzz", Description()).card, [0])
            else:
                probe.call("fuzz.jobs:load", name, data)

        return run_one

    found = {
        "tflite": Target(tflite, mutate_tflite, run("tflite", read_tflite)),
        "onnx": Target(onnx, mutate_onnx, run("onnx", read_onnx)),
    }
    if checked:
        (folder / SECRET).write_bytes(SECRET_BYTES)
        found |= {
            "agreement": Target([*tflite, *onnx], mutate_either, agree(probe)),
            "reach": Target([small_models.peeping_model(SECRET)], mutate_onnx, reach(probe)),
        }
    return found, probe


def mutate_either(data, rng):
    return (mutate_tflite if data[4:8] == b"TFL3" else mutate_onnx)(data, rng)


def agree(probe):
    """Return a reader that fails where ``verify`` passes a file that ``open_model`` refuses, or the other way."""

    def read(data, folder):
        path = folder / ("input.tflite" if data[4:8] == b"TFL3" else "input.onnx")
        path.write_bytes(data)
        refused, passed = probe.call("fuzz.jobs:open_and_verify", path)
        assert passed == (refused is None), f"verify passed: {passed}; open_model refused: {refused}"
        if refused is not None:
            raise refused

    return read


def reach(probe):
    """Return a reader that fails where our reader lets a file pass that makes the bare engine read another one."""

    def read(data, folder):
        read_onnx(data)
        said = probe.call("fuzz.jobs:answer_unguarded", data, folder)
        assert SECRET_BYTES[:4] not in said, "the engine has read another file"

    return read
