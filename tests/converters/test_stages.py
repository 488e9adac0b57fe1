"""What a stage is known by, and how what it gave is kept: never a wrong hit, and never a damaged one."""

import copy
import dataclasses
import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.stages.cache import StageCache
from lepton_edge_converters.stages.digest import digest
from lepton_edge_converters.stages.run import run_stage
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.timing import Latency


class Workshop:
    """Carries out jobs in this process, and counts them."""

    def __init__(self):
        self.jobs = []

    def call(self, job, *arguments, progress=None):
        self.jobs.append(job)
        return globals()[job.rpartition(":")[2]](*arguments)


def write_twice(source, times, out):
    out.write_bytes(source.read_bytes() * times)
    return "written"


def write_folder(out):
    (out / "deep").mkdir(parents=True)
    (out / "one").write_bytes(b"1")
    (out / "deep" / "two").write_bytes(b"2")


def append(path, more):
    path.write_bytes(path.read_bytes() + more)


def arrays(count):
    return [np.arange(count, dtype=np.float32), np.zeros((count, 0, 2), np.int8)]


def refuse():
    raise ValueError("no")


@dataclass(frozen=True, slots=True)
class Pair:
    one: int
    other: str


@pytest.fixture
def work():
    return Workshop()


@pytest.fixture
def cache(tmp_path):
    return StageCache(tmp_path / "cache", surroundings="here and now")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"ab")
    return path


def entries(cache):
    return sorted(cache.folder.iterdir())


class TestKeys:
    def test_what_looks_alike_and_is_not_the_same_has_another_key(self):
        values = [
            1, 1.0, True, "1", b"1", None, "None", (1,), [1], ((1,),), (), "", b"", 0, -0.0, 0.0, {"a": 1}, ("a", 1),
            ["a", "b"], ["ab"], ["a", ["b"]], [["a"], "b"], {"a": {"b": 1}}, {"a": 1, "b": 1}, float("inf"),
            np.array([1]), np.array([1.0]), np.array([[1]]), np.array([1], np.int8), np.float32(1), "\udcff",
            Pair(1, "a"), EndFacts("a", "b", (1,)), EndFacts("a", "b", (None,)), Preprocess(), Preprocess(pad=1),
            LoadOptions(), LoadOptions(trust=True),
        ]  # fmt: skip
        keys = [digest(value) for value in values]
        assert len(set(keys)) == len(values)

    def test_where_one_value_ends_and_the_next_begins_is_part_of_the_key(self):
        assert len({digest("a", "bc"), digest("ab", "c"), digest("abc"), digest(("a", "bc"))}) == 4

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.binary(), st.lists, max_leaves=12))
    def test_equal_values_have_equal_keys(self, value):
        assert digest(value) == digest(copy.deepcopy(value))

    def test_keys_hold_from_one_process_to_the_next(self):
        code = "from lepton_edge_converters.stages.digest import digest; print(digest({'a': (1, 'b')}, None))"
        seeds = ("1", "2")
        keys = {
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
            for seed in seeds
        }
        assert keys == {f"{digest({'a': (1, 'b')}, None)}\n".encode()}

    def test_every_field_of_what_is_known_of_a_model_counts(self):
        facts = ModelFacts(
            "name", "hash", (EndFacts("in", "float32", (4,)),), (EndFacts("out", "float32", (2,)),), 1, 2
        )
        others = {
            "name": "other", "sha256": "other", "inputs": (), "outputs": (), "parameters": 3, "layers": 3,
            "picture_range": (0.0, 1.0), "batch": 1, "labels": ("a",), "notes": ("b",), "layer_names": ("c",),
        }  # fmt: skip
        assert set(others) == {field.name for field in dataclasses.fields(ModelFacts)}
        keys = {digest(dataclasses.replace(facts, **{name: value})) for name, value in others.items()}
        assert len(keys | {digest(facts)}) == len(others) + 1

    def test_a_file_counts_by_name_and_content_and_not_by_where_it_lies(self, tmp_path):
        for name, content in {"a/x": b"1", "b/x": b"1", "c/x": b"2", "d/y": b"1"}.items():
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_bytes(content)
        a, b, c, d = (digest(tmp_path / name) for name in ("a/x", "b/x", "c/x", "d/y"))
        assert a == b
        assert len({a, c, d, digest(tmp_path / "none/x")}) == 4

    def test_a_folder_counts_by_all_that_is_in_it(self, tmp_path):
        folder = tmp_path / "folder"
        keys = [digest(folder)]
        (folder / "deep").mkdir(parents=True)
        keys.append(digest(folder))
        for name, content in {"a": b"1", "deep/a": b"1", "b": b""}.items():
            (folder / name).write_bytes(content)
            keys.append(digest(folder))
        (folder / "b").rename(folder / "c")
        keys.append(digest(folder))
        assert len(set(keys)) == len(keys)

    def test_samples_count_by_their_values_and_targets(self, tmp_path):
        def stored(name, array, targets):
            (tmp_path / name).mkdir()
            np.save(tmp_path / name / "judged_0.npy", array)
            return StoredSamples((tmp_path / name / "judged_0.npy",), (None,), targets)

        ones, targets = np.ones((3, 2), np.float32), np.arange(3)
        keys = [
            digest(one)
            for one in (
                stored("a", ones, targets),
                stored("b", ones * 2, targets),
                stored("c", ones, None),
                stored("d", ones, targets + 1),
            )
        ]
        assert len(set(keys)) == 4
        assert digest(stored("e", ones.copy(), targets.copy())) == keys[0]

    @pytest.mark.parametrize("value", [object(), len, {1, 2}, np.array([object()]), Pair])
    def test_what_nothing_is_known_of_is_no_key(self, value):
        with pytest.raises(TypeError, match="a stage cannot be known by"):
            digest(value)


class TestStages:
    def test_a_stage_is_carried_out_once(self, work, cache, source, tmp_path):
        for _ in range(3):
            out = tmp_path / "out"
            out.unlink(missing_ok=True)
            assert run_stage(work, cache, "x:write_twice", source, 2, out, gives=str, makes=out) == "written"
            assert out.read_bytes() == b"abab"
        assert work.jobs == ["lepton_edge_converters.x:write_twice"]
        assert cache.counts.carried_out == ("x:write_twice",)
        assert str(cache.counts) == "2 of 3 stages from the cache"

    @pytest.mark.parametrize("changed", ["argument", "content", "job", "also", "surroundings", "name"])
    def test_whatever_changes_it_is_carried_out_again(self, work, cache, source, tmp_path, changed):
        out = tmp_path / "out"
        run_stage(work, cache, "x:write_twice", source, 2, out, gives=str, makes=out, also=("a",))
        out.unlink()
        job, times, also = "x:write_twice", 2, ("a",)
        match changed:
            case "argument":
                times = 3
            case "content":
                source.write_bytes(b"ac")
            case "job":
                job = "y:write_twice"
            case "also":
                also = ("b",)
            case "surroundings":
                cache = StageCache(tmp_path / "cache", surroundings="elsewhere")
            case "name":
                source = source.rename(tmp_path / "renamed")
        run_stage(work, cache, job, source, times, out, gives=str, makes=out, also=also)
        assert len(work.jobs) == 2
        assert out.read_bytes() == source.read_bytes() * times

    def test_a_stage_that_changes_a_file_is_known_by_what_it_was(self, work, cache, tmp_path):
        path = tmp_path / "file"
        for before, after in ((b"a", b"a!"), (b"b", b"b!"), (b"a", b"a!")):
            path.write_bytes(before)
            run_stage(work, cache, "x:append", path, b"!", gives=type(None), makes=path)
            assert path.read_bytes() == after
        assert len(work.jobs) == 2

    def test_a_folder_comes_back_with_all_that_was_in_it(self, work, cache, tmp_path):
        for place in ("a", "b"):
            run_stage(work, cache, "x:write_folder", tmp_path / place / "out", gives=type(None),
                      makes=tmp_path / place / "out")  # fmt: skip
        assert len(work.jobs) == 1
        found = {path.relative_to(tmp_path / "b").as_posix() for path in (tmp_path / "b").rglob("*")}
        assert found == {"out", "out/one", "out/deep", "out/deep/two"}
        assert (tmp_path / "b/out/deep/two").read_bytes() == b"2"

    def test_arrays_come_back_as_they_were(self, work, cache):
        first, again = (run_stage(work, cache, "x:arrays", 3, gives=list[NDArray[Any]]) for _ in range(2))
        assert len(work.jobs) == 1
        for one, other in zip(first, again, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)

    @pytest.mark.parametrize(
        "value",
        [
            ModelFacts("n", "s", (EndFacts("i", "f", (None, 2)),), (EndFacts("o", "f", (1,), "softmax"),), 1, 2,
                       (0.0, 1.0), None, ("ä",), ("b",)),
            {"TFLite int8": Latency(0.1, 0.2, 0.3, 0.4, 5)},
            True, None, "route",
        ],
        ids=lambda value: type(value).__name__,
    )  # fmt: skip
    def test_what_stages_give_comes_back_equal(self, cache, value):
        gives = dict[str, Latency] if isinstance(value, dict) else type(value)
        cache.keep("0" * 64, value, None)
        assert cache.look_up("0" * 64, gives, None) == (value,)

    def test_an_error_is_not_kept(self, work, cache):
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                run_stage(work, cache, "x:refuse", gives=type(None))
        assert len(work.jobs) == 2

    def test_without_a_cache_every_stage_is_carried_out(self, work):
        for _ in range(2):
            run_stage(work, None, "x:arrays", 3, gives=list[NDArray[Any]])
        assert len(work.jobs) == 2


class TestDamage:
    @pytest.fixture
    def kept(self, cache):
        cache.keep("a" * 64, "value", None)
        return entries(cache)[0]

    @pytest.mark.parametrize("place", [0, 31, 32, 40, -1])
    def test_a_changed_byte_is_noticed_and_the_stage_carried_out_anew(self, work, cache, caplog, place):
        assert run_stage(work, cache, "x:arrays", 2, gives=list[NDArray[Any]])
        (path,) = entries(cache)
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        for _ in range(2):  # what was made anew is whole
            np.testing.assert_array_equal(run_stage(work, cache, "x:arrays", 2, gives=list[NDArray[Any]])[0], [0, 1])
        assert len(work.jobs) == 2
        assert [one.getMessage() for one in caplog.records] == [
            f"the cache entry {path} is made anew: its hash is wrong: it was changed or cut off"
        ]

    @pytest.mark.parametrize("size", [0, 5, 32, 40])
    def test_a_cut_off_entry_is_noticed(self, cache, kept, size, caplog):
        kept.write_bytes(kept.read_bytes()[:size])
        assert cache.look_up("a" * 64, str, None) is None
        assert "made anew" in caplog.text

    def test_an_entry_under_another_name_is_noticed(self, cache, kept, caplog):
        kept.rename(kept.with_name(f"{'b' * 64}.stage"))
        assert cache.look_up("b" * 64, str, None) is None
        assert "it is the entry of another stage" in caplog.text

    def test_an_entry_of_another_type_is_noticed(self, cache, kept, caplog):
        assert cache.look_up("a" * 64, bool, None) is None
        assert "it holds something else" in caplog.text

    @pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
    def test_an_entry_that_would_write_elsewhere_writes_nothing(self, cache, kept, name, tmp_path, caplog):
        content = msgspec.msgpack.encode(["a" * 64, None, {"fine": b"", name: b"evil"}])
        kept.write_bytes(hashlib.sha256(content).digest() + content)
        assert cache.look_up("a" * 64, type(None), tmp_path / "made") is None
        assert "outside of its place" in caplog.text
        assert not (tmp_path / "made").exists()

    def test_an_entry_runs_no_code(self, cache, kept, caplog):
        class Evil:
            def __reduce__(self):
                return os.abort, ()

        content = msgspec.msgpack.encode(["a" * 64, [pickle.dumps(Evil())], {}])
        kept.write_bytes(hashlib.sha256(content).digest() + content)
        assert cache.look_up("a" * 64, list[NDArray[Any]], None) is None
        assert "it holds something else" in caplog.text

    def test_a_cache_that_cannot_be_written_costs_nothing_but_time(self, work, tmp_path, caplog):
        (tmp_path / "file").write_text("no folder")
        cache = StageCache(tmp_path / "file", surroundings="")
        for _ in range(2):
            assert run_stage(work, cache, "x:arrays", 2, gives=list[NDArray[Any]])
        assert len(work.jobs) == 2
        assert "cannot be written" in caplog.text


class TestSize:
    def test_the_ones_not_used_for_longest_give_way(self, tmp_path):
        cache = StageCache(tmp_path, surroundings="", bytes_max=4000)
        for i, name in enumerate("abc"):
            cache.keep(name * 64, "x" * 1000, None)
            os.utime(cache.folder / f"{name * 64}.stage", (i, i))
        assert cache.look_up("a" * 64, str, None)  # used just now
        cache.keep("d" * 64, "x" * 1000, None)
        assert [path.name[0] for path in entries(cache)] == ["a", "c", "d"]

    def test_all_together_are_never_larger_than_the_bound(self, tmp_path):
        cache = StageCache(tmp_path, surroundings="", bytes_max=3000)
        for i in range(40):
            cache.keep(f"{i:064}", "x" * (i * 97 % 1500), None)
            assert sum(path.stat().st_size for path in entries(cache)) <= 3000
        assert cache.look_up(f"{39:064}", str, None)

    def test_what_is_larger_than_all_may_be_is_not_kept_and_drives_nothing_out(self, tmp_path):
        cache = StageCache(tmp_path, surroundings="", bytes_max=1000)
        cache.keep("a" * 64, "small", None)
        cache.keep("b" * 64, "x" * 2000, None)
        assert [path.name[0] for path in entries(cache)] == ["a"]

    def test_what_a_killed_process_left_goes_in_its_turn_and_other_files_stay(self, tmp_path):
        cache = StageCache(tmp_path, surroundings="", bytes_max=1500)
        cache.folder.mkdir()
        for name in (".x.stage.1234.part", "notes.txt"):
            (cache.folder / name).write_bytes(b"x" * 1000)
            os.utime(cache.folder / name, (1, 1))
        cache.keep("a" * 64, "x" * 1000, None)
        assert [path.name for path in entries(cache)] == [f"{'a' * 64}.stage", "notes.txt"]

    def test_the_folder_is_its_owners_alone(self, cache):
        cache.keep("a" * 64, "value", None)
        assert cache.folder.stat().st_mode & 0o077 == 0
