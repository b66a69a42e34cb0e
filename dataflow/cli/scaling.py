"""``dataflow scale``: one experiment at several sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dataflow.cli.options import (
    experiment_options,
    json_option,
    no_limits_option,
    out_option,
    overrides,
    report_folder,
)
from dataflow.errors import OptionError
from dataflow.override import Override

if TYPE_CHECKING:
    from dataflow.scaling.scaling import Sweep


@click.command()
@click.argument("experiment")
@click.option(
    "--over",
    multiple=True,
    required=True,
    metavar="AXIS=N,N,...",
    help="Lengths of a mesh axis, such as data=1,2,4,8, or values of any field by its path. May be repeated.",
)
@click.option("--strong", is_flag=True, help="Keep the batch (the default).")
@click.option("--weak", is_flag=True, help="Let the batch grow with the processors, from the first size on.")
@click.option(
    "--batch-per-processor",
    type=click.IntRange(min=1),
    metavar="N",
    help="Give each processor so many images; weak scaling too.",
)
@experiment_options
@no_limits_option
@out_option
@json_option
def scale(
    experiment: str,
    over: tuple[str, ...],
    strong: bool,
    weak: bool,
    batch_per_processor: int | None,
    settings: tuple[Override, ...],
    steps: int | None,
    batch: int | None,
    seed: int | None,
    no_limits: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Time an experiment at several sizes: speed-up, efficiency, and what limits it (default: to
    results/EXPERIMENT-scaling).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.session import scale_experiment
    from reports import scaling_json, show_scaling, write_scaling
    from reports.scaling_files import FILES

    if strong and (weak or batch_per_processor is not None):
        raise OptionError("--strong keeps the batch, --weak and --batch-per-processor change it; choose one")
    sweep = _sweep(over, weak, batch_per_processor)
    chosen = overrides(settings, steps=steps, batch=batch, seed=seed)
    folder = report_folder(out, topologies.load(experiment).name, "scaling")
    with progress_bars() as progress:
        scaling = scale_experiment(experiment, chosen, sweep, progress, limits=not no_limits)
    write_scaling(scaling, folder)
    if as_json:
        print_json(scaling_json(scaling))
    else:
        print_tables(show_scaling(scaling))
    click.echo(f"Scaling written to {folder} ({', '.join(FILES)})", err=as_json)


def _sweep(over: tuple[str, ...], weak: bool, batch_per_processor: int | None) -> Sweep:
    from dataflow.scaling.scaling import Sweep, Swept

    fields: list[Swept] = []
    for text in over:
        name, _, values = text.partition("=")
        fields.append(Swept(name.strip(), tuple(value.strip() for value in values.split(","))))
    return Sweep(tuple(fields), weak=weak, batch_per_processor=batch_per_processor)
