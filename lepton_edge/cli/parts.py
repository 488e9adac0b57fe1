"""Options of ``run`` that say which frames, and which parts of them, a model is asked about."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from lepton_edge_runtime.areas import read_areas
from lepton_edge_runtime.model import Model
from lepton_edge_runtime.motion import MotionGate
from lepton_edge_runtime.regions import Regions
from lepton_edge_runtime.tiles import Tiled

_TILES_MAX = 64
_MOTION_SHARE = 0.001


@dataclass(frozen=True, slots=True)
class Parts:
    """Which frames and parts of them are asked about; all of them where nothing is said.

    Attributes:
        tiles: Columns and rows of a detector's tiles.
        regions: Left, top, right, bottom of each, in pixels or shares.
        motion: Least share of the picture that must move.
    """

    tiles: tuple[int, int] | None
    regions: tuple[tuple[float, ...], ...]
    motion: float | None

    def refuse(self, *, text: bool, stride: bool) -> None:
        """Raise UsageError where they are said together with what has no parts.

        Args:
            text: Whether texts are asked about, not pictures.
            stride: Whether clips are asked about at a stride.
        """
        if text and (self.tiles or self.regions or self.motion):
            raise click.UsageError("--tiles, --region and --motion are about pictures, not texts")
        if stride and (self.tiles or self.regions):
            raise click.UsageError("--stride is about clips of whole frames, and no part of one is any")
        if stride and self.motion:
            raise click.UsageError("--motion leaves frames out, and clips (--stride) need every one")

    def of(self, model: Model) -> Model | Tiled | Regions:
        """Return what asks the model about these parts."""
        asked = model if self.tiles is None else Tiled(model, *self.tiles)
        return Regions(asked, self.regions) if self.regions else asked

    def gate(self) -> MotionGate | None:
        """Return what looks for motion, in the regions if there are any; ``None`` if all frames are asked about."""
        return None if self.motion is None else MotionGate(min_area=self.motion, areas=self.regions)


def _grid(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    del context, parameter
    if value is None:
        return None
    columns, _, rows = value.lower().partition("x")
    if not columns.isdecimal() or not rows.isdecimal() or not 1 <= int(columns) * int(rows) <= _TILES_MAX:
        raise click.BadParameter(f"{value!r} is no grid; write COLUMNSxROWS, such as 2x2, of 1 to {_TILES_MAX} tiles")
    return int(columns), int(rows)


def _regions(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[float, ...], ...]:
    del context, parameter
    return tuple(_edges(value) for value in values)


def _edges(value: str) -> tuple[float, ...]:
    try:
        edges = tuple(float(edge) for edge in value.split(","))
        read_areas(edges)
    except ValueError as problem:
        raise click.BadParameter(
            f"{value!r} is no region; write LEFT,TOP,RIGHT,BOTTOM in pixels, or all in 0..1 as shares of the picture, "
            "such as 0.5,0,1,1 for its right half"
        ) from problem
    return edges


def _share(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    del context, parameter
    if value is None:
        return None
    try:
        share = float(value)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise click.BadParameter(
            f"{value!r} is no share of the picture, above 0 to 1; without a share, --motion stands after MODEL"
        )
    return share


_OPTIONS = (
    click.option(
        "--tiles", callback=_grid, metavar="CxR", help="Ask a detector about tiles too, such as 2x2: for small things."
    ),
    click.option(
        "--region",
        "regions",
        multiple=True,
        callback=_regions,
        metavar="L,T,R,B",
        help="Ask about this part of the picture only, in pixels, or all in 0..1 as shares; a detector about several.",
    ),
    click.option(
        "--motion",
        callback=_share,
        is_flag=False,
        flag_value=str(_MOTION_SHARE),
        metavar="[SHARE]",
        help="Answer only while something moves that covers this share of the picture (0.001 if not given), and every "
        "10 s.",
    ),
)


def parts_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--tiles --region --motion`` to a command, which gets them as ``parts``."""

    @wraps(command)
    def with_parts(*, tiles: Any, regions: Any, motion: Any, **others: Any) -> Any:
        return command(parts=Parts(tiles, regions, motion), **others)

    decorated: Callable[..., Any] = with_parts
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
