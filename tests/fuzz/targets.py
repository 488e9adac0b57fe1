"""What is fuzzed: whole files to begin with, how they are broken, and who reads them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import small_models
from fuzz.mutations import mutate_bundle, mutate_bytes, mutate_json

import lepton_edge as le
from lepton_edge_runtime.bare import Given, describe_bare
from lepton_edge_runtime.bundle import GOLDEN, Bundle
from lepton_edge_runtime.card import check_card, decode_card, encode_card
from lepton_edge_runtime.errors import ModelFileError
from lepton_edge_runtime.formats.metadata import METADATA_KEY, read_metadata
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.formats.tflite import _metadata, _schema, read_tflite
from lepton_edge_runtime.formats.ultralytics import read_json, read_properties
from lepton_edge_runtime.golden import decode_golden
from lepton_edge_runtime.model import Plan
from lepton_edge_runtime.opening import read_candidate
from lepton_edge_runtime.probe import Probe
from lepton_edge_runtime.tasks import make_decoder
from lepton_edge_runtime.text import is_plain

REAL = Path(__file__).parents[3] / "shared" / "data" / "models"


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


def read_bundle(data, folder):
    path = folder / "input.lepton"
    path.write_bytes(data)
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
        file = read(data)
        if file.card is not None:
            decode_card(file.card)
        else:
            check_card(describe_bare(file, "fuzz", Given()).card, error=ModelFileError)
        found = le.inspect(path)
        json.dumps(found.to_dict())
        str(file.hints)

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
            "tflite": Target(tflite, mutate_bytes, read_model(read_tflite, "input.tflite")),
            "onnx": Target(onnx, mutate_bytes, read_model(read_onnx, "input.onnx")),
            "metadata": Target(hints, mutate_bytes, read_hints),
        },
    }


def metadata_parts():
    """Return the TFLite Metadata of real files."""
    parts = []
    for path in sorted(REAL.glob("*.tflite")) if REAL.is_dir() else []:
        model = _schema().Model.GetRootAs(path.read_bytes(), 0)
        parts.append(_metadata(model, METADATA_KEY))
    return [part for part in parts if part]


def engines(folder, *, checked=True):
    """Return the engines, each behind our reader (as ``adopt`` asks them) or alone, and the probe they run in."""
    tflite, onnx, _ = files(folder)
    probe = Probe(timeout_seconds=5)

    def run(name, read):
        def run_one(data, _):
            if checked:
                probe.run(name, data, describe_bare(read(data), "fuzz", Given()).card, [0])
            else:
                probe.call("fuzz.jobs:load", name, data)

        return run_one

    return {
        "tflite": Target(tflite, mutate_bytes, run("tflite", read_tflite)),
        "onnx": Target(onnx, mutate_bytes, run("onnx", read_onnx)),
    }, probe
