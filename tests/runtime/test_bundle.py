import hashlib
import json
import os
import zipfile

import msgspec
import numpy as np
import pytest
from small_bundle import CARD, GOLDEN, MANIFEST, MEMBERS, rewritten, with_manifest

from lepton_edge_runtime.bundle import Bundle, write_bundle
from lepton_edge_runtime.card import OutputCard
from lepton_edge_runtime.errors import BundleError, BundleVersionError
from lepton_edge_runtime.golden import decode_golden, encode_golden, worst_differences
from lepton_edge_runtime.tensors import TensorSpec


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "door.lepton"
    write_bundle(path, MANIFEST, MEMBERS)
    return path


def test_what_was_written_is_read_back(path):
    bundle = Bundle(path)
    assert bundle.card == CARD
    assert bundle.manifest.measured == MANIFEST.measured
    assert bundle.member("model.tflite") == b"weights"
    assert bundle.manifest.members["model.tflite"] == hashlib.sha256(b"weights").hexdigest()


def test_the_same_input_gives_the_same_bytes(path, tmp_path):
    again = tmp_path / "again.lepton"
    write_bundle(again, MANIFEST, dict(reversed(MEMBERS.items())))
    assert again.read_bytes() == path.read_bytes()


def test_any_zip_program_can_open_it(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "manifest.json"
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in archive.infolist())


def test_a_changed_member_is_refused(path):
    rewritten(path, lambda members: [(n, b"evil ==" if n == "model.tflite" else c) for n, c in members])
    bundle = Bundle(path)
    with pytest.raises(BundleError, match="model.tflite is not the file that the manifest describes"):
        bundle.member("model.tflite")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/b", "x" * 200, ".hidden", "a\\b"])
def test_member_names_are_plain_file_names(path, name):
    rewritten(path, lambda members: [*members, (name, b"x")])
    with pytest.raises(BundleError, match="names are plain file names"):
        Bundle(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(path):
    rewritten(path, lambda members: [*members, ("model.tflite", b"other")])
    with pytest.raises(BundleError, match="two members named 'model.tflite'"):
        Bundle(path)


def test_a_member_that_the_manifest_does_not_name_is_refused(path):
    rewritten(path, lambda members: [*members, ("extra.bin", b"x")])
    with pytest.raises(BundleError, match=r"name different members: 'extra.bin'"):
        Bundle(path)


def test_a_member_that_is_missing_is_refused(path):
    rewritten(path, lambda members: [one for one in members if one[0] != "golden.npz"])
    with pytest.raises(BundleError, match=r"name different members: 'golden.npz'"):
        Bundle(path)


def test_compressed_members_are_refused(path):
    rewritten(path, lambda members: members, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="is compressed"):
        Bundle(path)


def test_a_zip_bomb_is_not_unpacked(path):
    rewritten(path, lambda members: [*members, ("bomb", b"\0" * 50_000_000)], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="is compressed"):
        Bundle(path)


def test_overlapping_members_are_refused(path):
    # Two entries of the central directory point at one stored member: the sizes add up to more than there is.
    content = path.read_bytes()
    directory = content.rindex(b"PK\x01\x02")
    entry = bytearray(content[directory : content.rindex(b"PK\x05\x06")])
    entry[20:28] = (10**6).to_bytes(4, "little") * 2  # both sizes
    path.write_bytes(content[:directory] + bytes(entry) + content[content.rindex(b"PK\x05\x06") :])
    with pytest.raises(BundleError, match="overlap, or are cut off"):
        Bundle(path)


@pytest.mark.parametrize("keep", [0, 10, 100, 600])
def test_a_truncated_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match="is no bundle"):
        Bundle(path)


def test_every_cut_and_every_flipped_byte_is_refused_or_harmless(path):
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole)
        position = int(rng.integers(len(whole)))
        broken[position] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(broken))
        try:
            bundle = Bundle(path)
            for name in MEMBERS:
                assert bundle.member(name) == MEMBERS[name]
        except BundleError:
            pass


def test_an_unknown_key_is_refused_by_name(path):
    with_manifest(path, lambda manifest: json.dumps({**manifest, "colour": 1}))
    with pytest.raises(BundleError, match="unknown field `colour`"):
        Bundle(path)


def test_a_duplicate_key_is_refused_by_name(path):
    with_manifest(path, lambda manifest: json.dumps(manifest).replace('"format": 1', '"format": 1, "format": 1', 1))
    with pytest.raises(BundleError, match="the key 'format' stands twice"):
        Bundle(path)


def test_a_newer_format_says_so_before_anything_else(path):
    with_manifest(path, lambda manifest: json.dumps({**manifest, "format": 2, "novelty": True}))
    with pytest.raises(BundleVersionError, match="this is format 2, and this version of Lepton Edge reads up to 1"):
        Bundle(path)


def test_a_missing_file_and_a_text_file_get_one_plain_line(tmp_path):
    with pytest.raises(BundleError, match="cannot read .*: No such file"):
        Bundle(tmp_path / "none.lepton")
    text = tmp_path / "text.lepton"
    text.write_text("hello")
    with pytest.raises(BundleError, match="is no bundle"):
        Bundle(text)


def test_a_member_that_is_not_there_is_named(path):
    with pytest.raises(BundleError, match="has no member 'model.onnx'; there are: golden.npz, model.tflite"):
        Bundle(path).member("model.onnx")


def test_a_failed_write_leaves_the_old_bundle(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_bundle(path, MANIFEST, {**MEMBERS, "model.tflite": b"newer"})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_bundle_can_be_read_by_those_whom_the_process_lets(path, monkeypatch):
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()
    # The mask is the process's: while one thread changed it, others would write files for everybody.
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask was touched"))
    write_bundle(
        path, Bundle(path).manifest, {name: Bundle(path).member(name) for name in Bundle(path).manifest.members}
    )


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_golden_samples_survive_the_file():
    read = decode_golden(encode_golden(GOLDEN), CARD)
    np.testing.assert_array_equal(read.inputs[0], GOLDEN.inputs[0])
    np.testing.assert_array_equal(read.outputs[0], GOLDEN.outputs[0])
    assert encode_golden(read) == encode_golden(GOLDEN)


def test_golden_samples_of_another_model_are_refused():
    other = msgspec.structs.replace(
        CARD, outputs=(OutputCard(TensorSpec(name="scores", dtype="float32", shape=(1, 3))),)
    )
    with pytest.raises(BundleError, match="does not fit the card"):
        decode_golden(encode_golden(GOLDEN), other)


@pytest.mark.parametrize("content", [b"", b"PK", b"\0" * 100, encode_golden(GOLDEN)[:-30], encode_golden(GOLDEN)[40:]])
def test_broken_golden_samples_are_refused(content):
    with pytest.raises(BundleError, match="golden.npz"):
        decode_golden(content, CARD)


def test_pickled_golden_samples_are_refused(tmp_path):
    path = tmp_path / "golden.npz"
    np.savez(path, input_0=np.array([{"a": 1}], dtype=object), output_0=GOLDEN.outputs[0])
    with pytest.raises(BundleError, match=r"golden.npz cannot be read"):
        decode_golden(path.read_bytes(), CARD)


def test_differences_are_the_largest_over_all_samples():
    def off(tensors):
        return [np.array([[0.25, 0.5]], np.float32) if tensors[0].max() < 50 else np.array([[0.9, 0.0]], np.float32)]

    assert worst_differences(GOLDEN, off) == (0.25,)


def test_an_answer_that_is_no_number_is_infinitely_far():
    def broken(tensors):
        del tensors
        return [np.full((1, 2), np.nan, np.float32)]

    assert worst_differences(GOLDEN, broken) == (float("inf"),)
