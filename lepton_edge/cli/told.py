"""What ``convert`` tells a build server, beside what it prints: JUnit XML in a file, annotations in the log."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.errors import LeptonError, OutputError


@dataclass(frozen=True, slots=True)
class Server:
    """A build server.

    Attributes:
        junit: File for JUnit XML; ``None`` for none.
        annotations: Whose annotations to write to standard error; ``None`` for none.
    """

    junit: Path | None
    annotations: Literal["github"] | None

    def tell(self, report: Any) -> None:
        """Tell it what came of a conversion, refused or not."""
        from lepton_edge_converters.report.annotations import github_annotations  # noqa: PLC0415 - when asked for
        from lepton_edge_converters.report.junit import junit_of  # noqa: PLC0415 - when asked for

        if self.annotations:
            for line in github_annotations(report):
                click.echo(line, err=True)
        if self.junit:
            _write(self.junit, junit_of(report))

    def tell_error(self, model: Path, error: LeptonError) -> None:
        """Tell it that a conversion came to no verdict."""
        from lepton_edge_converters.report.annotations import github_error  # noqa: PLC0415 - when asked for
        from lepton_edge_converters.report.junit import junit_of_error  # noqa: PLC0415 - when asked for

        if self.annotations:
            click.echo(github_error(error), err=True)
        if self.junit:
            _write(self.junit, junit_of_error(model.name, error))


def junit_path(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Return the file for JUnit XML; a folder that is missing is told now, not after the work."""
    del context, parameter
    if value is not None and not value.parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.parent} to write {value.name} into")
    return value


def _write(path: Path, content: bytes) -> None:
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as problem:
        raise OutputError(f"cannot write {path}: {problem.strerror or problem}") from problem
