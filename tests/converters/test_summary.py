"""What the report says of files that are not what one expects of them."""

import pytest

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.report import Row
from lepton_edge_converters.report.numbers import Ratio
from lepton_edge_converters.speed import Timings
from lepton_edge_converters.summary import describe, surprises
from lepton_edge_runtime.timing import Latency


@pytest.fixture
def float_file(tmp_path):
    path = tmp_path / "float32.tflite"
    path.write_bytes(bytes(100))
    return Artefact("TFLite float32", "tflite", path, None, "made")


def row(times, *, size_bytes=30, median_ms=2.0):
    ratio = Ratio(times, 0.98 * times, 1.02 * times, times, 100)
    return Row("TFLite int8", True, size_bytes, latency=Latency(median_ms, median_ms, 3, 3, 100), times_float=ratio)


def test_a_file_that_is_slower_than_float_is_said_in_a_line(float_file):
    found = list(surprises(row(1.4), float_file, meant_to_be_fast=True))
    assert found == ["TFLite int8 is slower than TFLite float32 here: 1.4 times its time"]


def test_one_that_is_meant_to_be_fast_and_is_not_is_said_too(float_file):
    found = list(surprises(row(1.0), float_file, meant_to_be_fast=True))
    assert found == ["TFLite int8 is no faster than TFLite float32 here: 1.00 [0.98, 1.02] times its time"]
    assert list(surprises(row(1.0), float_file, meant_to_be_fast=False)) == []


def test_a_faster_and_smaller_file_is_no_surprise(float_file):
    assert list(surprises(row(0.5), float_file, meant_to_be_fast=True)) == []


def test_microseconds_that_a_call_hides_are_not_called_slower(float_file):
    found = list(surprises(row(1.4, median_ms=0.01), float_file, meant_to_be_fast=False))
    assert found == []


def test_a_larger_file_is_said(float_file):
    found = list(surprises(row(0.5, size_bytes=120), float_file, meant_to_be_fast=True))
    assert found == ["TFLite int8 is larger than TFLite float32: 1.2 times its size"]


def test_one_that_is_hardly_larger_is_not_called_one_time_its_size(float_file):
    found = list(surprises(row(0.5, size_bytes=104), float_file, meant_to_be_fast=True))
    assert found == ["TFLite int8 is larger than TFLite float32: by 4 bytes"]


def test_a_file_is_set_beside_the_float_one_of_its_own_engine(float_file, tmp_path):
    path = tmp_path / "int8.onnx"
    path.write_bytes(bytes(30))
    ours = Artefact("ONNX int8", "onnx", path, None, "derived")
    plain = Artefact("ONNX float32", "onnx", path, None, "derived", shipped=False)
    timings = Timings(tuple({"ONNX int8": 50, "ONNX float32": 100, "TFLite float32": 10} for _ in range(10)))
    assert describe(ours, timings, beside=[float_file, plain]).times_float.value == 0.5
    assert describe(ours, timings, beside=[float_file]).times_float is None
