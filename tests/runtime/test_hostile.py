"""Files made to harm: a clear refusal, and nothing else happens."""

import io
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import msgspec
import numpy as np
import pytest
import small_models
from small_bundle import CARD, GOLDEN, MANIFEST, MEMBERS, rewritten, with_manifest

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_runtime.bundle import Bundle, write_bundle
from lepton_edge_runtime.card import InputCard, OutputCard, decode_card, encode_card
from lepton_edge_runtime.errors import BackendError, BundleError, LeptonError, ModelFileError
from lepton_edge_runtime.formats.budget import Budget
from lepton_edge_runtime.formats.flatbuffer import Table
from lepton_edge_runtime.formats.metadata import read_metadata
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.golden import decode_golden, encode_golden
from lepton_edge_runtime.tensors import TensorSpec
from lepton_edge_runtime.text import is_plain, printable


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "door.lepton"
    write_bundle(path, MANIFEST, MEMBERS)
    return path


class TestArchive:
    def test_a_link_is_refused(self, path):
        with zipfile.ZipFile(path, "a") as archive:
            entry = zipfile.ZipInfo("extra")
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, "/etc/passwd")
        with pytest.raises(BundleError, match="extra is a link or a device; members are plain files"):
            Bundle(path)

    def test_a_comment_is_refused(self, path):
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = b"hello"
        with pytest.raises(BundleError, match="does not end as a zip archive without comment does"):
            Bundle(path)

    def test_a_name_that_is_cut_at_a_zero_byte_is_refused(self, path):
        content = path.read_bytes().replace(b"golden.npz", b"golden\0npz")
        path.write_bytes(content)
        with pytest.raises(BundleError, match=r"a member named 'golden\\x00npz'; names are plain"):
            Bundle(path)

    def test_many_members_are_refused_before_they_fill_the_memory(self, path):
        rewritten(path, lambda members: [*members, *((f"m{i}", b"") for i in range(3000))])
        with pytest.raises(BundleError, match="has 3002 members; a bundle has at most 64|has 3003 members"):
            Bundle(path)

    def test_a_directory_larger_than_its_count_says_is_refused(self, path):
        rewritten(path, lambda members: [*members, *((f"m{i}", b"") for i in range(3000))])
        content = bytearray(path.read_bytes())
        content[-14:-10] = struct.pack("<2H", 3, 3)
        path.write_bytes(content)
        with pytest.raises(BundleError, match="a bundle has at most 64"):
            Bundle(path)

    def test_the_large_kind_of_archive_is_refused(self, path):
        content = path.read_bytes()
        path.write_bytes(content[:-22] + b"PK\x06\x07" + bytes(16) + content[-22:])
        with pytest.raises(BundleError, match="zip64"):
            Bundle(path)

    def test_two_names_for_one_place_are_refused(self, path):
        content = path.read_bytes()
        # The second entry of the directory is led to the first one's content.
        second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
        path.write_bytes(content[: second + 42] + bytes(4) + content[second + 46 :])
        with pytest.raises(BundleError, match="overlap, or are cut off"):
            Bundle(path)

    @pytest.mark.parametrize("name", ["pipe.lepton", "pipe.tflite", "pipe.onnx"])
    def test_a_pipe_is_not_waited_for(self, tmp_path, name):
        os.mkfifo(tmp_path / name)
        with pytest.raises(LeptonError, match="no regular file"):
            le.open_model(tmp_path / name)

    @pytest.mark.parametrize("name", ["a\0.lepton", "a\0.tflite", "a\0.onnx"])
    def test_a_path_with_a_zero_byte_is_an_error_of_ours(self, name):
        for attempt in (le.open_model, le.inspect, le.verify):
            with pytest.raises(LeptonError, match=r"cannot read 'a\\x00\..*null"):
                attempt(name)

    @pytest.mark.parametrize("name", ["m.tflite", "m.onnx"])
    def test_a_file_larger_than_any_model_is_not_read(self, tmp_path, name):
        with (tmp_path / name).open("wb") as file:
            file.truncate(30 << 30)  # sparse: it takes no room
        with pytest.raises(ModelFileError, match="a model file has at most 2047 MB, and it has 30720 MB"):
            le.inspect(tmp_path / name)

    def test_no_more_room_is_made_than_a_file_has(self, tmp_path):
        (tmp_path / "m.onnx").write_bytes(small_models.onnx_model().SerializeToString())
        le.inspect(tmp_path / "m.onnx")
        tracemalloc.start()
        try:
            le.inspect(tmp_path / "m.onnx")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 1_000_000

    @pytest.mark.parametrize("name", ["pipe.lepton", "pipe.tflite"])
    def test_tune_does_not_wait_for_a_pipe(self, tmp_path, name):
        os.mkfifo(tmp_path / name)
        with pytest.raises(LeptonError, match="no regular file"):
            le.tune(tmp_path / name, cache=tmp_path)

    def test_a_folder_is_no_bundle(self, tmp_path):
        (tmp_path / "folder.lepton").mkdir()
        with pytest.raises(BundleError, match="no regular file"):
            Bundle(tmp_path / "folder.lepton")


def changed_card(**changes):
    return json.dumps({**json.loads(encode_card(CARD)), **changes}).encode()


def changed_input(**changes):
    end = json.loads(encode_card(CARD))["inputs"][0]
    return changed_card(inputs=[{**end, "tensor": {**end["tensor"], **changes}}])


def changed_preprocess(**changes):
    end = json.loads(encode_card(CARD))["inputs"][0]
    return changed_card(inputs=[{**end, "preprocess": {**end["preprocess"], **changes}}])


class TestCard:
    @pytest.mark.parametrize(
        ("card", "message"),
        [
            (changed_card(inputs=[]), "the card has 0 inputs"),
            (changed_card(outputs=json.loads(encode_card(CARD))["outputs"] * 2), "two outputs of one name"),
            (changed_card(labels=["a", "\x1b[2J"]), r"characters that cannot be shown: '\\x1b\[2J'"),
            (changed_card(labels=["a", "\u202etxt.exe"]), "characters that cannot be shown"),
            (changed_card(name="two\nlines"), "characters that cannot be shown"),
            (changed_card(format=0), "the card is of format 0"),
            (changed_card(labels="ab"), "Expected `array`"),
            (changed_card(task=7), "Expected `str`"),
            (changed_input(name="\x07"), "has characters in its name"),
            (changed_input(shape=[1, 4, 4, 3] * 9), "at most 16 axes"),
            (changed_input(shape=[1, 60000, 60000, 3]), "1024 MB"),
            (changed_input(shape=[1, -4, 4, 3]), "1 or more"),
            (changed_input(shape=[1, 0, 4, 3]), "1 or more"),
            (changed_input(quant={"scale": 0, "zero_point": 0}), "a scale is a positive float32 number, not 0"),
            (changed_input(quant={"scale": 1e300, "zero_point": 0}), "a scale is a positive float32 number, not 1e"),
            (changed_input(quant={"scale": 1e20, "zero_point": 0}), "cannot have the scale 1e"),
            (
                changed_input(quant={"scale": 1.0, "zero_point": 1 << 40}),
                r"zero point of image \(uint8\) lies in 0..255, not 1099511627776",
            ),
            (changed_input(dtype="float32"), "image is float32, and only integers have a scale"),
            (changed_preprocess(range=[0, 1e300]), "numbers that no picture becomes"),
            (changed_preprocess(std=[1e-300] * 3), "numbers that no picture becomes"),
            (changed_preprocess(size=[9, 9]), "size 9×9 was asked for; the model's input 'image' is 4×4"),
            (changed_preprocess(size=[1 << 40, 4]), "size is .* 1 to 65535"),
            (b'{"format": NaN}', "NaN is no number of JSON"),
            (b"[" * 100_000, "not valid JSON"),
            (b'{"format": ' + b"9" * 10_000 + b"}", "not valid JSON"),
            (b" " * (5 << 20), "larger than 4 MB"),
            ("{}".encode("utf-16"), "the card"),
        ],
    )
    def test_a_card_that_cannot_be_true_is_refused_by_what_is_wrong(self, card, message):
        with pytest.raises(LeptonError, match=message):
            decode_card(card)

    @pytest.mark.parametrize("tolerance", [{"model.tflite": []}, {"model.tflite": [1, 2]}])
    def test_a_tolerance_that_fits_no_output_is_refused(self, path, tolerance):
        with_manifest(path, lambda manifest: json.dumps({**manifest, "tolerance": tolerance}))
        with pytest.raises(BundleError, match="tolerance of 'model.tflite' is not one number for each output"):
            Bundle(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"tolerance": {"model.tflite": [-1]}}, "is a distance, 0 or more"),
            ({"measured": {"model.tflite": {"samples": 1, "accuracy": 9e300}}}, "shares of 1 samples are 0 to 1"),
            ({"measured": {"model.tflite": {"samples": 1, "agreement": -0.1}}}, "shares of 1 samples are 0 to 1"),
            ({"measured": {"model.tflite": {"samples": -5}}}, "of 1 sample or more"),
        ],
    )
    def test_numbers_that_nobody_measured_are_refused(self, path, change, message):
        with_manifest(path, lambda manifest: json.dumps({**manifest, **change}))
        with pytest.raises(BundleError, match=message):
            Bundle(path)

    def test_what_is_printed_has_no_control_characters(self):
        assert printable("a\x1b[31m\n\u202e\u200f\u061c\ud800é") == "a\\x1b[31m\\n\\u202e\\u200f\\u061c\\ud800é"
        assert is_plain("Crème brûlée, 日本") and not is_plain("\x7f")  # noqa: PT018 - one fact, both ways

    def test_labels_in_a_file_lose_their_control_characters(self, tmp_path):
        (tmp_path / "m.tflite").write_bytes(small_models.picture_classifier().build())
        (tmp_path / "labels.txt").write_text("\ufeffone\ntw\x1bo\nthree\n", encoding="utf-8")
        with le.open_model(tmp_path / "m.tflite", labels=tmp_path / "labels.txt") as model:
            assert model.labels == ("one", "tw\\x1bo", "three")


EVIL = "\x1b]0;evil\x07\n  passed   everything\u200f"


def evil_onnx():
    from onnx import helper

    return small_models.onnx_model([helper.make_node(f"Relu{EVIL}", ["x"], ["y"])]).SerializeToString()


def evil_end(name):
    tensors = [small_models.Tensor("x", (1, 4)), small_models.Tensor(name, (1, 4))]
    return small_models.TfliteFile(tensors, [("SOFTMAX", ["x"], [name])], outputs=(name,)).build()


EVIL_FILES = {
    "operator.tflite": lambda: small_models.TfliteFile(operators=[(EVIL, ["x"], ["y"])]).build(),
    "operator.onnx": evil_onnx,
    "name.tflite": lambda: evil_end(EVIL),
    f"title{EVIL.replace('/', '')}.tflite": lambda: small_models.picture_classifier().build(),
}


class TestTerminal:
    """Nothing that a file says is printed but as plain text in its own line."""

    @staticmethod
    def lines(capfd, *arguments):
        execute([*map(str, arguments)])
        out, err = capfd.readouterr()
        lines = [*out.split("\n"), *err.split("\n")]
        assert len(lines) > 2
        assert not any(line.startswith("  passed   everything") for line in lines)
        assert all(is_plain(line) for line in lines)
        return lines

    @pytest.mark.parametrize("name", EVIL_FILES, ids=["operator", "ONNX operator", "tensor", "file name"])
    def test_a_model_file_cannot_write_on_it(self, tmp_path, capfd, name):
        path = tmp_path / name
        path.write_bytes(EVIL_FILES[name]())
        for command in (["inspect"], ["verify"], ["adopt", "-o", tmp_path / "m.lepton"]):
            self.lines(capfd, *command, path)

    @pytest.mark.parametrize(
        "change",
        [
            {"provenance": {"source": EVIL, "source_sha256": "0"}},
            {"provenance": {"source": "x", "source_sha256": EVIL}},
            {"provenance": {"source": "x", "source_sha256": "0", "versions": {EVIL: "1"}}},
            {"provenance": {"source": "x", "source_sha256": "0", "versions": {"a": EVIL}}},
            {"provenance": {"source": "x", "source_sha256": "0", "route": {"model.tflite": EVIL}}},
            {"measured": {EVIL: {"samples": 1}}},
            {"tolerance": {EVIL: [0.0]}},
            {"members": {EVIL: "0"}},
            {"card": {**json.loads(encode_card(CARD)), "task": EVIL}},
            {"card": {**json.loads(encode_card(CARD)), "points": [EVIL]}},
            {"card": {**json.loads(encode_card(CARD)), "head": {"kind": EVIL}}},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_a_bundle_cannot_write_on_it(self, path, capfd, change):
        with_manifest(path, lambda manifest: json.dumps({**manifest, **change}))
        with pytest.raises(BundleError, match="characters that cannot be shown|name different members|Invalid value"):
            Bundle(path)
        for command in ("inspect", "verify"):
            self.lines(capfd, command, path)

    def test_the_engines_words_in_the_log_are_plain(self, tmp_path):
        (tmp_path / "m.onnx").write_bytes(evil_onnx())
        command = [sys.executable, "-m", "lepton_edge", "run", str(tmp_path / "m.onnx"), "--camera", "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Relu" in done.stderr
        assert all(is_plain(line) for line in done.stderr.split("\n"))


def npz(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def npy(header, values=b"", version=b"\x01\x00"):
    text = header.encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + values


class TestGolden:
    @pytest.mark.parametrize(
        ("header", "values", "message"),
        [
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (9, 1, 4, 4, 3), }\n", b"x" * 48, "48 bytes where"),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (999999999, 1, 4, 4, 3), }\n", b"", "not fit the card"),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 1, 4, 4, 3), }\n", b"", "not fit the card"),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 9, 4, 4, 3), }\n", b"", "not fit the card"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 4, 4, 3), }\n", b"", "not fit the card"),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1, 1, 4, 4, 3), }\n", b"", "no plain array"),
            ("{'descr': '|u1', 'fortran_order': True, 'shape': (1, 1, 4, 4, 3), }\n", b"", "no plain array"),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (" + "1" * 2000 + "!), }\n", b"", "no plain array"),
            ("(" * 5000, b"", "no plain array"),
            ("", b"", "no plain array"),
        ],
    )
    def test_a_header_that_lies_is_not_believed(self, header, values, message):
        with pytest.raises(BundleError, match=message):
            decode_golden(npz(input_0=npy(header, values)), CARD)

    def test_unlike_numbers_of_samples_are_refused(self):
        with zipfile.ZipFile(io.BytesIO(encode_golden(GOLDEN))) as archive:
            inputs = archive.read("input_0.npy")
        one = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2), }\n", bytes(8))
        with pytest.raises(BundleError, match="more of one tensor than of another"):
            decode_golden(npz(input_0=inputs, output_0=one), CARD)
        with pytest.raises(BundleError, match="has no output_0.npy"):
            decode_golden(npz(input_0=inputs), CARD)


def external(where):
    from onnx import TensorProto

    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=where)
    return tensor


class TestOnnx:
    @pytest.mark.parametrize("high", [0, 1, 1 << 20], ids=["plain tags", "tags of five bytes", "tags of nine bytes"])
    @pytest.mark.parametrize("where", ["secret", "HERE/secret"])
    def test_bytes_of_other_files_are_out_of_reach(self, tmp_path, monkeypatch, where, high):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "secret").write_bytes(b"password" * 8)
        content = small_models.peeping_model(where.replace("HERE", str(tmp_path)), high=high)
        (tmp_path / "m.onnx").write_bytes(content)
        card = {
            "inputs": (InputCard(TensorSpec("x", "int64", (1, 4))),),
            "outputs": (OutputCard(TensorSpec("y", "uint8", (1, 4))),),
        }
        card = msgspec.structs.replace(CARD, task="raw", labels=(), **card)
        manifest = msgspec.structs.replace(MANIFEST, card=card, tolerance={}, measured={})
        write_bundle(tmp_path / "m.lepton", manifest, {"model.onnx": content})
        for attempt in (
            lambda: le.open_model(tmp_path / "m.onnx"),
            lambda: le.open_model(tmp_path / "m.lepton", backend="onnx"),
            lambda: le.adopt(tmp_path / "m.onnx", tmp_path / "adopted.lepton"),
        ):
            with pytest.raises(LeptonError, match="keeps the weights 'weights' outside itself|a field of the number"):
                attempt()

    @pytest.mark.parametrize("where", ["secret", "HERE/secret", "../PARENT/secret"])
    def test_the_engine_itself_is_told_to_open_no_other_file(self, tmp_path, monkeypatch, where):
        from lepton_edge_runtime.backends import onnx, open_backend

        monkeypatch.chdir(tmp_path)
        (tmp_path / "secret").write_bytes(b"password" * 8)
        content = small_models.peeping_model(where.replace("HERE", str(tmp_path)).replace("PARENT", tmp_path.name))
        monkeypatch.setattr(onnx, "read_onnx", lambda content: None)  # as if the reader had overlooked it
        with pytest.raises(BackendError, match="ONNX Runtime cannot run this model: "):
            open_backend("onnx", content)

    def test_the_engines_own_format_is_not_taken_for_onnx(self, tmp_path, monkeypatch):
        import onnxruntime

        from lepton_edge_runtime.backends import onnx, open_backend

        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "m.ort")
        options.add_session_config_entry("session.save_model_format", "ORT")
        onnxruntime.InferenceSession(small_models.onnx_model().SerializeToString(), options)
        with pytest.raises(ModelFileError, match="but one in ONNX Runtime's own format"):
            read_onnx((tmp_path / "m.ort").read_bytes())
        # The same four bytes in a name: the engine would not look at the ONNX model behind it.
        both = small_models.onnx_model()
        both.producer_name = "ORTM"
        content = b"\x08\x08" + both.SerializeToString().removeprefix(b"\x08\x08")
        assert content[:4] == b"\x08\x08\x12\x04"
        with pytest.raises(ModelFileError, match="but one in ONNX Runtime's own format"):
            read_onnx(content)
        monkeypatch.setattr(onnx, "read_onnx", lambda content: None)
        with pytest.raises(BackendError, match="ONNX Runtime cannot run this model: "):
            open_backend("onnx", (tmp_path / "m.ort").read_bytes())

    @pytest.mark.parametrize("content", [b"\x02\x00", b"\x80\x80\x80\x80\x10\x00"], ids=["0", "2 ** 29"])
    def test_fields_of_no_number_are_refused(self, content):
        with pytest.raises(ModelFileError, match="a field of the number"):
            read_onnx(content)

    def test_a_place_of_weights_that_is_cut_to_32_bits_is_seen(self):
        # Engines keep the low half: this says "in another file" to them.
        tensor = small_models.field(8, b"weights") + small_models.varint(14 << 3) + small_models.varint((1 << 32) + 1)
        with pytest.raises(ModelFileError, match="keeps the weights 'weights' outside itself"):
            read_onnx(small_models.field(7, small_models.field(5, tensor)))

    @pytest.mark.parametrize("where", ["../../etc/passwd", "/etc/passwd", "weights.bin"])
    def test_weights_in_other_files_are_refused_wherever_they_are_named(self, tmp_path, where):
        from onnx import helper

        node = helper.make_node("Add", ["x", "weights"], ["y"])
        constant = helper.make_node("Constant", [], ["weights"], value=external(where))
        inner = helper.make_graph([constant], "inner", [], [])
        branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
        function = helper.make_function("mine", "F", [], ["weights"], [constant], [])
        in_function = small_models.onnx_model()
        in_function.functions.append(function)
        for model in (
            small_models.onnx_model([node], initializers=[external(where)]),
            small_models.onnx_model([constant, node]),
            small_models.onnx_model([branch]),
            in_function,
        ):
            path = tmp_path / "m.onnx"
            path.write_bytes(model.SerializeToString())
            for attempt in (le.open_model, le.inspect):
                with pytest.raises(ModelFileError, match=f"keeps the weights 'weights' outside itself, in '{where}'"):
                    attempt(path)

    def test_a_bundle_cannot_bring_them_past_the_reader(self, monkeypatch):
        from lepton_edge_runtime.backends import onnx, open_backend

        monkeypatch.setattr(onnx.ort, "InferenceSession", lambda *_, **__: pytest.fail("the engine saw it"))
        content = small_models.onnx_model(initializers=[external("../secret")]).SerializeToString()
        monkeypatch.setattr(onnx, "saturating_processor", lambda: False)
        with pytest.raises(BackendError, match=r"keeps the weights 'weights' outside itself, in '\.\./secret'"):
            open_backend("onnx", content)

    def test_graphs_in_graphs_in_graphs_end_somewhere(self):
        graph = b""
        for _ in range(2000):
            graph = small_models.field(1, small_models.field(5, small_models.field(6, graph)))
        with pytest.raises(ModelFileError, match="nests graphs more than 16 deep"):
            read_onnx(small_models.field(7, graph))

    @pytest.mark.parametrize(
        "content",
        [b"\x3a\xff\xff\xff\xff\x0f", b"\x3a\x05\x0a", b"\xff" * 40, b"\x3b", b"\x3a\x02\x0a\x7f", b"ORTM" * 10],
        ids=["length", "cut", "varint", "group", "inner length", "other format"],
    )
    def test_lengths_that_lead_outside_are_refused(self, content):
        with pytest.raises(ModelFileError, match="no ONNX file"):
            read_onnx(content)

    def test_millions_of_empty_operators_are_refused(self):
        nodes = b"\x0a\x00" * 100_001
        length = bytes([len(nodes) & 127 | 128, len(nodes) >> 7 & 127 | 128, len(nodes) >> 14])
        with pytest.raises(ModelFileError, match="more than 100000 operators"):
            read_onnx(b"\x3a" + length + nodes)


def repacked(change):
    """A small TFLite file with its model object changed before it is packed."""
    from lepton_edge_converters.exporters.flatbuffer import pack

    model = small_models.picture_classifier().model()
    change(model)
    return pack(model)


def set_buffer(offset, size):
    def change(model):
        model.buffers[1].data, model.buffers[1].offset, model.buffers[1].size = None, offset, size

    return change


class TestTflite:
    @pytest.mark.parametrize(("offset", "size"), [(10**6, 8), (8, 10**12), (1 << 62, 1 << 62), (1 << 63, 8)])
    def test_weights_past_the_end_are_refused(self, offset, size):
        with pytest.raises(ModelFileError, match="its buffer 1 lies past the end"):
            read_tflite(repacked(set_buffer(offset, size)))

    def test_options_past_the_end_are_refused(self):
        def change(model):
            model.subgraphs[0].operators[0].largeCustomOptionsOffset = 1 << 40

        with pytest.raises(ModelFileError, match="the options of its operator 0 lie past the end"):
            read_tflite(repacked(change))

    def test_weights_in_other_files_are_refused(self):
        from ai_edge_litert import schema_py_generated as schema

        def change(model):
            group = schema.ExternalBufferGroupT()
            group.name = b"/etc/passwd"
            model.externalBufferGroups = [group]

        with pytest.raises(ModelFileError, match="keeps weights outside itself"):
            read_tflite(repacked(change))

    def test_a_shape_of_many_axes_is_refused(self):
        def change(model):
            model.subgraphs[0].tensors[0].shape = [1] * 40

        with pytest.raises(ModelFileError, match="40 axes of one tensor"):
            read_tflite(repacked(change))

    def test_a_huge_picture_is_refused_before_memory_is_asked_for(self, tmp_path):
        def change(model):
            model.subgraphs[0].tensors[0].shape = [1, 60000, 60000, 3]

        (tmp_path / "m.tflite").write_bytes(repacked(change))
        with pytest.raises(ModelFileError, match=r"m.tflite: the tensor 'picture' has the shape \(1, 60000"):
            le.open_model(tmp_path / "m.tflite")

    @pytest.mark.parametrize(
        ("much", "message"),
        [
            ({"graphs": 16, "tensors": 10_000}, "the same ones, named over and over"),
            ({"graphs": 16, "operators": 10_000}, "the same ones, named over and over"),
            ({"graphs": 30, "operators": 1_000, "ends": 5}, "the same ones, named over and over"),
            ({"tensors": 2_000, "name": "n" * 9_999}, "its names are longer in all"),
            ({"operators": 2_000, "custom": "n" * 9_999}, "its names are longer in all"),
            ({"operators": 1, "custom": "n" * 99_999}, "99999 bytes in a name"),
        ],
        ids=["tensors", "operators", "ends", "names", "custom names", "a long custom name"],
    )
    def test_one_table_named_over_and_over_is_not_read_over_and_over(self, much, message):
        with pytest.raises(ModelFileError, match=message):
            read_tflite(small_models.repetitive_tflite(**much))

    @pytest.mark.parametrize(
        "much",
        [{"inputs": 200, "units": 100}, {"inputs": 200, "files": 100}],
        ids=["units", "files"],
    )
    def test_metadata_that_name_one_table_over_and_over_are_not_used(self, much):
        hints = read_metadata(small_models.repetitive_metadata(**much), b"")
        assert "its TFLite Metadata are broken and not used: its" in hints.notes[0]

    def test_more_inputs_than_any_model_has_are_refused_before_they_are_described(self, tmp_path):
        from onnx import TensorProto, helper

        ends = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, [1, 8, 8, 3]) for i in range(257)]
        (tmp_path / "m.onnx").write_bytes(small_models.onnx_model(inputs=ends).SerializeToString())
        assert "it has 257 inputs; a model has 1 to 256" in le.inspect(tmp_path / "m.onnx").obstacle

    def test_shapes_of_no_tensor_make_no_number_that_cannot_be_shown(self, tmp_path, capsys):
        def change(model):
            model.subgraphs[0].tensors[4].shape = [(1 << 31) - 1] * 32  # the weights
            model.subgraphs[0].tensors[5].shape = [(1 << 31) - 1] * 32

        (tmp_path / "m.tflite").write_bytes(repacked(change))
        assert execute(["inspect", str(tmp_path / "m.tflite")]) == 0
        assert "3 operators\n" in capsys.readouterr().out

    def test_operators_of_no_graph_and_graphs_of_no_tensor_are_refused(self):
        def change(model):
            model.subgraphs[0].inputs = [99]

        with pytest.raises(ModelFileError, match="the TFLite file is broken"):
            read_tflite(repacked(change))

    def test_a_bomb_behind_the_model_is_not_unpacked(self):
        bomb = small_models.with_files(
            small_models.picture_classifier().build(), {"metadata.json": b"\0" * 50_000_000}, compressed=True
        )
        size = struct.pack("<I", 50_000_000)
        assert bomb.count(size) == 2
        for content, message in (
            (bomb, "metadata.json is compressed and 47 MB large; at most 4 MB are inflated"),
            (bomb.replace(size, struct.pack("<I", 1000)), "metadata.json cannot be read: Bad CRC-32"),
        ):
            tracemalloc.start()
            try:
                notes = read_tflite(content).hints.notes
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert message in notes[0]
            assert peak < 10_000_000

    def test_what_inflates_to_less_than_it_says_is_refused(self):
        whole = small_models.with_files(
            small_models.picture_classifier().build(), {"metadata.json": b"{}" * 500}, compressed=True
        )
        content = whole.replace(struct.pack("<I", 1000), struct.pack("<I", 1001))
        assert "metadata.json has 1000 bytes, and should have 1001" in read_tflite(content).hints.notes[0]

    def test_bytes_that_do_not_inflate_are_no_reason_to_fail(self):
        text = "".join(f"class {i * i % 997} " for i in range(200)).encode()
        plain = small_models.picture_classifier().build()
        whole = small_models.with_files(plain, {"metadata.json": text}, compressed=True)
        said = set()
        for position in range(len(plain) + 43, whole.rindex(b"PK\x01\x02")):  # behind the local header and its name
            broken = whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :]
            said.update(hints.notes if (hints := read_tflite(broken).hints) else ())  # the last bits say nothing
        assert any("metadata.json cannot be read: Error -3 while decompressing data" in note for note in said)

    def test_vectors_and_offsets_of_metadata_stay_inside(self):
        whole = small_models.tflite_metadata()
        for position in range(8, len(whole) - 4):
            broken = whole[:position] + b"\xff\xff\xff\x7f" + whole[position + 4 :]
            read_metadata(broken, b"")  # says so in its notes, and never raises
        with pytest.raises(IndexError, match="its identifier is b'XXXX'"):
            Table.root(whole[:4] + b"XXXX" + whole[8:], b"M001", Budget())


def test_the_bytes_behind_a_golden_sample_are_only_read(path):
    """Samples are views of the file's bytes: a task that wrote into them would change what is proved."""
    golden = decode_golden(encode_golden(GOLDEN), CARD)
    assert not golden.inputs[0].flags.writeable
    np.testing.assert_array_equal(golden.inputs[0], GOLDEN.inputs[0])
