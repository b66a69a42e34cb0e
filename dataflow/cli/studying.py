"""``dataflow study``: variants of an experiment side by side, with intervals over seeds."""

from __future__ import annotations

from typing import Literal

import click

from dataflow.cli.options import data_options, json_option, out_option, report_folder, set_option
from dataflow.cli.training import parse_seeds, stopping
from dataflow.data.options import DataOptions
from dataflow.override import Override


@click.command()
@click.argument("study")
@click.option("--epochs", type=click.IntRange(min=1), help="Of each training, in place of the study's.")
@click.option("--seeds", type=parse_seeds, metavar="0..4", help="Of each variant, in place of the study's.")
@data_options
@set_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=256),
    default=1,
    show_default=True,
    help="Trainings at a time, each in a process of its own with one thread.",
)
@click.option(
    "--resume", is_flag=True, help="Go on with what is in the folder; what is over is not repeated."
)
@out_option
@json_option
def study(
    study: str,
    epochs: int | None,
    seeds: tuple[int, ...] | None,
    images: str | None,
    broken: Literal["refuse", "skip"],
    cache: str | None,
    workers: int | None,
    settings: tuple[Override, ...],
    jobs: int,
    resume: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Carry out a study: variants of an experiment trained or timed, side by side (default: to
    results/STUDY-study).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.session import StudyOptions, carry_out_study
    from reports import show_study, study_json, write_study

    asked = topologies.load_study(study, settings).asked(epochs, seeds)
    options = StudyOptions(jobs=jobs, resume=resume, data=DataOptions(images, broken, cache, workers))
    folder = report_folder(out, asked.name, "study")
    with stopping() as stop, progress_bars() as progress:
        outcome = carry_out_study(asked, options, folder, stop, progress)
    files = write_study(outcome, folder)
    if as_json:
        print_json(study_json(outcome))
    else:
        print_tables(show_study(outcome))
    click.echo(f"Study written to {folder} ({', '.join(file.name for file in files)})", err=as_json)
