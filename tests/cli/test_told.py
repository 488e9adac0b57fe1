"""``convert`` in a build script: JUnit, annotations, the page, refused or not; standard output has the report alone."""

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import keras_models
import numpy as np
import pytest


@pytest.fixture
def samples(tmp_path):
    x, y = keras_models.patterns(120, seed=3)
    np.savez(tmp_path / "samples.npz", x=x, y=y)
    return tmp_path / "samples.npz"


def suite_in(path):
    (suite,) = ET.parse(path).getroot()  # noqa: S314 - our own
    return suite


def test_a_conversion_is_told_to_the_build_server_too(command, keras_file, samples, tmp_path):
    status, out, err = command(
        "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton", "--data", samples, "--json", "--no-images",
        "--junit", tmp_path / "junit.xml", "--annotations", "github",
    )  # fmt: skip
    assert status == 0
    assert json.loads(out)["passed"] is True  # nothing else is on standard output
    assert "::notice title=patterns int8::all 8 gates hold for m.lepton" in err.splitlines()
    assert (suite_in(tmp_path / "junit.xml").get("tests"), suite_in(tmp_path / "junit.xml").get("failures")) == (
        "8",
        "0",
    )
    assert "<img" not in (tmp_path / "m.report.html").read_text(encoding="utf-8")


def test_so_is_a_refusal_and_its_page_is_named(command, keras_file, samples, tmp_path):
    (tmp_path / "strict.toml").write_text('scheme = "int8"\n[gates]\nmin_cosine = 1.0\n')
    (tmp_path / "m.report.html").write_text("of the bundle that stays")
    status, _, err = command(
        "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton", "--data", samples,
        "--recipe", tmp_path / "strict.toml", "--junit", tmp_path / "junit.xml", "--annotations", "github",
    )  # fmt: skip
    assert status == 3
    lines = err.splitlines()
    assert lines[0].startswith("::error title=TFLite int8 outputs::cosine ")
    assert f"wrote {tmp_path / 'm.refused.report.html'}" in lines
    assert lines[-1].startswith("lepton-edge: the converted model was refused")
    assert suite_in(tmp_path / "junit.xml").get("failures") == "2"
    assert "2 of 8 gates refused it" in (tmp_path / "m.refused.report.html").read_text(encoding="utf-8")
    assert (tmp_path / "m.report.html").read_text() == "of the bundle that stays"


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_refusal_is_one_whoever_reads_the_report_or_has_read_enough(keras_file, tmp_path, more):
    recipe, junit = tmp_path / "strict.toml", tmp_path / "junit.xml"
    recipe.write_text('scheme = "float16"\nformats = ["tflite"]\n[gates]\nmin_cosine = 1.0\n')
    call = (
        sys.executable, "-m", "lepton_edge", "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton",
        "--recipe", recipe, "--junit", junit, *more,
    )  # fmt: skip
    with subprocess.Popen([*map(str, call)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 3
    assert err.splitlines()[-1].startswith("lepton-edge: the converted model was refused")
    assert suite_in(junit).get("failures") == "1"


def test_a_refusal_is_one_even_if_the_build_server_cannot_be_told(command, keras_file, tmp_path):
    recipe = tmp_path / "strict.toml"
    recipe.write_text('scheme = "float16"\nformats = ["tflite"]\n[gates]\nmin_cosine = 1.0\n')
    status, _, err = command(
        "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton", "--recipe", recipe,
        "--junit", "/proc/self/junit.xml",
    )  # fmt: skip
    assert status == 3
    assert "cannot write /proc/self/junit.xml" in err
    assert err.splitlines()[-1].startswith("lepton-edge: the converted model was refused")


def test_so_is_an_error(command, tmp_path):
    junit = tmp_path / "junit.xml"
    status, out, err = command(
        "convert", tmp_path / "none.keras", "-o", tmp_path / "m.lepton", "--recipe", "float32",
        "--junit", junit, "--annotations", "github",
    )  # fmt: skip
    assert (status, out) == (1, "")
    assert err.splitlines()[0].startswith("::error title=LOAD::there is no model file")
    assert suite_in(junit).find("testcase/error").get("type") == "LOAD"


def test_a_folder_that_is_missing_is_told_before_the_work(command, tmp_path):
    status, _, err = command(
        "convert", "m.keras", "-o", tmp_path / "m.lepton", "--junit", tmp_path / "missing" / "junit.xml"
    )
    assert status == 2
    assert f"there is no folder {tmp_path / 'missing'} to write junit.xml into" in err
