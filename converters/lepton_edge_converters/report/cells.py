"""A version's numbers as a terminal's tables have them: empty where there is none, intervals where there is room."""

from rich.markup import escape

from lepton_edge_converters.report import Row, decibels
from lepton_edge_runtime.text import printable


def shown(text: str) -> str:
    """Return a text that may hold names from files of others: neither steers the terminal, nor is markup of ours."""
    return escape(printable(text))


def size(row: Row) -> str:
    """Return the size of the file."""
    return f"{row.size_bytes / 1024:,.0f} KB" if row.size_bytes is not None else ""


def download(row: Row) -> str:
    """Return the size of the file once it is packed."""
    return f"{row.download_bytes / 1024:,.0f} KB" if row.download_bytes is not None else ""


def zeros(row: Row) -> str:
    """Return the share of weights that are zero."""
    return f"{row.zeros:.1%}" if row.zeros is not None else ""


def accuracy(row: Row, *, wide: bool = False) -> str:
    """Return the accuracy, with its interval if wide."""
    share = row.accuracy
    if share is None:
        return ""
    return f"{share.value:.1%} ({share.low:.1%}–{share.high:.1%})" if wide else f"{share.value:.1%}"


def drop(row: Row, *, wide: bool) -> str:
    """Return the points of accuracy lost, with their interval if wide."""
    lost = row.drop
    if lost is None:
        return ""
    return f"{lost.points:+.2f} ({lost.low:+.2f}, {lost.high:+.2f})" if wide else f"{lost.points:+.2f}"


def agreement(row: Row) -> str:
    """Return the share decided as the original decides."""
    return f"{row.agreement.value:.1%}" if row.agreement else ""


def cosine(row: Row) -> str:
    """Return the cosine between the outputs and the original's."""
    return f"{row.cosine:.5f}" if row.cosine is not None else ""


def sqnr(row: Row) -> str:
    """Return the signal-to-noise ratio against the original."""
    return decibels(row.sqnr_db) if row.sqnr_db is not None else ""


def score(row: Row, *, wide: bool) -> str:
    """Return what the metric says, with its interval if wide."""
    found = row.score
    if found is None:
        return ""
    return f"{found.value:.4g} ({found.low:.4g}, {found.high:.4g})" if wide else f"{found.value:.4g}"


def latency(row: Row) -> str:
    """Return the median time."""
    return f"{row.latency.median_ms:.3f} ms" if row.latency else ""


def times_float(row: Row, *, wide: bool = False) -> str:
    """Return the time as a multiple of the float file's, with its interval if wide."""
    ratio = row.times_float
    if ratio is None:
        return ""
    return f"{ratio.value:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if wide else f"{ratio.value:.2f}"
