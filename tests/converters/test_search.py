"""A search: what is asked for, made once, measured side by side, and shown."""

import json
import pickle
import re
import shutil
import time
from concurrent.futures import BrokenExecutor, Executor, Future

import browser
import keras
import keras_models
import made_searches
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton_edge as le
from lepton_edge_converters.errors import (
    ConversionError,
    LoadError,
    PruneError,
    RecipeError,
    SamplesError,
    WorkerCrashedError,
)
from lepton_edge_converters.recipe import load_recipe
from lepton_edge_converters.report.axis import decade_axis
from lepton_edge_converters.search import job as job_module
from lepton_edge_converters.search.asked import ask, loosened
from lepton_edge_converters.search.found import Point
from lepton_edge_converters.search.given import code_of, data_path, known_by, model_path
from lepton_edge_converters.search.local import local_processes
from lepton_edge_converters.search.page import render_search
from lepton_edge_converters.search.pareto import pareto
from lepton_edge_converters.search.stamp import Stamp, read_stamp, stamp_path, write_stamp
from lepton_edge_runtime.backends import BACKENDS
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.errors import OutputError

# What Keras does when it saves a model, and TensorFlow when it calibrates one.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
BUDGETS = {"macs": (1, 0.4), "schemes": ("int8", "float16")}
NAMES = ["full-int8", "macs0.4-int8", "full-float16", "macs0.4-float16"]


class Here(Executor):
    """Makes points in this process, at once, from what a pickle brings; ``submitted`` are their names."""

    def __init__(self, *, most=99):
        self.submitted, self.most = [], most

    def submit(self, function, job, /):
        if len(self.submitted) == self.most:
            raise KeyboardInterrupt
        self.submitted.append(job.bundle.stem)
        function, job = pickle.loads(pickle.dumps((function, job)))
        future = Future()
        try:
            future.set_result(function(job))
        except Exception as error:
            future.set_exception(error)
        return future


class TestPareto:
    @given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25))
    def test_it_is_what_trying_each_against_each_gives(self, points):
        def beaten(one):
            return any(
                other[0] <= one[0] and other[1] >= one[1] and (other[0] < one[0] or other[1] > one[1])
                for other in points
            )

        front = pareto(points)
        assert set(front) == {i for i, one in enumerate(points) if not beaten(one)}
        assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)
        assert len(set(front)) == len(front)

    def test_what_is_no_number_is_on_no_front(self):
        assert pareto([(1, float("nan")), (2, 0.5), (float("nan"), 0.9)]) == (1,)


class TestAsked:
    def test_each_budget_comes_with_each_scheme_and_once(self):
        asked = ask("prune-int8", [("speedup", 1), ("speedup", 2), ("macs", 1), ("params", 0.5)], ("int8", "float16"))
        assert [one.name for one in asked] == [
            "full-int8", "speedup2-int8", "params0.5-int8", "full-float16", "speedup2-float16", "params0.5-float16",
        ]  # fmt: skip

    def test_the_recipe_holds_but_for_budget_and_scheme(self):
        base = load_recipe("prune-int8", epochs=3, ranges="best", keep=("last",))
        full, pruned, other = ask(base, [("speedup", 1), ("macs", 0.3)], ("int8", "weights"))[:3]
        assert full.recipe.prune is None
        assert full.recipe.ranges == "best"
        assert (pruned.recipe.prune.bounds, pruned.recipe.prune.rounds) == ({"macs": 0.3}, 2)
        assert pruned.recipe.prune.keep == ("last",)
        assert pruned.recipe.training.epochs == 3
        assert pruned.recipe.gates == base.gates
        assert (other.scheme, other.recipe.ranges, other.recipe.equalize) == ("weights", "minmax", False)

    def test_loosened_gates_let_all_pass_but_what_is_no_answer(self):
        gates = loosened(load_recipe("prune-int8", max_drop=1)).gates
        assert (gates.min_agreement, gates.min_cosine, gates.min_parity, gates.max_drop) == (0, 0, 0, None)
        assert max(gates.min_sqnr_db, gates.min_parity_db) < -1e6

    @pytest.mark.parametrize(
        ("budgets", "schemes", "message"),
        [
            ([("speedup", 2)], ("int7",), "no scheme 'int7'; there are: .*mean 'int8'"),
            ([("speedup", 0.5)], ("int8",), "speedup is how many times as fast, over 1, not 0.5"),
            ([("macs", 1.5)], ("int8",), "macs is the share that may be left, between 0 and 1, not 1.5"),
            ([], ("int8",), "one budget and one scheme at least"),
        ],
    )
    def test_slips_are_told(self, budgets, schemes, message):
        with pytest.raises(RecipeError, match=message):
            ask("prune-int8", budgets, schemes)


class TestGiven:
    def test_a_model_in_memory_is_saved_once_and_known_by_its_weights(self, tmp_path):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        path = model_path(model, tmp_path)
        written = path.stat().st_mtime_ns
        assert model_path(model, tmp_path) == path
        assert path.stat().st_mtime_ns == written
        again = keras.models.load_model(path)
        np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
        model.layers[0].set_weights([np.ones((4, 3)), np.zeros(3)])
        assert model_path(model, tmp_path) != path
        assert len(list(tmp_path.iterdir())) == 2

    def test_arrays_are_saved_once_and_known_by_what_they_are(self, tmp_path):
        x, y = np.arange(12.0).reshape(3, 4), [0, 1, 2]
        path = data_path((x, y), tmp_path)
        with np.load(path) as content:
            np.testing.assert_array_equal(content["x"], x)
            np.testing.assert_array_equal(content["y"], y)
        assert data_path((x.copy(), np.array(y)), tmp_path) == path
        assert data_path((x + 1, y), tmp_path) != path
        assert data_path(x, tmp_path) != path

    def test_code_of_the_users_own_is_known_by_its_file(self, tmp_path, monkeypatch):
        (tmp_path / "my_metric_here.py").write_text("")
        monkeypatch.syspath_prepend(tmp_path)
        assert code_of(["my_metric_here:f", "not_there:f", "not.there:f"]) == (tmp_path / "my_metric_here.py",)

    def test_what_cannot_be_written_is_told(self, tmp_path):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        for write, what in ((model_path, model), (data_path, np.zeros(3))):
            with pytest.raises(OutputError, match="cannot write .*none"):
                write(what, tmp_path / "none")

    def test_what_other_processes_cannot_get_is_refused(self, tmp_path):
        with pytest.raises(SamplesError, match="hands its samples to other processes: .*; got generator"):
            data_path((one for one in []), tmp_path)
        with pytest.raises(LoadError, match="a model is a path or a Keras model; got builtins.int"):
            model_path(3, tmp_path)
        with pytest.raises(LoadError, match="there is no model at"):
            model_path(tmp_path / "none.keras", tmp_path)

    def test_a_table_is_known_by_the_pictures_that_it_names(self, tmp_path):
        table, picture = tmp_path / "t.csv", tmp_path / "a.png"
        table.write_text("path,label\na.png,cat\n")
        picture.write_bytes(b"one")
        before = known_by(table)
        assert known_by(table) == before
        picture.write_bytes(b"two")
        assert known_by(table) != before


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file of a net that tells four patterns apart."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    picture = keras.Input((keras_models.SIZE, keras_models.SIZE, 3), name="picture")
    x = layers.Conv2D(24, 3, strides=2, activation="relu", name="stem")(layers.Rescaling(1 / 255)(picture))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(32, 3, activation="relu", name="last")(x))
    made = keras.Model(picture, layers.Dense(keras_models.CLASSES, activation="softmax", name="classes")(x))
    pictures, targets = keras_models.patterns(256)
    made.compile("adam", "sparse_categorical_crossentropy")
    made.fit(pictures.astype(np.float32), targets, epochs=10, verbose=0)
    path = tmp_path_factory.mktemp("model") / "patterns.keras"
    made.save(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    pictures, targets = keras_models.patterns(200, seed=3)
    path = tmp_path_factory.mktemp("data") / "patterns.npz"
    np.savez(path, x=pictures, y=targets)
    return path


@pytest.fixture(scope="module")
def recipe():
    """One that trains for an epoch, and asks for more than 8 bits or fewer channels can give."""
    made = load_recipe("prune-int8", epochs=1, rounds=1)
    return msgspec.structs.replace(made, gates=msgspec.structs.replace(made.gates, min_sqnr_db=50))


@pytest.fixture(scope="module")
def searched(model, data, recipe, tmp_path_factory):
    """What was found, and the executor that made it."""
    here = Here()
    folder = tmp_path_factory.mktemp("searches") / "made"
    return le.search(model, folder, data=data, recipe=recipe, executor=here, **BUDGETS), here


@pytest.fixture
def again(searched, model, data, recipe, tmp_path):
    """Return a function that searches in a copy of the folder: what it found, or raised, and what it had made."""
    folder = tmp_path / "copy"
    shutil.copytree(searched[0].folder, folder)

    def call(here=None, **changes):
        here = here or Here()
        given = {"data": data, "recipe": recipe, **BUDGETS, **changes}
        return le.search(given.pop("model", model), folder, executor=here, **given), here.submitted

    call.folder = folder
    return call


@pytest.mark.slow
class TestSearch:
    def test_every_point_is_a_bundle_with_its_report(self, searched):
        found, here = searched
        assert here.submitted == NAMES == [point.name for point in found.points]
        assert found.made == 4
        for point in found.points:
            assert point.bundle == found.folder / f"{point.name}.lepton"
            le.open_model(point.bundle).close()
            assert point.bundle.with_suffix(".report.html").is_file()
        assert (found.worth, found.engines) == ("accuracy", ("tflite", "onnx"))

    def test_its_numbers_are_those_of_bundles_and_reports(self, searched):
        for point in searched[0].points:
            bundle = Bundle(point.bundle)
            report = json.loads(point.bundle.with_suffix(".report.json").read_text())
            for file in point.files:
                member = BACKENDS[file.engine].member
                assert file.size_bytes == len(bundle.member(member))
                assert file.worth.value == bundle.manifest.measured[member].accuracy
            assert point.macs == report["macs"]

    def test_a_budget_is_kept(self, searched):
        full, pruned = searched[0].points[:2]
        assert (full.estimated, full.files[0].speedup) == (None, None)
        assert pruned.macs <= 0.4 * full.macs
        assert pruned.estimated >= 2.5

    def test_what_the_gates_refuse_is_measured_and_marked(self, searched):
        refused = {point.name: point.refused for point in searched[0].points}
        assert refused.pop("full-float16") == ()
        assert all("outputs: cosine" in " ".join(said) for said in refused.values())

    def test_a_bundle_that_passes_has_the_recipes_own_gates(self, searched, recipe):
        gates = {
            point.name: json.loads(bytes(Bundle(point.bundle).manifest.recipe))["gates"]["min_sqnr_db"]
            for point in searched[0].points
        }
        assert gates.pop("full-float16") == recipe.gates.min_sqnr_db
        assert set(gates.values()) == {-1e9}

    def test_latencies_are_of_one_run(self, searched):
        files = [file for point in searched[0].points for file in point.files]
        assert len({file.latency.runs for file in files}) == 1
        for pruned in (searched[0].points[1], searched[0].points[3]):
            assert all(file.speedup.rounds == file.latency.runs for file in pruned.files)

    @pytest.mark.parametrize("cost", ["latency", "size"])
    @pytest.mark.parametrize("engine", ["tflite", "onnx"])
    def test_nothing_beats_what_is_on_the_front_and_something_beats_all_else(self, searched, engine, cost):
        found = searched[0]

        def numbers(file):
            return (file.latency.median_ms if cost == "latency" else file.size_bytes), -file.worth.value

        files = {point.name: numbers(file) for point, file in found.files(engine)}
        front = [point.name for point in found.front(engine, cost)]
        for name, one in files.items():
            beaten = any(all(a <= b for a, b in zip(it, one, strict=True)) and it != one for it in files.values())
            assert (name in front) is not beaten
        assert front == sorted(front, key=files.__getitem__)

    def test_schemes_share_the_training_of_a_budget(self, searched):
        folder = searched[0].folder
        stages = json.loads((folder / "macs0.4-float16.report.json").read_text())["stages"]
        assert "pruning.jobs:prune_file" in stages["reused"]

    def test_the_json_is_what_was_found(self, searched):
        found = searched[0]
        written = json.loads((found.folder / "search.json").read_text())
        assert written == json.loads(json.dumps(found.to_dict()))
        assert written["schema"] == 1
        assert "full float16" in (found.folder / "search.html").read_text()


@pytest.mark.slow
class TestResuming:
    def test_nothing_is_made_twice(self, searched, again):
        found, submitted = again()
        assert submitted == []
        assert found.made == 0
        for one, other in zip(found.points, searched[0].points, strict=True):
            assert (one.name, one.refused, one.macs) == (other.name, other.refused, other.macs)
            assert [file.worth for file in one.files] == [file.worth for file in other.files]

    def test_only_what_is_missing_or_damaged_is_made(self, again):
        (again.folder / "macs0.4-int8.lepton").write_bytes(b"cut off")
        stamp_path(again.folder / "full-float16.lepton").unlink()
        (again.folder / "full-float16.lepton").unlink()
        found, submitted = again()
        assert submitted == ["macs0.4-int8", "full-float16"]
        assert found.made == 2
        le.open_model(found.points[1].bundle).close()

    def test_what_could_not_be_made_is_not_tried_again(self, again):
        more = {"macs": (1, 0.4, 0.0001)}
        found, submitted = again(**more)
        assert submitted == ["macs0.0001-int8", "macs0.0001-float16"]
        missing = found.points[2]
        assert "the least that can be left" in missing.problem
        assert (missing.bundle, missing.files) == (None, ())
        assert again(**more)[1] == []

    def test_what_could_not_be_made_is_tried_again_by_force(self, again):
        more = {"macs": (1, 0.4, 0.0001), "schemes": ("int8",)}
        assert again(**more)[1] == ["macs0.0001-int8"]
        assert again(force=True, **more)[1] == ["macs0.0001-int8"]

    def test_ctrl_c_leaves_whole_points_and_the_next_run_makes_the_others(self, again):
        for name in NAMES[1:]:
            for path in (again.folder / f"{name}.lepton", stamp_path(again.folder / f"{name}.lepton")):
                path.unlink()
        with pytest.raises(KeyboardInterrupt):
            again(Here(most=1))
        assert [path.stem for path in sorted(again.folder.glob("*.lepton"))] == ["full-int8", "macs0.4-int8"]
        assert again()[1] == NAMES[2:]

    def test_a_point_that_was_cut_off_is_not_there(self, again, monkeypatch):
        def cut_off(*arguments, **others):
            raise KeyboardInterrupt

        bundle = again.folder / "full-int8.lepton"
        bundle.unlink()
        monkeypatch.setattr(job_module, "convert", cut_off)
        with pytest.raises(KeyboardInterrupt):
            again()
        assert not read_stamp(bundle).done
        monkeypatch.undo()
        assert again()[1] == ["full-int8"]

    def test_points_of_another_search_stay_unless_forced(self, again, recipe):
        other = load_recipe(recipe, calibration=20)
        before = (again.folder / "full-int8.lepton").read_bytes()
        with pytest.raises(OutputError, match="full-int8.lepton is of another search: .*--force"):
            again(recipe=other)
        assert (again.folder / "full-int8.lepton").read_bytes() == before
        changes = {"recipe": other, "macs": (1,), "schemes": ("int8",)}
        assert again(force=True, **changes)[1] == ["full-int8"]
        assert again(**changes)[1] == []

    def test_pages_that_shall_show_no_samples_are_made_anew(self, again):
        with pytest.raises(OutputError, match="is of another search"):
            again(images=False)

    def test_a_bundle_of_someone_else_stays(self, model, data, tmp_path):
        (tmp_path / "full-int8.lepton").write_text("mine")
        with pytest.raises(OutputError, match="is of another search"):
            le.search(model, tmp_path, data=data, macs=(1,), executor=Here())
        assert (tmp_path / "full-int8.lepton").read_text() == "mine"


class TestTrouble:
    @pytest.mark.parametrize("what", ["metric", "class"])
    def test_a_point_is_another_one_when_code_of_ones_own_is(self, model, data, tmp_path, monkeypatch, what):
        own = tmp_path / f"own_{what}.py"
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(job_module, "convert", lambda *_, **__: None)
        recipe = msgspec.structs.replace(load_recipe("prune-int8"), metric=f"{own.stem}:f" if what == "metric" else "")
        given = {"recipe": recipe, "custom": () if what == "metric" else (f"{own.stem}:f",)}
        keys = []
        for text in ("f = 1", "f = 1", "f = 2"):
            own.write_text(text)
            with pytest.raises(OutputError):  # nothing was made that could be measured
                le.search(model, tmp_path / "out", data=data, macs=(1,), executor=Here(), force=True, **given)
            keys.append(read_stamp(tmp_path / "out" / "full-int8.lepton").key)
        assert keys[0] == keys[1] != keys[2]

    def test_samples_that_nothing_trains_with_are_told(self, model, data, tmp_path):
        with pytest.raises(RecipeError, match="no point is trained"):
            le.search(model, tmp_path, data=data, train_data=data, macs=(1,), executor=Here())

    def test_a_search_without_a_single_point_says_why(self, model, data, tmp_path, monkeypatch):
        def refuse(*arguments, **others):
            raise PruneError("this cannot be pruned")

        monkeypatch.setattr(job_module, "convert", refuse)
        bundle = tmp_path / "macs0.5-int8.lepton"
        with pytest.raises(ConversionError, match="no point could be made: this cannot be pruned"):
            le.search(model, tmp_path, data=data, macs=(0.5,), executor=Here())
        assert read_stamp(bundle).done

    def test_makers_that_died_are_told_and_the_search_goes_on_when_called_again(self, model, data, tmp_path):
        class Dead(Executor):
            def submit(self, function, job, /):
                future = Future()
                future.set_exception(BrokenExecutor())
                return future

        with pytest.raises(WorkerCrashedError, match="a process that makes points ended: .* makes the others"):
            le.search(model, tmp_path, data=data, macs=(0.5,), executor=Dead())

    def test_what_would_be_wrong_at_every_point_ends_it(self, model, data, tmp_path, monkeypatch):
        def refuse(*arguments, **others):
            raise SamplesError("these do not fit")

        monkeypatch.setattr(job_module, "convert", refuse)
        here = Here()
        with pytest.raises(SamplesError, match="these do not fit"):
            le.search(model, tmp_path, data=data, macs=(0.5,), schemes=("int8",), executor=here)
        assert not read_stamp(tmp_path / "macs0.5-int8.lepton").done

    def test_a_stamp_that_cannot_be_read_is_none(self, tmp_path):
        bundle = tmp_path / "x.lepton"
        write_stamp(bundle, Stamp(key="k", done=True, problem="why"))
        assert read_stamp(bundle) == Stamp(key="k", done=True, problem="why")
        stamp_path(bundle).write_text("{")
        assert read_stamp(bundle) is None

    @pytest.mark.slow
    def test_an_error_ends_what_local_processes_are_doing(self):
        def interrupted():
            with local_processes(1) as makers:
                assert makers.submit(abs, -3).result() == 3
                makers.submit(time.sleep, 300)
                raise KeyboardInterrupt

        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert time.monotonic() - begin < 100


class TestAxis:
    @pytest.mark.parametrize(
        ("low", "high", "texts"),
        [
            (0.3, 4, ["0.2", "0.5", "1", "2", "5"]),
            (1, 1, ["1", "2"]),
            (5, 10, ["5", "10"]),
            (90, 1100, ["50", "100", "200", "500", "1,000", "2,000"]),
            (0.01, 1000, ["0.01", "0.1", "1", "10", "100", "1,000"]),
        ],
    )
    def test_decades_have_ticks_at_1_2_and_5_while_there_is_room(self, low, high, texts):
        axis = decade_axis(low, high)
        assert [tick.text for tick in axis.ticks] == texts
        for tick in axis.ticks:
            assert axis.at(np.log10(float(tick.text.replace(",", "")))) == pytest.approx(tick.at)
        assert axis.low <= np.log10(low) + 1e-9
        assert np.log10(high) <= axis.high + 1e-9


MADE = {
    "ordinary": made_searches.search,
    "unlabelled": made_searches.unlabelled,
    "hard": made_searches.hard,
    "alone": made_searches.alone,
}
WIDTHS = (1280, 768, 390)
SHEET = 660  # of a browser's pixels: A4 without its margins


class TestPage:
    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    @pytest.mark.parametrize("kind", MADE)
    def test_everything_fits_and_can_be_read(self, chromium, kind, dark, tmp_path):
        for found in browser.measure(chromium, render_search(MADE[kind]()), tmp_path, widths=WIDTHS, dark=dark):
            assert found.dark is dark
            assert found.texts > 50
            assert (found.wider, found.squeezed, found.overlapping, found.faint) == ([], [], [], [])

    @pytest.mark.parametrize("kind", MADE)
    def test_it_fits_a_sheet_of_paper(self, chromium, kind, tmp_path):
        page = browser.on_paper(render_search(MADE[kind]()))
        (found,) = browser.measure(chromium, page, tmp_path, widths=(SHEET,), dark=True)
        assert not found.dark
        assert (found.wider, found.squeezed, found.overlapping, found.faint) == ([], [], [], [])

    @pytest.mark.parametrize("kind", MADE)
    def test_it_needs_no_script_and_no_other_file(self, kind):
        page = render_search(MADE[kind]())
        assert "<script" not in page
        assert re.findall(r"\b(?:src|href)=", page) == []
        assert "url(" not in page
        assert "default-src 'none'" in page

    def test_dominated_points_are_grey_and_the_front_is_not(self):
        page = render_search(made_searches.search())
        found = made_searches.search()
        for engine in found.engines:
            dominated = sum(not file.on_latency_front for _, file in found.files(engine))
            dominated += sum(not file.on_size_front for _, file in found.files(engine))
            assert dominated
        groups = len(re.findall(r'<g class="dominated"><title>', page))
        on = len(re.findall(r"<g><title>", page))
        files = [file for point in found.points for file in point.files]
        assert on == sum(file.on_latency_front + file.on_size_front for file in files)
        assert on + groups == 2 * len(files)

    def test_what_is_far_below_the_front_is_told_and_does_not_squeeze_it(self):
        page = render_search(made_searches.search())
        assert "1 far below what is shown stands at the bottom." in page
        assert ">60 %<" not in page

    def test_budgets_of_one_share_are_told_apart(self):
        labels = {Point("n", bound, 0.5, "int8").label for bound in ("macs", "params")}
        assert labels == {"50% MACs int8", "50% params int8"}
