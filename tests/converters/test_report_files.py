"""The report for programs: JSON against its schema, JUnit, annotations, and which files lie beside a bundle."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import made_reports
import pytest

from lepton_edge_converters import report as room
from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.report import GateResult
from lepton_edge_converters.report.annotations import github_annotations, github_error
from lepton_edge_converters.report.files import write_refused, write_reports
from lepton_edge_converters.report.junit import junit_of, junit_of_error
from lepton_edge_converters.report.schema import json_schema

SCHEMA = Path(room.__file__).with_name("report.schema.json")
MADE = [made_reports.report, made_reports.refused, made_reports.bare, made_reports.hard]


class TestSchema:
    @pytest.fixture
    def strict(self):
        """The shipped schema, with no room for keys that it does not name."""
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        for one in (schema, *schema["$defs"].values()):
            one["additionalProperties"] = False
        jsonschema.Draft202012Validator.check_schema(schema)
        return jsonschema.Draft202012Validator(schema)

    @pytest.mark.parametrize("make", MADE)
    def test_every_report_fits_it(self, strict, make):
        strict.validate(json.loads(json.dumps(make().to_dict(), allow_nan=False)))

    def test_a_real_report_fits_it(self, strict, converted):
        path, _ = converted
        strict.validate(json.loads(path.with_suffix(".report.json").read_text(encoding="utf-8")))

    @pytest.mark.parametrize(
        ("key", "value"),
        [("schema", 2), ("passed", "yes"), ("rows", {}), ("layers", {"samples": 8}), ("seconds", None)],
    )
    def test_what_is_no_report_does_not(self, strict, key, value):
        wrong = {**made_reports.report().to_dict(), key: value}
        assert not strict.is_valid(wrong)

    def test_every_key_is_required(self, strict):
        whole = made_reports.report().to_dict()
        assert not any(strict.is_valid({key: whole[key] for key in whole if key != left_out}) for left_out in whole)

    def test_it_and_the_docs_are_what_the_types_say(self):
        root = Path(__file__).parents[2]
        script = [sys.executable, str(root / "docs" / "write_report.py"), "--print"]
        fresh = subprocess.run(script, capture_output=True, text=True, check=True).stdout
        page = "".join((root / "docs" / name).read_text(encoding="utf-8") for name in ("report.md", "search.md"))
        assert fresh == page + SCHEMA.read_text(encoding="utf-8"), "run: make docs"

    def test_numbers_that_json_cannot_write_are_null(self):
        row = made_reports.bare().to_dict()["rows"][1]
        assert (row["title"], row["sqnr_db"]) == ("TFLite float32", None)

    def test_pictures_are_for_the_page_only(self):
        shown = made_reports.hard().to_dict()["disagreements"]["shown"]
        assert "picture" not in shown[0]
        assert "picture" not in json.dumps(json_schema()["$defs"]["Disagreement"]["properties"])

    def test_a_type_that_it_has_no_word_for_is_refused(self):
        from lepton_edge_converters.report.schema import _schema

        with pytest.raises(TypeError, match="a report has no <class 'complex'>"):
            _schema(complex, {})


def parsed(document):
    return ET.fromstring(document)  # noqa: S314 - made a line above


class TestJunit:
    def test_a_gate_is_a_test_case_and_a_refused_one_a_failure(self):
        suites = parsed(junit_of(made_reports.refused()))
        (suite,) = suites
        assert {key: suite.get(key) for key in ("name", "tests", "failures", "errors")} == {
            "name": "net int8", "tests": "2", "failures": "1", "errors": "0",
        }  # fmt: skip
        assert suites.get("failures") == "1"
        passed, failed = suite.findall("testcase")
        assert passed.find("failure") is None
        assert passed.findtext("system-out") == "65, all in integers"
        assert failed.find("failure").attrib == {
            "type": "GATE", "message": "drop +9.33 [+4.1, +14.6] points (at most 1)",
        }  # fmt: skip
        assert "slower than ONNX float32" in suite.findtext("system-out")

    def test_an_error_is_told_with_its_code(self):
        (suite,) = parsed(junit_of_error("net.keras", LoadError("net.keras is no Keras model")))
        error = suite.find("testcase/error")
        assert error.attrib == {"type": "LOAD", "message": "net.keras is no Keras model"}
        assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("1", "1", "0")

    def test_names_that_xml_does_not_bear_are_written_as_escapes(self):
        odd = GateResult("\x1b<&\ud800", passed=False, detail='"\x00"')
        (suite,) = parsed(junit_of(replace(made_reports.report(), gates=(odd,))))
        case = suite.find("testcase")
        assert case.get("name") == "\\x1b<&\\ud800"
        assert case.find("failure").get("message") == '"\\x00"'


class TestAnnotations:
    def test_refusals_are_errors_and_warnings_warnings(self):
        error, warning = github_annotations(made_reports.refused())
        assert error == "::error title=TFLite int8 accuracy::drop +9.33 [+4.1, +14.6] points (at most 1)"
        assert warning.startswith("::warning title=net::ONNX int8 is slower")

    def test_success_is_a_notice(self):
        assert (
            github_annotations(made_reports.report())[-1] == "::notice title=net int8::all 2 gates hold for net.lepton"
        )

    def test_an_error_has_its_code_for_a_title(self):
        assert github_error(LoadError("no model")) == "::error title=LOAD::no model"

    def test_what_means_something_in_a_command_is_escaped(self):
        gate = GateResult("a,b:c%", passed=False, detail="50% lost\n::error::forged")
        (line, _) = github_annotations(replace(made_reports.report(), gates=(gate,)))
        assert line == "::error title=a%2Cb%3Ac%25::50%25 lost\\n::error::forged"

    def test_past_the_tenth_of_a_kind_the_rest_is_told_in_the_tenth(self):
        gates = tuple(GateResult(f"gate {i}", passed=False, detail=f"found {i}") for i in range(12))
        lines = github_annotations(replace(made_reports.report(), gates=gates, warnings=()))
        assert len(lines) == 10
        assert lines[-1] == "::error title=3 more::gate 9: found 9; gate 10: found 10; gate 11: found 11"


class TestFiles:
    def test_a_refusal_has_files_of_its_own_until_something_passes(self, tmp_path):
        out = tmp_path / "net.lepton"
        write_reports(made_reports.report(out))
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert before.keys() == {"net.report.json", "net.report.html"}
        write_refused(made_reports.refused(out))
        after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert after.keys() - before.keys() == {"net.refused.report.json", "net.refused.report.html"}
        assert before.items() <= after.items()
        write_reports(made_reports.report(out))
        assert {path.name for path in tmp_path.iterdir()} == before.keys()

    def test_where_one_file_cannot_be_written_all_stay_as_they_were(self, tmp_path):
        out = tmp_path / "net.lepton"
        write_reports(made_reports.report(out), {out: b"old"})
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        with pytest.raises(FileNotFoundError):
            write_reports(made_reports.report(out, model="another"), {out: b"new", tmp_path / "gone" / "lock": b""})
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_a_refusal_that_cannot_be_written_is_still_a_refusal(self, tmp_path):
        refused = made_reports.refused(tmp_path / "gone" / "net.lepton")
        told = write_refused(refused)
        assert not told.passed
        assert "the report could not be written to" in told.warnings[-1]
        assert "No such file or directory" in told.warnings[-1]

    def test_a_file_name_that_is_no_text_does_not_cost_the_report(self, tmp_path):
        odd = replace(made_reports.disagreement(0), name="caf\udce9.jpg")
        found = replace(made_reports.report().disagreements, shown=(odd,))
        write_reports(made_reports.report(tmp_path / "net.lepton", disagreements=found))
        assert "caf\\udce9.jpg" in (tmp_path / "net.report.html").read_text(encoding="utf-8")
        assert json.loads((tmp_path / "net.report.json").read_text())["disagreements"]["shown"][0]["name"] == odd.name
