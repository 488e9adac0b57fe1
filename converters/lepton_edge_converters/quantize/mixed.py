"""What layers in float bought, and what they cost."""

from collections.abc import Iterator, Sequence

from lepton_edge_converters.gates.judge import Judgement
from lepton_edge_converters.speed import Timings


def bought(
    mixed: Sequence[Judgement],
    throughout: Sequence[Judgement],
    layers: Sequence[str],
    timings: Timings,
) -> Iterator[str]:
    """Yield a sentence for each file with layers in float, beside the same without: nothing where there are none."""
    without = {judgement.artefact.backend: judgement for judgement in throughout}
    for judgement in mixed:
        other = without.get(judgement.artefact.backend)
        if other is None:
            continue
        pairs = zip(_told(judgement, timings), _told(other, timings), strict=True)
        told = ", ".join(f"{what}{ours} instead of {theirs}" for (what, ours), (_, theirs) in pairs)
        yield f"{judgement.artefact.title}, {', '.join(layers)} in float: {told}"


def _told(judgement: Judgement, timings: Timings) -> Iterator[tuple[str, str]]:
    if judgement.accuracy:
        yield "accuracy ", f"{judgement.accuracy.value:.1%}"
    elif judgement.agreement:
        yield "agreement ", f"{judgement.agreement.value:.1%}"
    yield "SQNR ", f"{judgement.likeness.sqnr_db:.1f} dB"
    yield "", f"{judgement.artefact.path.stat().st_size / 1024:,.0f} KB"
    yield "", f"{timings.latency(judgement.artefact.title).median_ms:.3f} ms"
