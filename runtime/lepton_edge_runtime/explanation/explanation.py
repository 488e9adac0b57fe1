"""Which places of one picture an answer rests on."""

from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.atomic import check_place, replacing
from lepton_edge_runtime.drawing import draw_boxes
from lepton_edge_runtime.errors import InputError, OutputError
from lepton_edge_runtime.explanation.heat import enlarged
from lepton_edge_runtime.explanation.overlay import enlarged_to_read, frame, tinted, with_legend
from lepton_edge_runtime.images import IMAGE_SUFFIXES, Image, opencv

JSON_SIDE = 28
"""Most rows and columns of a map that is written as JSON: maps are smooth, and no more is to be told."""

_MEANING = {
    "rise": "score where a place is shown, less where it is hidden",
    "occlusion": "score lost where a place is hidden",
    "gradcam": "what the layer's map adds to the score, relative",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which places of one picture an answer rests on.

    Attributes:
        heat: ``float32``, rows × columns of the input that show the picture: the higher, the more the score rests on
            it; of ``rise`` and ``occlusion`` in units of the score, below 0 where hiding helps; of ``gradcam`` 0 to 1.
        box: Which part of the picture they cover: left, top, right, bottom in pixels.
        size: Width and height of the picture in pixels.
        method: ``rise``, ``occlusion`` or ``gradcam``.
        target: What is explained: the class, or ``embedding``.
        class_id: The class's number; ``None`` of an embedding.
        score: Of the whole picture.
        found: The box that is explained, in pixels of the picture; ``None`` where there is none.
        runs: How often the model was asked.
        by: The backend that answered; of ``gradcam`` the layer.
    """

    heat: NDArray[np.float32]
    box: tuple[float, float, float, float]
    size: tuple[int, int]
    method: str
    target: str
    class_id: int | None
    score: float
    found: tuple[float, float, float, float] | None
    runs: int
    by: str

    @property
    def low(self) -> float:
        """The least heat."""
        return float(self.heat.min())

    @property
    def high(self) -> float:
        """The most heat."""
        return float(self.heat.max())

    @property
    def peak(self) -> tuple[float, float]:
        """Column and row, in pixels of the picture, of the most heat."""
        row, column = np.unravel_index(int(self.heat.argmax()), self.heat.shape)
        left, top, right, bottom = self.box
        rows, columns = self.heat.shape
        return left + (float(column) + 0.5) * (right - left) / columns, top + (float(row) + 0.5) * (bottom - top) / rows

    def at_picture(self) -> NDArray[np.float32]:
        """Return the heat of each pixel: height × width, ``float32``; NaN where the model was not shown the picture."""
        left, top, right, bottom = (round(edge) for edge in self.box)
        pixels = np.full((self.size[1], self.size[0]), np.nan, np.float32)
        if right > left and bottom > top:
            pixels[top:bottom, left:right] = enlarged(self.heat, right - left, bottom - top)
        return pixels

    def __str__(self) -> str:
        x, y = self.peak
        return (
            f"{self.target} {self.score:.3f}: most at x {x:.0f}, y {y:.0f}; {_MEANING[self.method]}: "
            f"{' to '.join(self._ends())}"
        )

    def _ends(self) -> tuple[str, str]:
        """Return the least and the most heat for people, to a hundredth of what lies between them or finer."""
        span = self.high - self.low
        digits = max(0, 2 - floor(log10(span))) if span > 0 else 2
        return f"{self.low:+.{digits}f}", f"{self.high:+.{digits}f}"

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists, numbers and strings; of the heat at most 28 rows and columns."""
        rows, columns = (min(JSON_SIDE, side) for side in self.heat.shape)
        coarse = self.heat if self.heat.shape == (rows, columns) else enlarged(self.heat, columns, rows)
        return {
            "method": self.method,
            "target": self.target,
            "class_id": self.class_id,
            "score": round(self.score, 6),
            "found": None if self.found is None else [round(edge, 2) for edge in self.found],
            "low": round(self.low, 6),
            "high": round(self.high, 6),
            "peak": [round(place, 2) for place in self.peak],
            "size": list(self.size),
            "box": [round(edge, 2) for edge in self.box],
            "heat": [[round(one, 6) for one in row] for row in coarse.tolist()],
            "runs": self.runs,
            "by": self.by,
        }

    def draw(self, image: Image) -> Image:
        """Return ``image`` (BGR, or grey) in grey under the colours of its heat, with a legend beneath.

        What the model was not shown, beside a crop, is dark and gray, outside a thin frame. A picture of under 480
        pixels of width is enlarged, so that the legend can be read.

        Raises:
            InputError: It is of another size than the picture that was explained.
        """
        if image.shape[1::-1] != self.size:
            raise InputError(
                f"a picture of {self.size[0]}×{self.size[1]} pixels was explained, not one of "
                f"{image.shape[1]}×{image.shape[0]}"
            )
        larger, times = enlarged_to_read(image)
        heat = enlarged(self.at_picture(), larger.shape[1], larger.shape[0]) if times > 1 else self.at_picture()
        drawn = tinted(larger, heat, self.low, self.high)
        if self.box != (0, 0, *self.size):
            left, top, right, bottom = self.box
            frame(drawn, (left * times, top * times, right * times, bottom * times))
        if self.found is not None:
            box = np.array([self.found]) * times
            draw_boxes(drawn, box, [f"{self.target} {self.score:.0%}"], np.array([self.class_id or 0]))
        name = f"class {self.target}" if self.target.isdecimal() else self.target.split(",")[0]
        what = f"{name} {self.score:.3f}"
        if self.class_id is None:
            what = "embedding; its score is the cosine to the whole picture's"
        lines = [what, _MEANING[self.method]]
        return with_legend(drawn, lines, *self._ends())

    def save(self, path: str | Path, image: Image, *, force: bool = False) -> None:
        """Write what ``draw`` returns as a file of pixels, such as ``NAME.png``.

        Args:
            path: The file.
            image: The picture that was explained.
            force: Replace an existing file.

        Raises:
            OutputError: It cannot be written there, or exists already.
            InputError: The picture is another one.
        """
        path = check_picture_place(path, force=force)
        _, encoded = opencv().imencode(path.suffix, self.draw(image))
        try:
            with replacing(path) as file:
                file.write(encoded.tobytes())
        except OSError as problem:
            raise OutputError(f"cannot write {path}: {problem.strerror or problem}") from problem


def check_picture_place(path: str | Path, *, force: bool) -> Path:
    """Return where a picture will be written, or raise OutputError if it cannot or must not be written there."""
    path = Path(path)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise OutputError(f"{path} is no name of a picture; write one that ends in .png or .jpg")
    return check_place(path, force=force)
