from importlib.resources import files

import emulated
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lepton_edge_runtime.backends import onnx as backend
from lepton_edge_runtime.backends import open_backend
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import BackendError
from lepton_edge_runtime.verification import answer_golden


def test_the_probe_is_what_it_says():
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "saturation_probe",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [4, 64])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [4, 16])],
        [numpy_helper.from_array(np.full((64, 16), 127, np.int8), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    shipped = files("lepton_edge_runtime.backends").joinpath("saturation_probe.onnx").read_bytes()
    assert onnx.load_from_string(shipped) == model


def test_exact_kernels_are_asked_for_only_where_the_processor_overflows(bundle, monkeypatch):
    content = Bundle(bundle).member("model.onnx")
    asked = []
    options = backend._options
    monkeypatch.setattr(
        backend, "_options", lambda threads, *, exact: asked.append(exact) or options(threads, exact=exact)
    )
    for overflows in (False, True):
        monkeypatch.setattr(backend, "saturating_processor", lambda overflows=overflows: overflows)
        opened = open_backend("onnx", content)
        assert asked.pop() is overflows
        assert bool(opened.notes) is overflows
    assert "x64quantprecision=1" in opened.notes[0]


def test_exact_kernels_answer_as_the_golden_samples_say(bundle, monkeypatch):
    monkeypatch.setattr(backend, "saturating_processor", lambda: True)
    check = answer_golden("onnx", bundle, 1, Description())
    assert check.outcome == "passed"
    assert "x64quantprecision=1" in check.detail


def test_a_shape_that_is_not_fixed_is_refused():
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
    )
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    with pytest.raises(BackendError, match=r"'x' has a shape that is not fixed: \['batch', 4\]"):
        open_backend("onnx", content)


def test_a_broken_file_is_refused_in_one_sentence_and_nothing_is_printed(bundle, capfd):
    whole = Bundle(bundle).member("model.onnx")
    rng = np.random.default_rng(0)
    refused = []
    for _ in range(250):
        broken = bytearray(whole)
        for _ in range(int(rng.integers(1, 20))):
            broken[int(rng.integers(len(broken)))] = int(rng.integers(256))
        try:
            open_backend("onnx", bytes(broken)).close()
        except BackendError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all(len(sentence.splitlines()) == 1 for sentence in refused)
    assert capfd.readouterr().out == ""


def test_a_name_that_is_no_text_is_refused(bundle):
    content = Bundle(bundle).member("model.onnx").replace(b"picture", b"\xff\xfecture")
    with pytest.raises(BackendError, match="ONNX Runtime cannot run this model"):
        open_backend("onnx", content)


def test_spinning_is_off_when_there_are_several_threads():
    assert backend._options(2, exact=False).get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert backend._options(1, exact=True).get_session_config_entry("session.x64quantprecision") == "1"


@pytest.mark.slow
def test_a_processor_without_vnni_decides_alike(bundle, pictures, tmp_path):
    if emulated.emulator() is None:
        pytest.skip(emulated.MISSING)
    there, printed = emulated.haswell_answers(bundle, pictures[0], tmp_path)
    assert printed == ["True", "1"]
    opened = open_backend("onnx", Bundle(bundle).member("model.onnx"))
    here = []
    for picture in pictures[0]:
        opened.input_view(0)[...] = picture
        here.append(opened.run()[0])
    np.testing.assert_array_equal(there.argmax(1), np.concatenate(here).argmax(1))
