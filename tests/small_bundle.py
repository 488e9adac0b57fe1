"""A bundle without a model in it, and ways to change one as an attacker would."""

import json
import zipfile

import numpy as np

from lepton_edge_runtime.bundle import Manifest, Measured, Provenance
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.golden import Golden
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tensors import Quant, TensorSpec

CARD = Card(
    name="door",
    task="classify",
    inputs=(
        InputCard(
            TensorSpec(name="image", dtype="uint8", shape=(1, 4, 4, 3), quant=Quant(1.0, 0)),
            Preprocess(size=(4, 4), color="rgb", range=(0.0, 255.0)),
        ),
    ),
    outputs=(OutputCard(TensorSpec(name="scores", dtype="float32", shape=(1, 2)), "softmax"),),
    labels=("closed", "open"),
)
MANIFEST = Manifest(
    card=CARD,
    provenance=Provenance(source="door.keras", source_sha256="0" * 64),
    measured={"model.tflite": Measured(samples=10, accuracy=0.9)},
    tolerance={"model.tflite": (0.0,)},
    members={},
)
MEMBERS = {"model.tflite": b"weights", "golden.npz": b"samples"}


GOLDEN = Golden(
    inputs=(np.arange(96, dtype=np.uint8).reshape(2, 1, 4, 4, 3),),
    outputs=(np.array([[[0.25, 0.75]], [[1.0, 0.0]]], np.float32),),
)


def rewritten(path, change, *, compression=zipfile.ZIP_STORED):
    """Rewrite a bundle with ``change`` applied to its members, as an attacker would."""
    with zipfile.ZipFile(path) as archive:
        members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in change(members):
            archive.writestr(name, content)


def with_manifest(path, change):
    def changed(members):
        return [(n, change(json.loads(c)) if n == "manifest.json" else c) for n, c in members]

    rewritten(path, changed)
