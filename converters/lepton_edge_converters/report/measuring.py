"""How each number of a report was measured, in words."""

from collections.abc import Iterator

from lepton_edge_converters.report import Report


def how_measured(report: Report) -> tuple[tuple[str, str], ...]:
    """Return what was measured, and how; only what this report has."""
    return tuple(_measured(report))


def _measured(report: Report) -> Iterator[tuple[str, str]]:
    samples = report.samples
    yield (
        "Samples",
        f"{samples.total:,} from {samples.origin}, {'with' if samples.labelled else 'without'} labels: "
        f"{samples.calibration:,} calibrated, {samples.judged:,} judged. No sample did both.",
    )
    for i, line in enumerate(report.preprocess):
        yield (
            f"Input {i + 1}" if len(report.preprocess) > 1 else "Preprocessing",
            f"{line}; the same code on the device",
        )
    yield (
        "Answers",
        "each file was loaded and run by the runtime's own backend, as a device runs it, one sample at a time",
    )
    if any(row.accuracy for row in report.rows):
        yield "Accuracy", "share of the judged samples answered right; 95 % interval after Wilson"
    if any(row.drop for row in report.rows):
        yield (
            "Accuracy lost",
            "difference to the original on the same samples; 95 % interval for matched pairs after Agresti and Min",
        )
    if any(row.agreement for row in report.rows):
        yield "Agreement", "share of the judged samples for which the file decides the class that the original decides"
    yield "Cosine", "between the outputs of file and original, averaged over the samples; of the worst output"
    yield "SQNR", "power of the original's outputs over that of their difference from the file's; of the worst output"
    yield from _timed(report)
    if report.macs is not None:
        yield "Multiply-accumulates", "counted from the operators of the float32 TFLite file, one run"
    if report.layers is not None and report.layers.layers:
        yield from _layers(report.layers.samples)


def _timed(report: Report) -> Iterator[tuple[str, str]]:
    runs = max((row.latency.runs for row in report.rows if row.latency), default=0)
    if runs:
        yield (
            "Latency",
            f"{runs:,} calls of each file in turn, so that a busy machine slows all of them alike; one thread, "
            f"the engine alone, on {report.machine}. It says little about another machine: lepton-edge bench",
        )


def _layers(samples: int) -> Iterator[tuple[str, str]]:
    several = f"{samples} of the judged samples" if samples > 1 else "one of the judged samples"
    yield (
        "Layers",
        f"both TFLite files were run on {several} with all tensors kept, by LiteRT's kernels without XNNPACK, which may "
        "round a step otherwise than the device's; tensors were matched by their names",
    )
    yield (
        "Noise added",
        "power of a layer's error over that of its float numbers, less the same of the worst of its inputs",
    )
