"""Files made to harm: a clear refusal, and nothing else happens."""

import io
import json
import os
import struct
import zipfile

import numpy as np
import pytest
import small_models
from small_bundle import CARD, GOLDEN, MANIFEST, MEMBERS, rewritten, with_manifest

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_runtime.bundle import Bundle, write_bundle
from lepton_edge_runtime.card import decode_card, encode_card
from lepton_edge_runtime.errors import BackendError, BundleError, LeptonError, ModelFileError
from lepton_edge_runtime.formats.flatbuffer import Table
from lepton_edge_runtime.formats.metadata import read_metadata
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.golden import decode_golden, encode_golden
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

    def test_what_is_printed_has_no_control_characters(self):
        assert printable("a\x1b[31m\n\u202e\ud800é") == "a\\x1b[31m\\n\\u202e\\ud800é"
        assert is_plain("Crème brûlée, 日本") and not is_plain("\x7f")  # noqa: PT018 - one fact, both ways

    def test_an_error_cannot_write_on_the_terminal(self, tmp_path, capsys):
        content = small_models.TfliteFile(operators=[("\x1b]0;evil\x07", ["x"], ["y"])]).build()
        (tmp_path / "m.tflite").write_bytes(content)
        assert execute(["adopt", str(tmp_path / "m.tflite"), "-o", str(tmp_path / "m.lepton")]) == 1
        assert "\x1b" not in capsys.readouterr().err

    def test_labels_in_a_file_lose_their_control_characters(self, tmp_path):
        (tmp_path / "m.tflite").write_bytes(small_models.picture_classifier().build())
        (tmp_path / "labels.txt").write_text("\ufeffone\ntw\x1bo\nthree\n", encoding="utf-8")
        with le.open_model(tmp_path / "m.tflite", labels=tmp_path / "labels.txt") as model:
            assert model.labels == ("one", "tw\\x1bo", "three")


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
        def field(number, content):
            length, size = b"", len(content)
            while size > 127:
                length += bytes([size & 127 | 128])
                size >>= 7
            return bytes([number << 3 | 2]) + length + bytes([size]) + content

        graph = b""
        for _ in range(2000):
            graph = field(1, field(5, field(6, graph)))
        with pytest.raises(ModelFileError, match="nests graphs more than 16 deep"):
            read_onnx(field(7, graph))

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

    def test_operators_of_no_graph_and_graphs_of_no_tensor_are_refused(self):
        def change(model):
            model.subgraphs[0].inputs = [99]

        with pytest.raises(ModelFileError, match="the TFLite file is broken"):
            read_tflite(repacked(change))

    def test_a_bomb_behind_the_model_is_not_unpacked(self):
        buffer = io.BytesIO(small_models.picture_classifier().build())
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("labels.txt", b"\0" * 50_000_000)
        notes = read_tflite(buffer.getvalue()).hints.notes
        assert "labels.txt is compressed" in notes[0]

    def test_vectors_and_offsets_of_metadata_stay_inside(self):
        whole = small_models.tflite_metadata()
        for position in range(8, len(whole) - 4):
            broken = whole[:position] + b"\xff\xff\xff\x7f" + whole[position + 4 :]
            read_metadata(broken, b"")  # says so in its notes, and never raises
        with pytest.raises(IndexError, match="its identifier is b'XXXX'"):
            Table.root(whole[:4] + b"XXXX" + whole[8:], b"M001")


def test_the_bytes_behind_a_golden_sample_are_only_read(path):
    """Samples are views of the file's bytes: a task that wrote into them would change what is proved."""
    golden = decode_golden(encode_golden(GOLDEN), CARD)
    assert not golden.inputs[0].flags.writeable
    np.testing.assert_array_equal(golden.inputs[0], GOLDEN.inputs[0])
