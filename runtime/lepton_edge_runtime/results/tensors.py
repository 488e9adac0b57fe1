"""All outputs as real numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lepton_edge_runtime.drawing import draw_lines
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.results.origin import Origin


@dataclass(frozen=True, slots=True)
class Tensors:
    """All outputs as real numbers, by name: ``float32`` where the model stores scaled integers."""

    values: Mapping[str, NDArray[Any]]
    origin: Origin

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.values[name]

    def __str__(self) -> str:
        return "  ".join(
            f"{name} {'×'.join(map(str, value.shape))} [{value.min():.4g}, {value.max():.4g}]"
            for name, value in self.values.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists and numbers."""
        return {"tensors": {name: value.tolist() for name, value in self.values.items()}}

    def draw(self, image: Image) -> Image:
        """Return a copy of ``image`` (BGR) with shape and range of each output in its upper left corner."""
        return draw_lines(image, str(self).split("  "))
