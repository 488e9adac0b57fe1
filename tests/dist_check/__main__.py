"""``python -m dist_check``: every kit, or the ones named; exits with 1 where something does not hold."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click

from dist_check.builds import ROOT, Built, build_all
from dist_check.contents import check_contents
from dist_check.kits import KITS, Kit
from dist_check.processes import ProcessFailedError
from dist_check.report import as_values, problems, tables
from dist_check.subject import make_subject
from dist_check.trial import Ground, Trial, try_kit

_CONSTRAINT = ROOT / "constraints.txt"
_AT_ONCE = 2  # an installation is one process, and so is what then runs in it


@click.command()
@click.option("--only", multiple=True, type=click.Choice([kit.name for kit in KITS]), help="A kit; may be repeated.")
@click.option("--quick", is_flag=True, help="The few kits that continuous integration installs.")
@click.option("--python", default=sys.executable, help="Interpreter of the environments, instead of this one.")
@click.option(
    "--constraint",
    default=_CONSTRAINT,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The versions to install, instead of constraints.txt.",
)
@click.option("--keep", type=click.Path(path_type=Path), help="Work in this new folder, and leave it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    only: tuple[str, ...], python: str, constraint: Path, keep: Path | None, *, quick: bool, as_json: bool
) -> None:
    """Build both distributions, look inside, install them into clean environments and run a bundle in each."""
    if shutil.which(python) is None:
        raise click.UsageError(f"there is no interpreter {python}")
    kits = [kit for kit in KITS if (kit.name in only if only else kit.quick or not quick)]
    pinned = python == sys.executable and constraint == _CONSTRAINT
    with _folder(keep) as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            distributions, ground = _prepare(folder, python, constraint.resolve(), pool, pinned=pinned, keep=bool(keep))
        except ProcessFailedError as failed:
            raise click.ClickException(str(failed)) from failed
        trials = _try_all(kits, distributions, ground, pool)
        findings = [*check_contents(distributions), *(one for trial in trials for one in trial.findings)]
        if as_json:
            click.echo(json.dumps(as_values(distributions, trials, findings), indent=2))
        else:
            click.echo("\n\n".join(map(str, tables(distributions, trials, findings))))
    wrong = problems(findings)
    for one in wrong:
        click.echo(one, err=True)
    click.echo(f"{len(kits)} kits, {len(findings)} checks, {len(wrong)} problems", err=True)
    sys.exit(1 if wrong else 0)


def _prepare(
    folder: Path, python: str, constraint: Path, pool: ThreadPoolExecutor, *, pinned: bool, keep: bool
) -> tuple[dict[str, Built], Ground]:
    """Build both distributions, and make what every environment is asked to run."""
    click.echo("building both distributions, and converting a small model …", err=True)
    making = pool.submit(make_subject, folder / "subject")
    distributions = build_all(folder / "built", pool)
    environments = folder / "environments"
    environments.mkdir()
    return distributions, Ground(environments, python, constraint, pinned, keep, making.result())


def _try_all(kits: list[Kit], distributions: dict[str, Built], ground: Ground, pool: ThreadPoolExecutor) -> list[Trial]:
    def trial(kit: Kit) -> Trial:
        done = try_kit(kit, distributions[kit.distribution].wheel, ground)
        failed = sum(bool(one.problems) for one in done.findings)
        click.echo(f"{kit.name}: {failed or 'no'} problems, {done.seconds:.0f} s", err=True)
        return done

    # The largest first, so that none is left to run alone at the end.
    largest_first = sorted(kits, key=lambda kit: -len(kit.brings))
    done = dict(zip(largest_first, pool.map(trial, largest_first), strict=True))
    return [done[kit] for kit in kits]


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        try:
            keep.mkdir(parents=True)
        except FileExistsError as there:
            raise click.UsageError(f"{keep} exists already; --keep makes a new folder") from there
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="lepton-edge-dist-check-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
