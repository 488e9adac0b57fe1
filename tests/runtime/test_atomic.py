import pytest

from lepton_edge_runtime.atomic import replace_all, replacing


def test_a_file_takes_the_old_ones_place_only_when_it_is_whole(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [one.name for one in tmp_path.iterdir()] == ["f"]


def test_after_an_error_the_old_one_stays_and_nothing_lies_about(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.write("no bytes")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["f"]


def test_of_files_that_belong_together_none_is_replaced_where_one_cannot_be(tmp_path):
    old = tmp_path / "f"
    old.write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        replace_all({old: b"new", tmp_path / "gone" / "g": b"new"})
    assert old.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["f"]
    replace_all({old: b"new", tmp_path / "g": b"new too"})
    assert sorted(one.read_bytes() for one in tmp_path.iterdir()) == [b"new", b"new too"]
