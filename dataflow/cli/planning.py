"""``dataflow plan``: the search for the plan with the shortest step."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataflow.cli.options import json_option, overrides, set_option
from dataflow.errors import OptionError
from dataflow.override import Override

if TYPE_CHECKING:
    from dataflow.experiment import Experiment
    from dataflow.planning.result import PlanSearch


@click.command()
@click.argument("experiment")
@click.option("--trials", type=click.IntRange(min=1), help="How many plans may be simulated (default: 200).")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of what is tried at random (default: 0).")
@click.option(
    "--storage",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="SQLite file that keeps the trials; a search that finds some there goes on from them.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the best plan to this .yaml file.",
)
@click.option("--batch", type=click.IntRange(min=1), help="Images a step, over all processors.")
@set_option
@json_option
def plan(
    experiment: str,
    trials: int | None,
    seed: int | None,
    storage: str | None,
    output: str | None,
    settings: tuple[Override, ...],
    batch: int | None,
    as_json: bool,
) -> None:
    """Search for the plan with the shortest simulated step that fits in memory, whatever plan there is."""
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.planning import AutoPlan
    from dataflow.planning.comparison import compared, unplanned
    from dataflow.planning.search import search_plan
    from reports import plan_search_json, show_plan_search

    loaded = topologies.load(experiment, overrides(settings, batch=batch))
    _check_output(output)
    auto = loaded.auto or AutoPlan()
    auto = replace(
        auto,
        trials=auto.trials if trials is None else trials,
        seed=auto.seed if seed is None else seed,
        storage=auto.storage if storage is None else storage,
    )
    with progress_bars() as tell:
        told = None if tell is None else lambda done, total: tell("searching for a plan", done, total)
        search = search_plan(unplanned(loaded), auto, told)
    plans = compared(loaded, search)
    if as_json:
        print_json(plan_search_json(search, plans))
    else:
        print_tables(show_plan_search(search, plans))
    if output is not None:
        _write(output, loaded, search)
        click.echo(f"Best plan written to {output}", err=as_json)


def _check_output(output: str | None) -> None:
    """Raises OptionError when the plan could not be written in the end."""
    if output is not None and not Path(output).absolute().parent.is_dir():
        raise OptionError(
            f"--output {output}: there is no folder {str(Path(output).parent)!r}; make it first"
        )


def _write(output: str, experiment: Experiment, search: PlanSearch) -> None:
    """Writes the best plan: an experiment that extends one with an automatic plan, or a part of one."""
    from reports import plan_yaml

    extends = None
    if experiment.auto is not None and experiment.origin is not None:
        origin = Path(experiment.origin)
        extends = os.path.relpath(origin, Path(output).parent) if origin.is_file() else experiment.origin
    settings = "".join(f" --set {each.path}={each.value}" for each in experiment.overrides)
    comment = (
        f"{experiment.name}{settings}: {search.best.outcome.step_time_ps / 1e9:.3f} ms a step, "
        f"the best of {len(search.trials)} plans simulated"
    )
    Path(output).write_text(plan_yaml(search.plan, extends, comment), encoding="utf-8")
