"""Numbers as people read them, each with its unit."""

from math import isnan

from lepton_edge_converters import report
from lepton_edge_converters.report import Row
from lepton_edge_converters.report.numbers import Drop, Share

_MINUS = "\N{MINUS SIGN}"
_THIN = "\N{NARROW NO-BREAK SPACE}"


def number(value: float, pattern: str = ".3g") -> str:
    """Return a number with a real minus sign."""
    text = f"{value:{pattern}}"
    if float(text.replace(",", "")) == 0:
        text = text.replace("-", "")  # what rounds to zero has no sign
    return text.replace("-", _MINUS)


def percent(share: float, digits: int = 1) -> str:
    """Return a share, 0 to 1, in percent."""
    return number(100 * share, f".{digits}f") + f"{_THIN}%"


def small_percent(share: float) -> str:
    """Return a share that may be tiny: ``0`` and ``under 0.01 %`` are not the same."""
    if share == 0:
        return f"0{_THIN}%"
    return percent(share, 1 if share >= 0.1 else 2) if share >= 1e-4 else f"under 0.01{_THIN}%"


def kilobytes(size_bytes: int) -> str:
    """Return a size in units of 1,024 bytes, as the terminal's table has it."""
    return f"{size_bytes / 1024:,.0f}{_THIN}KB"


def metric(name: str) -> str:
    """Return a metric's name without the module that it comes from."""
    return name.rpartition(":")[2]


def milliseconds(value: float) -> str:
    """Return a time with three digits that count."""
    digits = 3 if value < 10 else 2 if value < 100 else 1
    return f"{value:,.{digits}f}{_THIN}ms"


def decibels(value: float | None) -> str:
    """Return a ratio in decibels; ``equal`` where there is no noise at all."""
    return "" if value is None else report.decibels(value).replace("-", _MINUS).replace(" dB", f"{_THIN}dB")


def interval(share: Share) -> str:
    """Return a share's 95 % interval."""
    return f"{number(100 * share.low, '.1f')} to {percent(share.high)}"


def points(drop: Drop) -> str:
    """Return points of accuracy lost, with their interval."""
    low, high = number(drop.low, "+.2f"), number(drop.high, "+.2f")
    return f"{number(drop.points, '+.2f')} ({low} to {high})"


def engine(row: Row) -> str:
    """Return the colour class of a row: which engine runs it, paler if it is a file that does not ship."""
    backend = row.title.partition(" ")[0].lower()
    return f"{backend}{'' if row.shipped else ' pale'}" if backend in ("tflite", "onnx") else "original"


def score(value: float) -> str:
    """Return how sure an answer is: a probability, or a plain number where the model gives none."""
    return f"{value:.3f}" if 0 <= value <= 1 else number(value)


def count(value: int) -> str:
    """Return a large count, such as of multiply-accumulates, with a prefix for its power of a thousand."""
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:,.1f}{_THIN}{prefix}"
    return f"{value:,}"


def correlation(value: float) -> str:
    """Return a correlation, -1 to 1."""
    return "no heat in either" if isnan(value) else f"{value:.3f}"
