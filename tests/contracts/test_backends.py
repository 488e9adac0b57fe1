"""What every row of BACKENDS must do. A new row is tested the day it is added."""

import numpy as np
import pytest

from lepton_edge_runtime.backends import BACKENDS, open_backend
from lepton_edge_runtime.bundle import GOLDEN, Bundle
from lepton_edge_runtime.choice import engine_version
from lepton_edge_runtime.errors import BackendError, MissingExtraError
from lepton_edge_runtime.golden import decode_golden


@pytest.fixture(params=list(BACKENDS))
def name(request):
    return request.param


@pytest.fixture
def opened(name, bundle):
    backend = open_backend(name, Bundle(bundle).member(BACKENDS[name].member))
    yield backend
    backend.close()


@pytest.fixture
def golden(bundle):
    one = Bundle(bundle)
    return decode_golden(one.member(GOLDEN), one.card)


def answer(backend, tensor):
    backend.input_view(0)[...] = tensor
    return backend.run()


def test_it_says_what_it_takes_and_gives(opened, bundle):
    card = Bundle(bundle).card
    assert [(s.name, s.dtype, s.shape) for s in opened.inputs] == [("picture", "uint8", (1, 24, 24, 3))]
    assert [(s.name, s.dtype, s.shape) for s in opened.outputs] == [("classes", "uint8", (1, 4))]
    assert card.inputs[0].tensor.shape == opened.inputs[0].shape


def test_it_answers_the_golden_samples(opened, golden):
    for tensor, expected in zip(golden.inputs[0], golden.outputs[0], strict=True):
        (got,) = answer(opened, tensor)
        assert np.abs(got.astype(int) - expected.astype(int)).max() <= 4
        assert got.argmax() == expected.argmax()


def test_its_answers_are_the_callers(opened, golden):
    (first,) = answer(opened, golden.inputs[0][0])
    kept = first.copy()
    for tensor in golden.inputs[0]:
        answer(opened, tensor)
    np.testing.assert_array_equal(first, kept)
    first[...] = 0  # and may be written to


def test_the_input_keeps_what_was_written(opened, golden):
    opened.input_view(0)[...] = golden.inputs[0][0]
    (first,) = opened.run()
    (second,) = opened.run()
    np.testing.assert_array_equal(first, second)


def test_a_run_that_the_engine_refuses_is_an_error_of_ours(name, bundle):
    opened = open_backend(name, Bundle(bundle).member(BACKENDS[name].member))
    if name == "tflite":
        kept = opened.input_view(0)  # its memory cannot be run on while someone holds it
    else:
        opened._feed["picture"] = kept = np.zeros((1, 2, 3), np.uint8)
    with pytest.raises(BackendError, match="cannot run this model"):
        opened.run()
    del kept


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 4096, b"\x08\x08\x12\x02"])
def test_it_refuses_what_is_no_model(name, content):
    with pytest.raises(BackendError, match="cannot run this model"):
        open_backend(name, content)


def test_more_threads_give_the_same_answer(name, bundle, golden):
    one = open_backend(name, Bundle(bundle).member(BACKENDS[name].member), threads=1)
    two = open_backend(name, Bundle(bundle).member(BACKENDS[name].member), threads=2)
    for tensor in golden.inputs[0]:
        np.testing.assert_array_equal(answer(one, tensor)[0], answer(two, tensor)[0])


def test_it_names_its_engine(name):
    distribution, version = engine_version(name).split()
    assert distribution == BACKENDS[name].distribution
    assert version[0].isdigit()


def test_without_its_package_the_extra_is_named(name, monkeypatch):
    monkeypatch.setattr("lepton_edge_runtime.backends.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=rf"lepton-edge\[{BACKENDS[name].extra}\]"):
        open_backend(name, b"")


def test_no_such_backend_is_named_with_the_nearest():
    with pytest.raises(BackendError, match=r"no backend 'onx'; there are: tflite, onnx \(did you mean 'onnx'\?\)"):
        open_backend("onx", b"")


def test_no_threads_is_a_callers_mistake(name):
    with pytest.raises(ValueError, match="threads is 1 or more, not 0"):
        open_backend(name, b"", threads=0)
