"""What convert says of samples and metrics, and when it exits with 3."""

import keras_models
import numpy as np

GOOD = keras_models.patterns(300, seed=7)


def test_the_command_line_prints_findings_and_exits_with_3_where_strict(command, keras_file, tmp_path):
    np.savez(tmp_path / "few.npz", x=GOOD[0][:30], y=GOOD[1][:30])
    asked = ("convert", keras_file("sequential"), "--data", tmp_path / "few.npz", "-o", tmp_path / "m.lepton")
    status, printed, _ = command(*asked)
    assert status == 0
    assert "  lint  FEW_JUDGED: 9 samples judge" in printed
    status, printed, err = command(*asked, "--force", "--strict", "--max-drop", "1")
    assert status == 3
    assert "REFUSED  samples FEW_JUDGED: 9 samples judge" in printed
    assert "lint  FEW" not in printed  # said once
    assert "too few samples to prove it (strict)" in err


def test_masks_are_judged_where_they_are_asked_for(command, keras_file, tmp_path):
    np.save(tmp_path / "pictures.npy", GOOD[0][:120])
    status, printed, _ = command(
        "convert", keras_file("many_outputs"), "-o", tmp_path / "m.lepton", "--data", tmp_path / "pictures.npy",
        "--metric", "miou", "--min-metric", "0.5", "--max-drop", "0.5",
    )  # fmt: skip
    assert status == 0
    assert "miou" in printed.splitlines()[2]
    assert "pass  TFLite int8 miou: 0." in printed
    assert "pass  ONNX int8 miou drop: +0." in printed
