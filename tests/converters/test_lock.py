"""The lock: what a bundle was made from, made again, or refused with every difference by name."""

import hashlib
import tomllib
from pathlib import Path

import keras_models
import msgspec
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters import making, pipeline
from lepton_edge_converters.errors import LockError, LockMismatchError
from lepton_edge_converters.lock import Data, Lock, Source, encode_lock, hold_to, lock_path, read_lock
from lepton_edge_converters.recipe import Gates, Recipe
from lepton_edge_converters.said import Said, say
from lepton_edge_converters.toolchain import Toolchain, read_toolchain
from lepton_edge_runtime.bundle import Bundle

ROOT = Path(__file__).parents[2]
LOCK = Lock(
    source=Source(name="birds.keras", sha256="a" * 64),
    data=Data(sha256="b" * 64, total=10, calibration=5, judged=3),
    said=Said(labels=('a "b"', "ä", "c\\d\x7f"), preprocess=le.Preprocess(resize="crop", range=(0.0, 255.0))),
    recipe=Recipe(scheme="int8", seed=7, gates=Gates(max_drop=1.0)),
    toolchain=Toolchain(
        python="3.11.9", architecture="x86_64", features=("avx2", "fma"), packages={"numpy": "2.0", "h5py": "3.1"}
    ),
    artefacts={"model.tflite": "c" * 64, "bundle": "d" * 64},
)


def write_lock(bundle, lock):
    lock_path(bundle).write_bytes(encode_lock(lock))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.lepton"


class TestFile:
    def test_it_lies_beside_its_bundle_under_its_whole_name(self, out):
        write_lock(out, LOCK)
        assert [path.name for path in out.parent.iterdir()] == ["out.lepton.lock"]

    @pytest.mark.parametrize("chosen", [None, Recipe(scheme="int8", ranges="best", float_layers=("a b",))])
    def test_it_reads_back_equal(self, out, chosen):
        lock = msgspec.structs.replace(LOCK, chosen=chosen)
        write_lock(out, lock)
        assert read_lock(out) == lock

    def test_the_same_lock_is_the_same_bytes(self, out):
        write_lock(out, LOCK)
        first = lock_path(out).read_bytes()
        write_lock(out, read_lock(out))
        assert lock_path(out).read_bytes() == first

    def test_every_key_of_the_recipe_is_in_it(self, out):
        write_lock(out, LOCK)
        written = tomllib.loads(lock_path(out).read_text())["recipe"]
        for struct, keys in ((LOCK.recipe, written), (LOCK.recipe.gates, written["gates"])):
            assert set(keys) == {name for name in struct.__struct_fields__ if getattr(struct, name) is not None}

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("", None, r"there is no .*out.lepton.lock; convert once without --locked"),
            ("seed = 7", "sed = 7", "out.lepton.lock: Object contains unknown field `sed` - at `\\$.recipe`"),
            ("seed = 7", "seed = [", "out.lepton.lock is not valid TOML: .*at line"),
            ("seed = 7", "seed = true", "Expected `int`, got `bool` - at `\\$.recipe.seed`"),
            ("format = 1", "format = 2", "is of format 2, and this version reads 1"),
            ("format = 1", "", "is of format None, and this version reads 1"),
        ],
    )
    def test_what_is_no_lock_is_a_plain_error(self, out, old, new, message):
        write_lock(out, LOCK)
        path = lock_path(out)
        if new is None:
            path.unlink()
        else:
            path.write_text(path.read_text().replace(old, new))
        with pytest.raises(LockError, match=message):
            read_lock(out)

    def test_the_keys_are_in_the_docs(self):
        page = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
        for struct in (Lock, Source, Data, Said, Toolchain):
            for field in struct.__struct_fields__:
                assert f"`{field}`" in page, f"{struct.__name__}.{field}"


class TestDifferences:
    def refused(self, message, **parts):
        with pytest.raises(LockMismatchError, match=message) as refused:
            hold_to(Path("out.lepton"), LOCK, parts)
        return refused.value.differences

    def test_what_is_the_same_passes_and_without_a_lock_everything_does(self):
        parts = {name: getattr(LOCK, name) for name in Lock.__struct_fields__ if name != "format"}
        hold_to(Path("out.lepton"), LOCK, parts)
        hold_to(Path("out.lepton"), None, {"artefacts": {}})

    @pytest.mark.parametrize("part", ["source", "data", "recipe", "toolchain", "said"])
    def test_every_key_of_every_part_counts(self, part):
        others = {
            bool: True, str: "module:other", int: 99, float: 0.77, dict: {"numpy": "0"}, tuple: ("x",),
            type(None): "raw",
            Gates: Gates(min_parity=0.5), le.Preprocess: le.Preprocess(), le.Training: le.Training(epochs=99),
        }  # fmt: skip
        value = getattr(LOCK, part)
        for name in type(value).__struct_fields__:
            changed = msgspec.structs.replace(value, **{name: others[type(getattr(value, name))]})
            self.refused(f"out.lepton.lock describes: {part}\\.{name}", **{part: changed})

    def test_each_difference_is_named_with_what_is_and_what_was(self):
        differences = self.refused(
            "recipe.seed is 8",
            recipe=Recipe(scheme="int8", seed=8, gates=Gates()),
            toolchain=Toolchain(
                python="3.11.9", architecture="x86_64", features=("avx2", "sve"), packages={"numpy": "2.1", "onnx": "1"}
            ),
        )
        assert differences == (
            "recipe.seed is 8 (locked: 7)",
            "recipe.gates.max_drop is not there (locked: 1.0)",
            "toolchain.features lacks fma and has sve",
            "toolchain.packages.numpy is 2.1 (locked: 2.0)",
            "toolchain.packages.h5py is not there (locked: 3.1)",
            "toolchain.packages.onnx is 1 (locked: not there)",
        )

    def test_a_hash_is_told_by_its_first_digits_and_a_long_list_by_what_changed(self):
        artefacts = {"model.tflite": "e" * 64, "bundle": "d" * 64}
        assert self.refused("artefacts", artefacts=artefacts) == (
            f"artefacts.model.tflite is {'e' * 12}… (locked: {'c' * 12}…)",
        )
        said = msgspec.structs.replace(LOCK.said, labels=(*LOCK.said.labels, *(f"label {i}" for i in range(900))))
        assert self.refused("said.labels", said=said) == (
            "said.labels has label 0, label 1, label 2, label 3, label 4, …",
        )

    def test_labels_in_another_order_are_other_labels(self):
        said = msgspec.structs.replace(LOCK.said, labels=LOCK.said.labels[::-1])
        self.refused("said.labels is ", said=said)


class TestSaid:
    def test_what_is_not_said_is_as_the_lock_says(self):
        locked = say(["a"], "classify", "serve", le.Preprocess(resize="crop"))
        assert say(None, None, "", None).over(locked) == locked
        assert say(["b"], None, "", None).over(locked).labels == ("b",)

    def test_a_range_of_whole_numbers_is_one_of_real_numbers(self):
        """Else a bundle would have ``[0,255]`` in its card, and the one made from its lock ``[0.0,255.0]``."""
        exact = say(None, None, "", le.Preprocess(range=(0, 255), mean=(1,))).preprocess
        assert [type(one) for one in (*exact.range, *exact.mean)] == [float] * 3


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_workers")
@pytest.mark.parametrize(
    ("kind", "settings", "search"),
    [("imbalanced", {"repair": True, "max_drop": 1.0}, "climb"), ("sequential", {"fastest": True}, "try_schemes")],
)
def test_what_a_search_chose_is_made_again_without_searching(keras_file, tmp_path, monkeypatch, kind, settings, search):
    out, options = tmp_path / "out.lepton", {"data": keras_models.patterns(300, seed=7), "formats": ["tflite"]}
    monkeypatch.setattr(making, "_TIMING_SECONDS_A_FILE", 0.01)
    le.convert(keras_file(kind), out, **options, **settings)
    bundle, lock = out.read_bytes(), lock_path(out).read_bytes()
    recipe = msgspec.json.decode(Bundle(out).manifest.recipe, type=Recipe)
    assert (read_lock(out).chosen, read_lock(out).recipe == recipe) == (recipe, False)
    monkeypatch.setattr(pipeline, search, None)
    report = le.convert(keras_file(kind), out, locked=True, force=True, **options)
    assert (out.read_bytes(), lock_path(out).read_bytes()) == (bundle, lock)
    assert any("as the lock says" in one for one in report.warnings)


@pytest.fixture(scope="module")
def place(tmp_path_factory, keras_file):
    folder = tmp_path_factory.mktemp("locked")
    x, y = keras_models.patterns(120, seed=7)
    np.savez(folder / "samples.npz", x=x, y=y)
    options = {"data": folder / "samples.npz", "cache": folder / "cache"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "_TIMING_SECONDS_A_FILE", 0.01)
        patch.setattr(making, "NOISY", float("inf"))  # so that latency comes from the cache, too
        le.convert(
            keras_file("sequential"), folder / "out.lepton", recipe=Recipe(scheme="int8", formats=("tflite",)),
            labels=["a", "b", "c", "d"], preprocess=le.Preprocess(range=(0, 255)), **options,
        )  # fmt: skip
        yield folder, options


class TestConvert:
    """One conversion, locked; what is made again comes from the cache where nothing has changed."""

    @pytest.fixture
    def again(self, place, keras_file):
        folder, options = place
        before = {path.name: path.read_bytes() for path in folder.glob("out.*")}

        def call(**others):
            model = others.pop("model", keras_file("sequential"))
            return le.convert(model, folder / "out.lepton", locked=True, force=True, **(options | others))

        yield call
        after = {path.name: path.read_bytes() for path in folder.glob("out.*")}
        assert set(after) == set(before)
        assert all(after[name] == before[name] for name in ("out.lepton", "out.lepton.lock"))

    def test_the_lock_says_what_is_in_the_bundle(self, place, keras_file):
        folder, _ = place
        lock, bundle = read_lock(folder / "out.lepton"), Bundle(folder / "out.lepton")
        model = keras_file("sequential")
        assert lock.source == Source(name=model.name, sha256=hashlib.sha256(model.read_bytes()).hexdigest())
        assert lock.data.sha256 == bundle.manifest.provenance.data_sha256
        assert (lock.data.total, lock.data.calibration, lock.data.judged) == (120, 84, 36)
        assert lock.said.labels == ("a", "b", "c", "d")
        assert lock.toolchain == read_toolchain()
        assert bundle.manifest.provenance.versions == lock.toolchain.packages
        assert lock.artefacts.pop("bundle") == hashlib.sha256((folder / "out.lepton").read_bytes()).hexdigest()
        assert lock.artefacts == bundle.manifest.members

    @pytest.mark.usefixtures("fresh_workers")
    def test_the_lock_alone_makes_the_same_bundle(self, again):
        again(cache=None)

    def test_settings_that_are_said_again_pass(self, again):
        assert again(labels=["a", "b", "c", "d"], formats=["tflite"]).stages.carried_out == ()

    def test_settings_that_are_said_otherwise_are_refused_at_once(self, again):
        with pytest.raises(LockMismatchError) as refused:
            again(
                recipe=Recipe(scheme="float32", io="float32"),
                max_drop=1,
                labels=["a", "b", "c", "e"],
                model="none.keras",
            )
        assert [one.partition(" ")[0] for one in refused.value.differences] == [
            "recipe.scheme", "recipe.formats", "recipe.io", "recipe.gates.max_drop", "said.labels",
        ]  # fmt: skip

    def test_another_model_and_other_samples_are_both_named(self, again, place, keras_file, tmp_path):
        x, y = keras_models.patterns(130, seed=8)
        with pytest.raises(LockMismatchError) as refused:
            again(model=keras_file("nested"), data=(x, y))
        assert [one.partition(" ")[0] for one in refused.value.differences] == [
            "source.name", "source.sha256", "data.sha256", "data.total", "data.calibration", "data.judged",
        ]  # fmt: skip

    def test_another_toolchain_is_refused_at_once(self, again, monkeypatch):
        other = msgspec.structs.replace(read_toolchain(), python="3.99")
        monkeypatch.setattr(pipeline, "read_toolchain", lambda: other)
        with pytest.raises(LockMismatchError, match=r"toolchain.python is 3.99 \(locked: "):
            again(model="none.keras")

    def test_other_bytes_are_refused_at_the_end(self, place, again):
        path = lock_path(place[0] / "out.lepton")
        text = path.read_text()
        digest = read_lock(place[0] / "out.lepton").artefacts["golden.npz"]
        path.write_text(text.replace(digest, "0" * 64))
        with pytest.raises(LockMismatchError, match=r"artefacts.golden.npz is \w{12}… \(locked: 000000000000…\)$"):
            again()
        path.write_text(text)
