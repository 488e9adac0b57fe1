"""Heads that tell boxes."""

from math import isfinite
from typing import Literal

import msgspec

from lepton_edge_runtime.heads.parts import (
    LEVELS_MAX,
    SIDE_MAX,
    Apply,
    HeadKind,
    Layout,
    Repeating,
    Rows,
    Scored,
    check_share,
    check_strides,
)

_SHAPES_MAX = 64


class TflitePostprocess(HeadKind, frozen=True, tag="tflite_postprocess"):
    """TFLite's operator ``TFLite_Detection_PostProcess``.

    Boxes (1 × n × 4: top, left, bottom, right as shares of the input), classes (1 × n), scores (1 × n) and how many
    of them count (1), the best first; the repeated are left out already.
    """


class Yolo(Rows, frozen=True, kw_only=True, tag="yolo"):
    """One row of numbers a box, as YOLOv5, v8 and v11 are exported.

    The box (centre x, centre y, width, height), perhaps its objectness, a score a class, and what ends a row.

    Attributes:
        layout: ``columns`` is 1 × numbers × boxes (v8, v11), ``rows`` is 1 × boxes × numbers (v5).
        objectness: Whether a score that there is anything stands before those of the classes, which are to be
            multiplied with it (v5).
        apply: Of objectness and scores.
        iou: As of ``Repeating``: a Struct has one base.
    """

    layout: Literal["columns", "rows"] = "columns"
    objectness: bool = False
    apply: Literal["none", "sigmoid"] = "none"
    iou: float = 0.45

    def __post_init__(self) -> None:
        """Refuse what no overlap could be compared with."""
        super().__post_init__()
        check_share("iou", self.iou)


class YoloEndToEnd(Rows, frozen=True, kw_only=True, tag="yolo_end_to_end"):
    """Finished boxes, as YOLOv10 and v26 are exported: 1 × n × (left, top, right, bottom, score, class, an end)."""


class Yolox(Repeating, frozen=True, kw_only=True, tag="yolox"):
    """YOLOX's rows, 1 × boxes × (centre, size, objectness, scores): a box a cell of each grid, the finest grid first.

    With a cell's column and row: ``x = (column + t_x) * stride``, ``width = exp(t_w) * stride`` (Ge et al., 2021).

    Attributes:
        strides: Pixels of the input between two cells, a grid each.
        apply: Of objectness and scores.
    """

    strides: tuple[int, ...] = (8, 16, 32)
    apply: Literal["none", "sigmoid"] = "none"

    def __post_init__(self) -> None:
        """Refuse grids that no picture has."""
        super().__post_init__()
        check_strides(self.strides)


class AnchorLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The anchors of one grid: the same boxes round each of its cells, row by row, all boxes of a cell together.

    Attributes:
        rows, columns: Of the grid.
        shapes: Width and height of each box, as shares of the input's.
        offset: Where in its cell an anchor's centre lies: 0.5 its middle, 0 its upper left corner.
    """

    rows: int
    columns: int
    shapes: tuple[tuple[float, float], ...]
    offset: float = 0.5

    def __post_init__(self) -> None:
        """Refuse grids and boxes that no picture has."""
        if not (1 <= self.rows <= SIDE_MAX and 1 <= self.columns <= SIDE_MAX and 0 <= self.offset <= 1):
            raise ValueError(f"no grid has {self.rows} × {self.columns} cells with the offset {self.offset}")
        if not 1 <= len(self.shapes) <= _SHAPES_MAX or not all(
            0 < side <= 100 for pair in self.shapes for side in pair
        ):
            raise ValueError(f"a level has 1 to {_SHAPES_MAX} boxes of positive shares, not {self.shapes}")


class Ssd(Repeating, frozen=True, kw_only=True, tag="ssd"):
    """Boxes told relative to anchors (1 × n × 4), and a score a class of each (1 × n × classes).

    SSD, RetinaNet and their like. With an anchor's centre ``a_x`` and width ``a_w``:
    ``x = t_x * variances[0] * a_w + a_x``, ``width = exp(t_w * variances[1]) * a_w`` (Liu et al., ECCV 2016).

    Attributes:
        levels: The anchors, in the order of the boxes.
        order: Of the four numbers of a box: ``yxhw`` (TensorFlow) or ``xywh`` (torchvision).
        variances: What the numbers of centres, and of sizes, are multiplied with.
        apply: Of the scores.
        background: Whether the first class is that of nothing, which is left out and not counted.
    """

    levels: tuple[AnchorLevel, ...]
    order: Literal["yxhw", "xywh"] = "yxhw"
    variances: tuple[float, float] = (0.1, 0.2)
    apply: Apply = "sigmoid"
    background: bool = True

    def __post_init__(self) -> None:
        """Refuse what has no anchors."""
        super().__post_init__()
        if not 1 <= len(self.levels) <= LEVELS_MAX:
            raise ValueError(f"there are 1 to {LEVELS_MAX} levels of anchors, not {len(self.levels)}")
        if sum(one.rows * one.columns * len(one.shapes) for one in self.levels) > SIDE_MAX * _SHAPES_MAX:
            raise ValueError("no model has so many anchors")
        if not all(isfinite(one) and 0 < one <= 100 for one in self.variances):
            raise ValueError(f"variances are positive, not {self.variances}")


class Centernet(Scored, frozen=True, kw_only=True, tag="centernet"):
    """Heat maps (height × width × classes), the size of a box at each cell (× 2), and its centre's offset there (× 2).

    A centre is a cell that none of the eight around it surpasses (Zhou et al., 2019). Sizes and offsets, x first, are
    counted in cells.

    Attributes:
        apply: Of the heat maps.
        layout: Order of the outputs' axes.
    """

    apply: Literal["none", "sigmoid"] = "sigmoid"
    layout: Layout = "nhwc"


class Yunet(Repeating, frozen=True, kw_only=True, tag="yunet"):
    """YuNet's faces: ``cls``, ``obj``, ``bbox`` and ``kps`` of each stride, with five key points a face.

    The score is the root of class times objectness; boxes and points are told relative to the cell (Wu et al., 2023).

    Attributes:
        strides: Pixels of the input between two cells, a grid each; each output's name ends in one of them.
    """

    min_score: float = 0.6
    iou: float = 0.3
    strides: tuple[int, ...] = (8, 16, 32)

    def __post_init__(self) -> None:
        """Refuse grids that no picture has."""
        super().__post_init__()
        check_strides(self.strides)
