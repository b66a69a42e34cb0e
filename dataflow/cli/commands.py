"""The commands themselves: each reads its arguments, calls the stages and prints what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dataflow.cli.options import (
    backend_option,
    checked_folder,
    experiment_options,
    images_option,
    json_option,
    no_limits_option,
    out_option,
    overrides,
    reference_option,
    report_folder,
    set_option,
    tolerance_option,
)
from dataflow.errors import OptionError
from dataflow.override import Override

if TYPE_CHECKING:
    from dataflow.result import Result

FAILED = 1
"""Exit code of a run whose numbers differ from the reference's."""


@click.command()
@click.argument("experiment")
@experiment_options
@backend_option
@images_option
@reference_option
@tolerance_option
@click.option("--no-verify", is_flag=True, help="Do not compare with a reference.")
@click.option("--values", is_flag=True, help="Print all of a small network's last step, to redo it by hand.")
@no_limits_option
@out_option
@json_option
def run(
    experiment: str,
    settings: tuple[Override, ...],
    steps: int | None,
    batch: int | None,
    seed: int | None,
    backend: str | None,
    images: str | None,
    reference: str,
    tolerance: float | None,
    no_verify: bool,
    values: bool,
    no_limits: bool,
    out: str | None,
    as_json: bool,
) -> int:
    """Compute, time and verify a training step, and report it (default: to results/EXPERIMENT)."""
    import topologies
    from dataflow.cli.showing import showing_what_does_not_fit
    from dataflow.cli.terminal import print_tables, progress_bars
    from dataflow.session import Options, run_experiment
    from reports import show_values

    given = click.get_current_context().get_parameter_source("reference")
    if no_verify and given is click.core.ParameterSource.COMMANDLINE:
        raise OptionError("--no-verify and --reference exclude each other; leave one out")
    chosen = overrides(settings, steps=steps, batch=batch, seed=seed, backend=backend)
    loaded = topologies.load(experiment, chosen)
    folder = report_folder(out, loaded.name)
    with showing_what_does_not_fit(loaded, as_json), progress_bars() as progress:
        options = Options(
            images=images,
            reference=None if no_verify else reference,
            tolerance=tolerance,
            limits=not no_limits,
        )
        result = run_experiment(loaded, options, progress)
    _report(result, folder, as_json)
    if values and not as_json:
        print_tables(show_values(result))
    return 0 if result.verification is None or result.verification.passed else FAILED


@click.command()
@click.argument("experiment")
@experiment_options
@no_limits_option
@out_option
@json_option
def simulate(
    experiment: str,
    settings: tuple[Override, ...],
    steps: int | None,
    batch: int | None,
    seed: int | None,
    no_limits: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Time a training step without computing values; with --out, report it."""
    import topologies
    from dataflow.cli.showing import showing_what_does_not_fit
    from dataflow.cli.terminal import progress_bars
    from dataflow.session import simulate_experiment

    loaded = topologies.load(experiment, overrides(settings, steps=steps, batch=batch, seed=seed))
    folder = None if out is None else checked_folder(out)
    with showing_what_does_not_fit(loaded, as_json), progress_bars() as progress:
        result = simulate_experiment(loaded, progress, limits=not no_limits)
    _report(result, folder, as_json)


@click.command()
@click.argument("experiment")
@experiment_options
@backend_option
@images_option
@reference_option
@tolerance_option
@json_option
def verify(
    experiment: str,
    settings: tuple[Override, ...],
    steps: int | None,
    batch: int | None,
    seed: int | None,
    backend: str | None,
    images: str | None,
    reference: str,
    tolerance: float | None,
    as_json: bool,
) -> int:
    """Compute a training step as placed and compare every tensor with a reference."""
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.session import Options, verify_experiment
    from reports import show_verification, verification_json

    loaded = topologies.load(
        experiment, overrides(settings, steps=steps, batch=batch, seed=seed, backend=backend)
    )
    with progress_bars() as progress:
        options = Options(images=images, reference=reference, tolerance=tolerance)
        verification = verify_experiment(loaded, options, progress)
    if as_json:
        print_json(verification_json(verification))
    else:
        print_tables(show_verification(verification))
    return 0 if verification.passed else FAILED


@click.command()
@click.argument("name")
@set_option
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help="Images to count activations for. Default: the experiment's, or 128.",
)
@click.option(
    "--kind",
    type=click.Choice(["network", "hardware", "experiment"]),
    help="Which, when a name is of two kinds.",
)
@click.option(
    "--draw", type=click.Path(dir_okay=False), help="Draw the network or machine to this .svg or .png file."
)
@json_option
def show(
    name: str,
    settings: tuple[Override, ...],
    batch: int | None,
    kind: str | None,
    draw: str | None,
    as_json: bool,
) -> None:
    """Show a network (layers, shapes, parameters, MACs, bytes), a machine, or an experiment's plan."""
    from dataflow.cli.showing import show_description

    show_description(name, settings, batch, kind, draw, as_json)


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.argument("others", metavar="[C ...]", nargs=-1)
@json_option
def compare(first: str, second: str, others: tuple[str, ...], as_json: bool) -> None:
    """Set experiments (simulated now) or reports (report.json or its folder) side by side."""
    from dataflow.cli.terminal import print_json, print_tables
    from reports import compare as compare_tables
    from reports import compare_json

    a, b, *more = (_as_report(name) for name in (first, second, *others))
    if as_json:
        print_json(compare_json(a, b, *more))
    else:
        print_tables(compare_tables(a, b, *more))


@click.command("list")
@json_option
def list_shipped(as_json: bool) -> None:
    """List the experiments, networks, hardware and backends there are."""
    import backends
    import topologies
    from dataflow.cli.terminal import print_json, print_tables

    rows = [(str(entry.kind), entry.name, entry.description) for entry in topologies.shipped()]
    rows += [("backend", name, "") for name in backends.names()]
    if as_json:
        print_json([{"kind": kind, "name": name, "description": text} for kind, name, text in rows])
        return
    from rich.table import Table

    table = Table()
    for column in ("kind", "name", "description"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    print_tables(table)


def _report(result: Result, folder: str | None, as_json: bool) -> None:
    """Writes a result's files and prints its summary, or its report.json."""
    from dataflow.cli.terminal import print_json, print_tables
    from reports import report_json, summary, write

    written = write(result, folder) if folder else ()
    if as_json:
        print_json(report_json(result))
    else:
        print_tables(summary(result))
    if folder:
        click.echo(f"Report written to {folder} ({', '.join(file.name for file in written)})", err=as_json)


def _as_report(name: str) -> Any:
    """A report.json read, or that of an experiment simulated now."""
    from pathlib import Path

    from reports import read_report, report_json

    path = Path(name)
    if path.is_dir() or name.endswith(".json"):
        return read_report(path)
    import topologies
    from dataflow.session import simulate_experiment

    return report_json(simulate_experiment(topologies.load(name), limits=False))
