"""Write ``architectures.md`` anew: each family of ``keras.applications``, converted. Takes a quarter of an hour.

With names of families as arguments, their lines alone: ``PYTHONPATH=docs python docs/write_architectures.py NAME …``.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lepton_edge as le
from lepton_edge_converters.exporters import DERIVED
from lepton_edge_converters.recipe import Gates
from lepton_edge_converters.worker import Worker

PAGE = Path(__file__).with_name("architectures.md")
SIZE = 128
MODELS = (
    *("Xception", "VGG16", "ResNet50", "ResNet50V2", "InceptionV3", "InceptionResNetV2", "MobileNet", "MobileNetV2"),
    *("MobileNetV3Small", "DenseNet121", "NASNetMobile", "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny"),
)
_NOTHING_REFUSED = Gates(min_agreement=0, min_cosine=0, min_sqnr_db=-100, min_parity=0, min_parity_db=-100)


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one model; ``failure`` where nothing did."""

    name: str
    parameters: int = 0
    tflite_db: float = 0.0
    onnx_db: float = 0.0
    operators: str = ""
    int8_route: str = ""
    failure: str = ""

    def __str__(self) -> str:
        if self.failure:
            return f"| {self.name} | | | | {self.failure} | |"
        decibels = " | ".join("equal" if np.isinf(db) else f"{db:.0f} dB" for db in (self.tflite_db, self.onnx_db))
        return f"| {self.name} | {self.parameters / 1e6:.1f} M | {decibels} | {self.operators} | {self.int8_route} |"


def save(name: str, path: Path) -> None:
    """Build a model with random weights and save it; runs in the worker."""
    import keras  # noqa: PLC0415 - only in the worker

    keras.utils.set_random_seed(0)
    getattr(keras.applications, name)(weights=None, input_shape=(SIZE, SIZE, 3)).save(path)


def convert(name: str, folder: Path) -> Line:
    """Convert one model to float32 and to int8."""
    path, out = folder / f"{name}.keras", folder / f"{name}.lepton"
    try:
        with Worker() as worker:
            worker.call("write_architectures:save", name, path)
        exact = le.convert(path, out, recipe="float32", force=True)
        pictures = np.random.default_rng(0).integers(0, 256, (24, SIZE, SIZE, 3), np.uint8)
        recipe = le.Recipe(scheme="int8", calibration=8, gates=_NOTHING_REFUSED)
        small = le.convert(
            path, out, data=pictures, recipe=recipe, preprocess=le.Preprocess(range=(0, 255)), force=True
        )
    except le.LeptonError as refused:
        return Line(name, failure=str(refused))
    (operators,) = [gate.detail for gate in small.gates if gate.name == "TFLite int8 operators"]
    route = small.row("ONNX int8").route
    return Line(
        name,
        exact.parameters,
        exact.row("TFLite float32").sqnr_db or 0.0,
        exact.row("ONNX float32").sqnr_db or 0.0,
        operators,
        "derived" if route == DERIVED else route.split(" (not ")[0],
    )


def main(asked: list[str]) -> None:
    """Write the page; with names of models, only their lines."""
    with tempfile.TemporaryDirectory() as folder:
        lines = {}
        for name in asked or MODELS:
            lines[name] = str(convert(name, Path(folder)))
            print(lines[name], flush=True)  # noqa: T201 - progress of a long run
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition("<!-- families -->\n")
    table, _, tail = rest.partition("<!-- end -->\n")
    before = {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines()}
    table = "| model | parameters | TFLite float32 | ONNX float32 | int8: TFLite's operators | int8: ONNX |\n"
    table += "|---|---|---|---|---|---|\n"
    table += "".join(f"{lines.get(name) or before[name]}\n" for name in MODELS)
    PAGE.write_text(f"{head}<!-- families -->\n{table}<!-- end -->\n{tail}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
