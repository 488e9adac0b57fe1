"""A report as JUnit XML, which every build server reads: a test case a gate."""

from xml.etree import ElementTree as ET

from lepton_edge_converters.report import Report
from lepton_edge_converters.report.remarks import remarks
from lepton_edge_runtime.errors import LeptonError
from lepton_edge_runtime.text import printable

_SUITE = "lepton-edge convert"


def junit_of(report: Report) -> bytes:
    """Return the gates as test cases: a refused one is a failure, warnings are the suite's output."""
    refused = sum(1 for gate in report.gates if not gate.passed)
    suite = _suite(f"{report.model} {report.scheme}", tests=len(report.gates), failures=refused, seconds=report.seconds)
    properties = ET.SubElement(suite, "properties")
    facts = {"task": report.task, "samples judged": str(report.samples.judged), "machine": report.machine}
    for name, value in (*facts.items(), *report.versions.items()):
        ET.SubElement(properties, "property", name=name, value=printable(value))
    for gate in report.gates:
        case = ET.SubElement(suite, "testcase", classname=suite.attrib["name"], name=printable(gate.name), time="0")
        if gate.passed:
            ET.SubElement(case, "system-out").text = printable(gate.detail)
        else:
            ET.SubElement(case, "failure", type="GATE", message=printable(gate.detail))
    said = [printable(f"{one.about}: {one.text}") for one in remarks(report)]
    if said:
        ET.SubElement(suite, "system-out").text = "\n".join(said)
    return _document(suite)


def junit_of_error(model: str, error: LeptonError) -> bytes:
    """Return a conversion that came to no verdict as one test case with an error."""
    suite = _suite(model, tests=1, errors=1)
    case = ET.SubElement(suite, "testcase", classname=suite.attrib["name"], name="conversion", time="0")
    ET.SubElement(case, "error", type=error.code, message=printable(str(error)))
    return _document(suite)


def _suite(name: str, *, tests: int, failures: int = 0, errors: int = 0, seconds: float = 0.0) -> ET.Element:
    counts = {"tests": tests, "failures": failures, "errors": errors, "skipped": 0}
    return ET.Element(
        "testsuite", {"name": printable(name), **{key: str(n) for key, n in counts.items()}, "time": f"{seconds:.3f}"}
    )


def _document(suite: ET.Element) -> bytes:
    root = ET.Element(
        "testsuites", {"name": _SUITE, **{key: suite.attrib[key] for key in suite.attrib if key != "name"}}
    )
    root.append(suite)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
