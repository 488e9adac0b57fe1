"""A second conversion repeats nothing that it need not, and never takes what was made of something else."""

import shutil

import keras_models
import msgspec
import pytest

import lepton_edge as le
from lepton_edge_converters import improving, making, toolchain
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import open_for_conversion
from lepton_edge_converters.recipe import Gates, Recipe
from lepton_edge_converters.shrinking import Pruning
from lepton_edge_converters.stages.cache import StageCache
from lepton_edge_converters.thinning import Sparsity
from lepton_edge_converters.train import Training
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.machine import Processor

RECIPE = Recipe(scheme="int8", formats=("tflite",))

FLOAT = {"exporters.tflite:export_tflite", "exporters.embed:embed_card_in_file"}
EXPORT = {"quantize.export:export_int8", "exporters.embed:embed_card_in_file", "details.layers:compare_layers"}
IMPROVE = {"passes.improve:improve", "exporters.tflite:export_tflite"}  # a float file changed alike, to compare with
ONNX = {"exporters.onnx:export_onnx", "exporters.embed:embed_card_in_file"}
ANSWERS = {"artefacts:answer_samples"}
LAST = {"artefacts:time_artefacts", "artefacts:prove_bundle"}
REFERENCE = {"load.opened:predict_file"}
SPARSE = {
    "sparsity.carry:write_carried",
    "sparsity.training:train_sparse",
    "sparsity.carry:put_back",
    "sparsity.files:weigh",
}

CHANGED = {
    "scheme": ("float32", ANSWERS | LAST),  # which was exported before, for comparison
    "formats": (("tflite", "onnx"), ONNX | ANSWERS | LAST),
    "io": ("int8", EXPORT | ANSWERS | LAST),
    "holdout": (0.5, REFERENCE | EXPORT | ANSWERS | LAST),
    "calibration": (50, EXPORT | ANSWERS | LAST),
    "seed": (1, REFERENCE | EXPORT | ANSWERS | LAST),
    "batch": ("dynamic", {"load.opened:trace_file", "artefacts:answer_batch"} | FLOAT | EXPORT | ANSWERS | LAST),
    "ranges": ("percentile", EXPORT | ANSWERS | LAST),
    "float_layers": (("classes",), EXPORT | ANSWERS | LAST),
    "equalize": (True, IMPROVE | EXPORT | ANSWERS | LAST),
    "correct_bias": (True, IMPROVE | EXPORT | ANSWERS | LAST),
    "logits": (True, {"load.opened:trace_file"} | FLOAT | EXPORT | ANSWERS | LAST),
    "qat": (True, {"qat.train:train"} | EXPORT - {"exporters.embed:embed_card_in_file"} | ANSWERS | LAST),
    "repair": (True, {"artefacts:prove_bundle"}),  # nothing had to be repaired
    "repair_minutes": (5.0, {"artefacts:prove_bundle"}),
    "strict": (True, {"artefacts:prove_bundle"}),  # nothing is odd about these samples
    "metric": ("closeness", {"artefacts:prove_bundle"}),
    "prune": (
        Pruning(macs=0.7, criterion="l2"),
        {"load.opened:describe_file", "pruning.jobs:prune_file", "load.opened:trace_file"}
        | FLOAT | EXPORT | ANSWERS | LAST,
    ),
    "training": (Training(epochs=3), {"artefacts:prove_bundle"}),  # nothing is trained
    "sparsity": (
        Sparsity(zeros=0.5, epochs=1),
        REFERENCE | SPARSE | {"load.opened:trace_file"} | FLOAT | EXPORT | ANSWERS | LAST,
    ),
    "gates": (Gates(max_drop=50.0), {"artefacts:prove_bundle"}),  # the recipe goes into the bundle
}  # fmt: skip
"""For each key of a recipe, another value, and the stages that are then carried out again; no other stage is."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("caching")


@pytest.fixture(autouse=True)
def _short_timing(monkeypatch):
    # Training that moves nothing: the file is the one that was made before, and its card need not be put in again.
    still = Training(epochs=1, learning_rate=1e-9)
    monkeypatch.setattr(improving, "settings_for", lambda _, *, seed: msgspec.structs.replace(still, seed=seed))
    monkeypatch.setattr(making, "_TIMING_SECONDS_A_FILE", 0.01)
    monkeypatch.setattr(making, "NOISY", float("inf"))  # what else the machine does shall decide nothing here


@pytest.fixture(scope="module")
def convert(folder, keras_file):
    """Convert with the module's cache, which has seen one conversion already; return the report and the bundle."""

    def call(recipe=RECIPE, **options):
        out = folder / "out.lepton"
        options = {"data": keras_models.patterns(120, seed=7), "cache": folder / "cache", "force": True} | options
        return le.convert(keras_file("sequential"), out, recipe=recipe, **options), out.read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "_TIMING_SECONDS_A_FILE", 0.01)
        patch.setattr(making, "NOISY", float("inf"))
        call.first = call()
    return call


def test_the_first_run_carries_out_every_stage(convert):
    report, _ = convert.first
    assert report.stages.reused == ()
    assert {"load.opened:describe_file", "load.opened:trace_file"} | REFERENCE | FLOAT | EXPORT | ANSWERS | LAST == set(
        report.stages.carried_out
    )


def test_the_second_run_asks_the_worker_nothing_and_gives_the_same(convert, monkeypatch):
    monkeypatch.setattr(Worker, "call", lambda *_a, **_o: pytest.fail("the worker was asked"))
    report, content = convert()
    first, first_content = convert.first
    assert report.stages.carried_out == ()
    assert content == first_content
    assert report.rows == first.rows
    assert report.gates == first.gates


@pytest.mark.parametrize("name", Recipe.__struct_fields__)
def test_another_recipe_repeats_what_its_key_changes_and_nothing_else(convert, name):
    if name == "fastest":
        pytest.skip("has a test of its own")
    if name not in CHANGED:
        pytest.fail(f"say in CHANGED which stages the recipe's key {name!r} changes")
    value, stages = CHANGED[name]
    changed = msgspec.structs.replace(RECIPE, **{name: value})
    if name == "scheme":
        changed = msgspec.structs.replace(changed, io="float32")
    report, content = convert(changed)
    assert set(report.stages.carried_out) == stages
    assert content != convert.first[1]


def test_the_fastest_makes_only_the_schemes_that_are_new(convert):
    report, _ = convert(msgspec.structs.replace(RECIPE, fastest=True))
    assert "load.opened:trace_file" in report.stages.reused
    assert REFERENCE.isdisjoint(report.stages.carried_out)


def test_a_latency_that_something_disturbed_is_measured_anew(convert, folder, monkeypatch):
    monkeypatch.setattr(making, "NOISY", 0.0)
    cache = folder / "disturbed"
    shutil.copytree(folder / "cache", cache)
    monkeypatch.setattr(making, "_TIMING_SECONDS_A_FILE", 0.02)
    for _ in range(2):
        report, _ = convert(cache=cache)
        assert report.stages.carried_out == ("artefacts:time_artefacts",)


def test_another_bound_only_judges_anew(convert):
    """The stages that measure are taken as they were; what is refused now writes no bundle."""
    strict = msgspec.structs.replace(RECIPE, gates=Gates(min_cosine=1.0))
    with pytest.raises(le.GateRefusedError, match="TFLite int8 outputs") as refused:
        convert(strict)
    assert refused.value.report.stages.carried_out == ()


def test_one_changed_pixel_is_another_sample(convert):
    pictures, targets = keras_models.patterns(120, seed=7)
    pictures = pictures.copy()
    pictures[:, 0, 0, 0] ^= 1
    report, _ = convert(data=(pictures, targets))
    assert set(report.stages.carried_out) >= REFERENCE | EXPORT | ANSWERS
    assert "load.opened:trace_file" in report.stages.reused


@pytest.mark.usefixtures("fresh_workers")
def test_damaged_entries_are_made_anew_and_the_bundle_is_the_same(convert, folder, caplog):
    convert()
    for path in (folder / "cache" / "stages").iterdir():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    report, content = convert()
    assert report.stages.reused == ()
    assert content == convert.first[1]
    assert caplog.text.count("is made anew") == len(report.stages.carried_out)
    assert convert()[0].stages.carried_out == ()


class TestSurroundings:
    @pytest.mark.parametrize(
        ("home", "name", "value"),
        [
            (toolchain, "installed_versions", lambda: {"numpy": "0.0"}),
            (toolchain, "our_version", lambda: "0.0"),
            (toolchain, "read_processor", lambda: Processor("other", frozenset({"asimd"}))),
            (toolchain, "_own_code", lambda: "changed"),
            (toolchain.platform, "python_version", lambda: "3.99"),
            (toolchain.platform, "machine", lambda: "aarch64"),
            (toolchain.platform, "libc_ver", lambda: ("musl", "1")),
        ],
    )
    def test_every_stage_depends_on_what_it_is_carried_out_with(self, monkeypatch, home, name, value):
        before = toolchain.surroundings()
        assert toolchain.surroundings() == before
        monkeypatch.setattr(home, name, value)
        assert toolchain.surroundings() != before

    def test_our_own_code_counts_to_the_last_line(self, tmp_path, monkeypatch):
        (tmp_path / "stage.py").write_text("x = 1")
        monkeypatch.setattr(toolchain.lepton_edge_converters, "__path__", [str(tmp_path)])
        before = toolchain._own_code.__wrapped__()
        (tmp_path / "stage.py").write_text("x = 2")
        assert toolchain._own_code.__wrapped__() != before

    def test_every_package_that_the_converter_asks_for_counts_or_computes_nothing(self):
        import tomllib
        from pathlib import Path

        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name

        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
        extras = project["optional-dependencies"]
        asked = [
            *project["dependencies"],
            *(line for part in ("tflite", "onnx", "camera", "convert") for line in extras[part]),
        ]
        names = {canonicalize_name(Requirement(line).name) for line in asked} - {"lepton-edge"}
        computes_nothing = {"click", "rich", "matplotlib", "jinja2"}
        assert names <= set(toolchain.COMPUTING) | computes_nothing


class TestModels:
    """What is known of a model without being handed to a stage."""

    class Stand:
        """Answers for a worker, and counts."""

        def __init__(self):
            self.calls = 0

        def call(self, *_a, **_o):
            self.calls += 1
            return ModelFacts("name", str(self.calls), (), (), 1, 2)

    def described(self, path, cache, options=LoadOptions(), worker=None):  # noqa: B008 - a constant
        worker = worker or self.Stand()
        return open_for_conversion(path, worker, options, {}, cache).describe(None, [])

    def test_the_labels_beside_a_teachable_machine_model_count(self, keras_file, tmp_path):
        import shutil

        cache, worker = StageCache(tmp_path / "cache", surroundings=""), self.Stand()
        model = tmp_path / "keras_model.h5"
        shutil.copy(keras_file("sequential"), model)
        for labels, calls in (("0 a\n1 b\n", 1), ("0 a\n1 b\n", 1), ("0 a\n1 c\n", 2)):
            (tmp_path / "labels.txt").write_text(labels)
            self.described(model, cache, worker=worker)
            assert worker.calls == calls

    def test_a_model_of_the_users_own_code_is_always_asked(self, keras_file, tmp_path):
        cache, worker = StageCache(tmp_path / "cache", surroundings=""), self.Stand()
        for calls in (1, 2):
            self.described(keras_file("sequential"), cache, LoadOptions(custom=("mine:Layer",)), worker)
            assert worker.calls == calls

    @pytest.mark.parametrize("options", [LoadOptions(trust=True)])
    def test_how_it_is_loaded_counts(self, keras_file, tmp_path, options):
        cache, worker = StageCache(tmp_path / "cache", surroundings=""), self.Stand()
        self.described(keras_file("sequential"), cache, worker=worker)
        self.described(keras_file("sequential"), cache, options, worker)
        assert worker.calls == 2
