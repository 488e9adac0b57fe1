"""Nets trained on real pictures, broken in ways that only 8 bits notice, and mended; three seeds, 2,100 judged."""

import fashion
import pytest

import lepton_edge as le
from lepton_edge_converters.errors import GateRefusedError
from lepton_edge_converters.worker import Worker

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

HOLDOUT, SAMPLES = 0.7, 3000


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["imbalanced", "long_tail"])
def test_channels_far_apart_are_mended_within_a_point(kind, seed, real_data, tmp_path):
    model, out = tmp_path / "model.keras", tmp_path / "out.lepton"
    with Worker() as worker:
        worker.call("fashion:save", kind, seed, real_data / "fashion_mnist", model)
    pictures, classes = fashion.read(real_data / "fashion_mnist", "t10k")
    data = pictures[:SAMPLES], classes[:SAMPLES]
    with pytest.raises(GateRefusedError) as refused:
        le.convert(model, out, data=data, holdout=HOLDOUT)
    # Plain int8 is at chance, or near it.
    assert refused.value.report.row("TFLite int8").accuracy.value < 0.3
    report = le.convert(model, out, data=data, holdout=HOLDOUT, repair=True, max_drop=1.0)
    assert report.rungs[-1].name == "equalization and bias correction"
    assert report.samples.judged == 2100
    for title in ("TFLite int8", "ONNX int8"):
        assert report.row(title).drop.points <= 1.0
        assert report.row(title).agreement.value >= 0.98
    (operators,) = [gate for gate in report.gates if gate.name == "TFLite int8 operators"]
    assert operators.detail.endswith("all in integers")
