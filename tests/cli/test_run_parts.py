"""``lepton-edge run`` on what moves, and on regions of the picture."""

import json

import cv2
import numpy as np
import pytest
import small_models
from detectors import onnx_finder

STREET = cv2.resize(
    np.random.default_rng(1).integers(60, 160, (6, 8, 3), dtype=np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC
)


@pytest.fixture
def street(tmp_path):
    """Twelve pictures; in the sixth and the seventh something light is on the left."""
    folder = tmp_path / "street"
    folder.mkdir()
    for i in range(12):
        image = STREET.copy()
        if i in {5, 6}:
            image[100:140, 20 + 40 * (i - 5) : 50 + 40 * (i - 5)] += 60
        cv2.imwrite(str(folder / f"{i:02}.png"), image)
    return folder


@pytest.fixture
def classifier(tmp_path):
    path = tmp_path / "kind.onnx"
    path.write_bytes(small_models.onnx_picture_classifier().SerializeToString())
    return path


@pytest.fixture
def finder(tmp_path):
    (tmp_path / "finder.onnx").write_bytes(onnx_finder([[4, 2, 20, 14, 0.9, 0]]))
    (tmp_path / "finder.toml").write_text(
        'labels = ["ant"]\nhead = { kind = "yolo_end_to_end" }\n[preprocess]\ncolor = "bgr"\nrange = [0, 255]\n'
    )
    return tmp_path / "finder.onnx"


def answers_of(command, *arguments):
    status, out, err = command("run", *arguments, "--json", "--no-cache")
    assert status == 0, err
    *frames, totals = map(json.loads, out.splitlines())
    return frames, totals["totals"]


def test_run_answers_what_moves_and_says_where(command, classifier, street):
    frames, totals = answers_of(command, classifier, "--camera", street, "--motion")
    # Pictures are a second apart, and what has moved is looked at for one more.
    assert [one["frame"] for one in frames] == [0, 1, 5, 6, 7]
    assert totals["dropped"] == {"still": 7}
    assert totals["captured"] == totals["answered"] + 7 == 12
    assert frames[2]["motion"]["area"] == pytest.approx(30 * 40 / (320 * 240), rel=0.3)
    np.testing.assert_allclose(frames[2]["motion"]["boxes"], [[20, 100, 50, 140]], atol=4)
    assert frames[4]["motion"] == {"area": 0.0, "boxes": []}


def test_run_says_how_many_frames_were_still(command, classifier, street):
    status, out, err = command("run", classifier, "--camera", street, "--motion=0.2", "--no-cache")
    # The first two, and one that is due after ten seconds.
    assert (status, len(out.splitlines())) == (0, 3)
    assert "12 frames in = 3 answered + dropped: 9 still; " in err


def test_run_looks_for_motion_in_the_region(command, classifier, street):
    frames, _ = answers_of(command, classifier, "--camera", street, "--motion", "--region", "0.5,0,1,1")
    assert [one["frame"] for one in frames] == [0, 1, 11]


def test_run_asks_about_regions_and_tells_of_the_whole_picture(command, finder, street):
    alone = ("--camera", street / "00.png", "--region", "160,120,224,168")
    (frame,), _ = answers_of(command, finder, *alone)
    assert frame["detections"][0]["box"] == [168, 124, 200, 148]
    both, _ = answers_of(command, finder, *alone, "--region", "0,0,0.1,0.1")
    assert len(both[0]["detections"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--region", "1,2,3"), "'1,2,3' is no region; write LEFT,TOP,RIGHT,BOTTOM in pixels"),
        (("--region", "a,b,c,d"), "'a,b,c,d' is no region"),
        (("--motion", "much"), "'much' is no share of the picture, above 0 to 1; without a share, --motion stands"),
        (("--motion", "1.5"), "'1.5' is no share of the picture"),
        (("--tiles", "2by2"), "'2by2' is no grid"),
        (("--region", "0,0,1,1", "--stride", "2"), "--stride is about clips of whole frames, and no part of one"),
        (("--motion", "--stride", "2"), "--motion leaves frames out, and clips"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(command, classifier, street, arguments, message):
    status, out, err = command("run", classifier, "--camera", street, *arguments)
    assert (status, out) == (2, "")
    assert message in err


def test_parts_are_of_pictures(command, classifier):
    status, _, err = command("run", classifier, "--text", "hello", "--motion")
    assert status == 2
    assert "--tiles, --region and --motion are about pictures, not texts" in err


def test_a_region_outside_the_picture_is_one_line(command, classifier, street):
    status, out, err = command("run", classifier, "--camera", street, "--region", "400,0,500,90", "--no-cache")
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == ("lepton-edge: the area 400,0,500,90 lies outside the picture, which is 320×240")


def test_run_numbers_what_is_found(command, finder, street):
    frames, _ = answers_of(command, finder, "--camera", street, "--track")
    # Seen once it is nothing yet; then it is number 1 throughout.
    assert [[found["track_id"] for found in one["detections"]] for one in frames] == [[], *[[1]] * 11]
    status, out, _ = command("run", finder, "--camera", street, "--track", "--max-frames", "2", "--no-cache")
    assert status == 0
    assert "#1 ant 0.900" in out


def test_what_finds_nothing_has_nothing_to_number(command, classifier, street):
    status, _, err = command("run", classifier, "--camera", street, "--track", "--no-cache")
    assert status == 1
    assert "--track is for detectors, and this model answers Classes" in err
    status, _, err = command("run", classifier, "--camera", street, "--track", "--then", classifier)
    assert status == 2
    assert "--track is for what a detector finds" in err
