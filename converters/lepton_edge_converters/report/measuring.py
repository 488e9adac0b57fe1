"""How each number of a report was measured, in words."""

from collections.abc import Iterator

from lepton_edge_converters.report import Report, SampleCounts

_HOW = {
    "Accuracy": "share of the judged samples answered right; 95 % interval after Wilson",
    "Accuracy lost": "against the original on the same samples; 95 % interval for matched pairs after Agresti and Min",
    "Agreement": "share of the judged samples for which a file decides the class that the original decides",
    "Cosine": "between the outputs of a file and the original's, averaged over the samples; of the worst output",
    "SQNR": "power of the original's outputs over that of their difference from a file's; of the worst output",
}
_FIELDS = {
    "Accuracy": "accuracy",
    "Accuracy lost": "drop",
    "Agreement": "agreement",
    "Cosine": "cosine",
    "SQNR": "sqnr_db",
}
_METRIC = "{metric}: higher is better; 95 % interval by the bootstrap, what is lost from samples in pairs"
_LATENCY = (
    "{runs:,} calls of each file in turn, so that a busy machine slows all of them alike; one thread, the engine "
    "alone, on {machine}. It says little about another machine: run lepton-edge bench there"
)
_LAYERS = (
    "both TFLite files were run on {samples} of the judged samples with all tensors kept, by LiteRT's kernels without "
    "XNNPACK, which may round a step otherwise than those of the device; tensors were matched by their names"
)
_ATTENTION = (
    "both files were asked for what the float file answers, under the same {masks} random masks of coarse cells, half "
    "of them hidden by the picture's mean colour (RISE); heat is the mean score where a place was shown, less that "
    "where it was hidden; Spearman's correlation over all pixels, its mean with a 95 % interval by the bootstrap over "
    "pictures"
)
_NOISE = "power of a layer's error over that of its float numbers, less the same of the worst of its inputs"


def how_measured(report: Report) -> tuple[tuple[str, str], ...]:
    """Return what was measured, and how; only what this report has."""
    return tuple(_measured(report))


def _measured(report: Report) -> Iterator[tuple[str, str]]:
    yield "Samples", _samples(report.samples)
    for i, line in enumerate(report.preprocess):
        name = f"Input {i + 1}" if len(report.preprocess) > 1 else "Preprocessing"
        yield name, f"{line}; the same code on the device"
    yield "Answers", "each file was loaded and run by the runtime's own backend, as on a device, one sample at a time"
    for name, how in _HOW.items():
        if any(getattr(row, _FIELDS[name]) is not None for row in report.rows):
            yield name, how
    metric = next((row.score.metric for row in report.rows if row.score), None)
    if metric:
        yield "Metric", _METRIC.format(metric=metric)
    runs = max((row.latency.runs for row in report.rows if row.latency), default=0)
    if runs:
        yield "Latency", _LATENCY.format(runs=runs, machine=report.machine)
    if report.macs is not None:
        yield "Operations", "multiply-accumulates of one run, counted from the operators of the float32 TFLite file"
    if report.layers is not None and report.layers.layers:
        yield "Layers", _LAYERS.format(samples=report.layers.samples)
        yield "Noise added", _NOISE
    if report.attention is not None and report.attention.pictures:
        yield "Where they look", _ATTENTION.format(masks=report.attention.masks)


def _samples(counts: SampleCounts) -> str:
    labels = "with" if counts.labelled else "without"
    used = f"{counts.calibration:,} calibrated, {counts.judged:,} judged; none did both"
    return f"{counts.total:,} from {counts.origin}, {labels} labels: {used}"
