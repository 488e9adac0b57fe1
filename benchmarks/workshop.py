"""The models that are measured, each made once a run in a folder that goes away with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

import lepton_edge as le
from benchmarks.children import run_child
from lepton_edge_converters.recipe import Gates

# Speed is measured here, and weights are random: the gates have nothing to refuse.
LOOSE = Gates(min_agreement=0, min_cosine=0, min_sqnr_db=-100, min_parity=0, min_parity_db=-100)


@dataclass(frozen=True, slots=True)
class Subject:
    """A Keras model, the samples that calibrate it, and how pictures become its input.

    Attributes:
        keras: Its file.
        data: The samples, as ``lepton-edge convert`` takes them.
        preprocess: What the model does not tell; ``None`` for nothing.
        trained: Whether its decisions mean something: random weights turn a rounding into another class.
        holdout: Share of the samples that judges.
    """

    keras: Path
    data: Path
    preprocess: le.Preprocess | None = None
    trained: bool = False
    holdout: float = 0.3

    @property
    def name(self) -> str:
        """The file's name, for people."""
        return self.keras.stem


class Workshop:
    """Makes models when they are first asked for.

    Args:
        folder: Where they are made.
        given: The model to take for the ONNX routes, instead of MobileNetV2, and to try all schemes on.
        fashion_mnist: Folder of images to train another model on, and try all schemes on it too.
    """

    def __init__(self, folder: Path, given: Subject | None = None, fashion_mnist: Path | None = None) -> None:
        self.folder = folder
        self._given = given
        self._fashion_mnist = fashion_mnist
        self._built: dict[str, Subject] = {}
        self._converted: dict[tuple[Path, str], Path] = {}

    @property
    def tiny_cnn(self) -> Subject:
        """A 28 × 28 digit reader."""
        return self._build("tiny_cnn")

    @property
    def mobilenet_v2(self) -> Subject:
        """MobileNetV2, 224 × 224, raw bytes in, random weights."""
        return self._build("mobilenet_v2")

    @property
    def given(self) -> Subject:
        """The model from the command line; else MobileNetV2."""
        return self._given or self.mobilenet_v2

    @property
    def judged(self) -> list[Subject]:
        """Models to judge by their accuracy: the given ones; else the digit reader, whose weights are random."""
        given = [self._given] if self._given else []
        if self._fashion_mnist:
            given.append(self._trained(self._fashion_mnist))
        return given or [self.tiny_cnn]

    def bundle(self, subject: Subject, scheme: Literal["int8", "float32"] = "int8") -> Path:
        """Return the subject's bundle, converted as its users would."""
        key = (subject.keras, scheme)
        if key not in self._converted:
            click.echo(f"converting {subject.name} to {scheme} …", err=True)
            out = self.folder / f"{subject.name}.{scheme}.lepton"
            recipe = le.Recipe(scheme=scheme, gates=LOOSE)
            le.convert(subject.keras, out, data=subject.data, preprocess=subject.preprocess, recipe=recipe)
            self._converted[key] = out
        return self._converted[key]

    def member(self, bundle: Path, name: str) -> Path:
        """Return a file of its own that holds a member of a bundle."""
        out = bundle.with_suffix(Path(name).suffix)
        out.write_bytes(le.Bundle(bundle).member(name))
        return out

    def _trained(self, images: Path) -> Subject:
        click.echo("training a CNN on Fashion-MNIST …", err=True)
        run_child("fashion_mnist", images.resolve(), self.folder)
        # All but a hundred of the 10,000 test images judge; those calibrate.
        return Subject(self.folder / "fashion.keras", self.folder / "fashion.npz", trained=True, holdout=0.99)

    def _build(self, name: str) -> Subject:
        if name not in self._built:
            click.echo(f"building {name} …", err=True)
            run_child("keras_models", name, self.folder)
            self._built[name] = Subject(self.folder / f"{name}.keras", self.folder / f"{name}.npy")
        return self._built[name]
