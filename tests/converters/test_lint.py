"""Each finding about samples: raised by a bad set, and by no good one."""

from dataclasses import replace

import numpy as np
import pytest
from keras_models import CLASSES, SIZE

from lepton_edge_converters.facts import EndFacts
from lepton_edge_converters.lint import lint
from lepton_edge_converters.samples import store
from lepton_edge_converters.samples.arrays import array_samples
from lepton_edge_converters.samples.lint import CALIBRATING_MIN, JUDGED_MIN
from lepton_edge_runtime.card import OutputCard
from lepton_edge_runtime.preprocess import PRESET_RANGES, Preprocess
from lepton_edge_runtime.tensors import TensorSpec

PICTURE = EndFacts("picture", "float32", (SIZE, SIZE, 3))
NUMBERS = EndFacts("numbers", "float32", (16,))
SCORES = OutputCard(TensorSpec(name="classes", dtype="float32", shape=(1, CLASSES)), "softmax")


def prepared(**options):
    return Preprocess(**{"size": (SIZE, SIZE), "color": "rgb", "range": (0.0, 1.0), **options})


def stored(tmp_path, name, pictures, targets, preprocess, end=PICTURE):
    samples = array_samples([pictures], targets, (end,), (preprocess,), CLASSES, origin="made up")
    return store(samples, np.arange(samples.count), (preprocess,), tmp_path, name)


def patterns(count, seed):
    """Noise of full contrast whose red, and whose blue, is dim or bright: which of four it is, and n pictures."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, CLASSES, count)
    level = 80 + 60 * np.stack([targets % 2, rng.integers(0, 2, count), targets // 2], axis=-1)
    noise = rng.normal(level[:, np.newaxis, np.newaxis], 60, (count, SIZE, SIZE, 3))
    return np.clip(noise, 0, 255).astype(np.uint8), targets


def reader(samples):
    """A classifier in numpy that was made for RGB from 0 to 1: it looks whether red and blue are bright."""
    (real,) = samples.real(0, len(samples))
    bright = real.mean(axis=(1, 2)) > 110 / 255
    return [np.eye(CLASSES, dtype=np.float32)[bright[:, 0] + 2 * bright[:, 2]]]


@pytest.fixture
def codes(tmp_path):
    """Return a function: the codes found in a calibrating and a judging part, each pictures and classes."""

    def found(calibrating, judging, preprocess=None, ask=reader):
        preprocess = preprocess or prepared()
        calibration = stored(tmp_path, "calibration", *calibrating, preprocess) if calibrating else None
        judged = stored(tmp_path, "judged", *judging, preprocess)
        findings = lint(calibration, judged, (preprocess,), ask(judged), SCORES, ask)
        assert {path.name for path in tmp_path.iterdir()} <= {"calibration_0.npy", "judged_0.npy"}
        return [one.code for one in findings]

    return found


GOOD = patterns(100, seed=1), patterns(60, seed=2)


def changed(part, change):
    pictures, targets = part
    return change(pictures), targets


def mostly(pictures, replacement, share=0.2):
    """The pictures with a share of them replaced."""
    count = int(share * len(pictures))
    rng = np.random.default_rng(5)
    odd = np.clip(replacement + rng.integers(0, 2, (count, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
    return np.concatenate([odd, pictures[count:]])


def duplicated(part):
    return tuple(np.concatenate([array[:3], array[:-3]]) for array in part)


def of_one_class(seed):
    pictures, targets = patterns(300, seed=seed)
    return pictures[targets == 2], targets[targets == 2]


def squeezed(pictures):
    return (pictures // 4 + 100).astype(np.uint8)


def never_bright(pictures):
    return np.minimum(pictures, 250)


def beyond(pictures):
    return (pictures / np.float32(255)) * 1.03


# Few pictures can never show much, so they are good ones.
BAD = {
    "FEW_CALIBRATING": (patterns(CALIBRATING_MIN - 1, seed=1), GOOD[1]),
    "FEW_JUDGED": (GOOD[0], patterns(JUDGED_MIN - 1, seed=2)),
    "ONE_CLASS": (of_one_class(3), GOOD[1]),
    "DUPLICATES": (duplicated(GOOD[0]), GOOD[1]),
    "SHARED_SAMPLES": (GOOD[0], tuple(np.concatenate([a[:5], b]) for a, b in zip(*GOOD, strict=True))),
    "DARK_PICTURES": (changed(GOOD[0], lambda pictures: mostly(pictures, 2)), GOOD[1]),
    "FLAT_PICTURES": (changed(GOOD[0], lambda pictures: mostly(pictures, 130)), GOOD[1]),
    "NEVER_EXTREME": tuple(changed(part, never_bright) for part in GOOD),
    "VALUES_NARROW": tuple(changed(part, squeezed) for part in GOOD),
    "VALUES_OUTSIDE": tuple(changed(part, beyond) for part in GOOD),
}


def test_good_samples_have_no_finding(codes):
    assert codes(*GOOD) == []
    assert codes(None, GOOD[1]) == []  # a scheme that needs no calibration


@pytest.mark.parametrize("code", BAD)
def test_a_bad_set_has_its_finding_and_no_other(codes, code):
    squeezed_away = {"VALUES_NARROW"}  # the reader was made for full contrast
    found = codes(*BAD[code])
    assert code in found
    assert set(found) - {"ONE_DECISION", "SCALE"} == {code} if code in squeezed_away else found == [code]


def test_eight_nearly_black_pictures_are_told(codes):
    black = np.random.default_rng(0).integers(0, 6, (8, SIZE, SIZE, 3)).astype(np.uint8), np.arange(8) % CLASSES
    assert {"FEW_CALIBRATING", "DARK_PICTURES"} <= set(codes(black, GOOD[1]))


@pytest.mark.parametrize("part", [0, 1])
def test_the_same_of_both_parts(codes, part):
    parts = [*GOOD]
    parts[part] = of_one_class(3)
    assert "ONE_CLASS" in codes(*parts)
    parts = [*GOOD]
    parts[part] = duplicated(GOOD[part])
    assert "DUPLICATES" in codes(*parts)


def test_a_black_picture_now_and_then_is_none(codes):
    assert codes(changed(GOOD[0], lambda pictures: mostly(pictures, 2, share=0.05)), GOOD[1]) == []


def test_numbers_that_are_no_pictures_are_looked_at_for_number_and_duplicates_only(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(60, 16)).astype(np.float32) * 1000
    part = stored(tmp_path, "judged", numbers, None, None, NUMBERS)
    assert lint(None, part, (None,), [numbers], None, reader) == ()
    part = stored(tmp_path, "judged", np.concatenate([numbers, numbers[:1]]), None, None, NUMBERS)
    assert [one.code for one in lint(None, part, (None,), [numbers], None, reader)] == ["DUPLICATES"]


def test_colours_in_the_wrong_order_are_suspected(codes):
    blue_first = tuple(changed(part, lambda pictures: pictures[..., ::-1].copy()) for part in GOOD)
    assert codes(*blue_first) == ["CHANNEL_ORDER"]
    # Numbers that are ready for the model are looked at too.
    ready = tuple(changed(part, lambda pictures: pictures / np.float32(255)) for part in blue_first)
    assert codes(*ready) == ["CHANNEL_ORDER"]


@pytest.mark.parametrize("name", [name for name in PRESET_RANGES if name != "0..1"])
def test_a_wrong_scale_is_suspected(codes, name):
    assert "SCALE" in codes(*GOOD, prepared(**PRESET_RANGES[name]))


def test_what_is_suspected_is_said_with_its_numbers_and_the_remedy(tmp_path):
    preprocess = prepared(**PRESET_RANGES["0..255"])
    judged = stored(tmp_path, "judged", *GOOD[1], preprocess)
    (finding,) = [
        one for one in lint(None, judged, (preprocess,), reader(judged), SCORES, reader) if one.code == "SCALE"
    ]
    assert "is right on 100.0% of 60 judging samples with the range 0..1, and on " in finding.text
    assert finding.text.endswith("try --range 0..1")


def test_nothing_is_suspected_where_nothing_could_be_better(codes):
    asked = []

    def counted(samples):
        asked.append(len(samples))
        return reader(samples)

    assert codes(*GOOD, ask=counted) == []
    assert asked == [60]  # the judging samples as they are, and no other way


def test_nothing_is_suspected_of_noise(codes):
    """Labels that have nothing to do with the pictures: no preparation is clearly better, however many are tried."""
    for seed in range(10):
        pictures, _ = patterns(200, seed=50 + seed)
        labels = np.random.default_rng(seed).integers(0, CLASSES, 200)
        assert codes(GOOD[0], (pictures, labels)) == []


def test_a_model_that_decides_one_class_for_all_is_told(codes):
    def stubborn(samples):
        return [np.tile(np.float32([0.1, 0.7, 0.1, 0.1]), (len(samples), 1))]

    assert codes(*GOOD, ask=stubborn) == ["ONE_DECISION"]


def test_which_of_several_inputs_is_odd_is_said(tmp_path):
    ends, preprocess = (PICTURE, EndFacts("other", "float32", (SIZE, SIZE, 3))), (prepared(), prepared())
    black = np.random.default_rng(0).integers(0, 6, (60, SIZE, SIZE, 3)).astype(np.uint8)
    samples = array_samples([GOOD[1][0], black], None, ends, preprocess, None, origin="made up")
    judged = store(samples, np.arange(60), preprocess, tmp_path, "judged")
    findings = lint(None, judged, preprocess, [np.zeros((60, 3))], None, reader)
    assert [one.code for one in findings] == ["DARK_PICTURES", "VALUES_NARROW"]
    assert all(one.text.startswith("input 2: ") for one in findings)


def test_labels_that_are_no_classes_are_not_called_one_class(tmp_path):
    parts = [
        stored(tmp_path, name, GOOD[i][0], np.zeros(len(GOOD[i][0]), int), prepared()) for i, name in enumerate("cj")
    ]
    judged = replace(parts[1], targets=None)  # as for a model that is no classifier
    assert lint(parts[0], judged, (prepared(),), [np.zeros((60, 3))], None, reader) == ()
