"""One attempt: a traced model as files, judged and timed, with what the gates say of them."""

from dataclasses import dataclass, replace
from pathlib import Path

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.fastest import find_fastest
from lepton_edge_converters.gates.judge import Judgement
from lepton_edge_converters.improving import improve
from lepton_edge_converters.load.opened import OpenedModel
from lepton_edge_converters.making import judge_files, make, time_files
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.report import Report
from lepton_edge_converters.summary import summarize
from lepton_edge_converters.tracing import Tracing, trace


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of converting as one recipe says.

    Attributes:
        plan: What is known, with what was done to the graph.
        job: With the recipe.
        judgements: Of the files that would ship.
        compared: Float files to compare with.
        report: Everything measured, and what the gates found.
    """

    plan: Plan
    job: Job
    judgements: list[Judgement]
    compared: list[Artefact]
    report: Report


def try_out(tracing: Tracing, output: Path, *, compared: list[Artefact] | None = None) -> Attempt:
    """Return what comes of a traced model as its job's recipe says; nothing is written but in the job's folder.

    Args:
        tracing: With the job; passes have been over it, if the recipe asks for them.
        output: The bundle that it is for.
        compared: Float files to compare with, if an earlier attempt has made them.
    """
    made = make(tracing, compared=compared)
    plan, job = made.plan, made.job
    judgements = judge_files(made.artefacts, plan, job)
    plain = judge_files(made.throughout, plan, job)
    timings = time_files([*made.artefacts, *made.compared, *made.throughout], plan, job)
    report = summarize(plan, judgements, made.compared, plain, timings, output, job)
    return Attempt(plan, job, judgements, made.compared, report)


def try_schemes(opened: OpenedModel, plan: Plan, job: Job, output: Path) -> Attempt:
    """Return the attempt whose scheme is the fastest of those that pass; the report has every scheme.

    If none passes, it is the one that the job's recipe names.
    """
    found = find_fastest(
        job,
        lambda one: make(improve(trace(opened, plan, one)), compared=[]),
        lambda made: judge_files(made.artefacts, made.plan, made.job),
        lambda artefacts: time_files(artefacts, plan, job),
    )
    made = found.made
    report = summarize(made.plan, found.judgements, made.compared, [], found.timings, output, made.job)
    return Attempt(made.plan, made.job, found.judgements, made.compared, replace(report, tried=found.tried))
