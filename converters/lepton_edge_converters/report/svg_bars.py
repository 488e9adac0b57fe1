"""Horizontal bars as an SVG that stands alone: readable in a browser, light and dark, and on paper."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _ROW, _TOP = 920, 20, 64
_LEFT, _RIGHT = 330, 96  # for names, and for what is written behind the bars
_NAME_MAX = 46

_STYLE = """
  svg { font: 12px system-ui, sans-serif; background: #fff; }
  text { fill: #1c2430; } .title { font-size: 15px; font-weight: 600; } .small { fill: #5b6675; }
  .bar { fill: #6b8fc9; } .marked { fill: #c8442b; } .grid { stroke: #dfe3e8; }
  @media (prefers-color-scheme: dark) {
    svg { background: #14181f; } text { fill: #e6e9ee; } .small { fill: #9aa5b4; }
    .bar { fill: #5f86c4; } .marked { fill: #e0664d; } .grid { stroke: #2b323d; }
  }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its length from 0 to 1, what is written behind it, and whether it is marked."""

    name: str
    length: float
    text: str
    marked: bool = False


def draw_bars(title: str, note: str, bars: Sequence[Bar], ticks: Sequence[tuple[float, str]]) -> str:
    """Return an SVG of these bars, from top to bottom.

    Args:
        title: Above them.
        note: Below the title, smaller.
        bars: In the order in which they are drawn.
        ticks: Places from 0 to 1 for thin lines, and what is written above each.
    """
    height = _TOP + _ROW * len(bars) + 16
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="16" y="24">{escape(title)}</text>',
        f'<text class="small" x="16" y="42">{escape(note)}</text>',
        *_grid(ticks, height),
        *(part for i, bar in enumerate(bars) for part in _row(bar, _TOP + _ROW * i)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _grid(ticks: Sequence[tuple[float, str]], height: int) -> Iterator[str]:
    for place, text in ticks:
        x = _at(place)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP - 2}" y2="{height - 14}"/>'
        yield f'<text class="small" x="{x}" y="{_TOP - 7}" text-anchor="middle">{escape(text)}</text>'


def _row(bar: Bar, y: int) -> Iterator[str]:
    kind = "marked" if bar.marked else "bar"
    shown = bar.name if len(bar.name) <= _NAME_MAX else f"…{bar.name[1 - _NAME_MAX :]}"
    length = max(1.0, _at(min(max(bar.length, 0.0), 1.0)) - _LEFT)
    name = f"{escape(shown)}<title>{escape(bar.name)}</title>"
    yield f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{name}</text>'
    yield f'<rect class="{kind}" x="{_LEFT}" y="{y + 3}" width="{length:.1f}" height="{_ROW - 6}" rx="2"/>'
    yield f'<text x="{_LEFT + length + 6:.1f}" y="{y + 14}">{escape(bar.text)}</text>'


def _at(place: float) -> float:
    return round(_LEFT + place * (_WIDTH - _LEFT - _RIGHT), 1)
