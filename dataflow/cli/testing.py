"""``dataflow test``: how good a trained network is, and what it takes for what."""

from __future__ import annotations

from typing import Literal

import click

from dataflow.cli.options import (
    backend_option,
    data_options,
    json_option,
    out_option,
    overrides,
    report_folder,
    set_option,
)
from dataflow.override import Override


@click.command()
@click.argument("experiment")
@click.option(
    "--weights",
    metavar="FILE",
    help="Checkpoint, .npz, .safetensors or .pt. Default: of the lowest seed in results/EXPERIMENT-train.",
)
@data_options
@click.option(
    "--crops",
    type=click.Choice(["1", "10"]),
    default="1",
    show_default=True,
    help="Of each picture: its centre, or softmax averaged over corners, centre and their mirrors.",
)
@click.option(
    "--part",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="Which part of the data set.",
)
@click.option("--batch", type=click.IntRange(min=1), help="Images computed at a time.")
@set_option
@backend_option
@out_option
@json_option
def test(
    experiment: str,
    weights: str | None,
    images: str | None,
    broken: Literal["refuse", "skip"],
    cache: str | None,
    workers: int | None,
    crops: str,
    part: str,
    batch: int | None,
    settings: tuple[Override, ...],
    backend: str | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Test a trained network: top-1 and top-5 error, confusion, and what it says of each example (default:
    to results/EXPERIMENT-test).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.data.options import DataOptions
    from dataflow.session import EvaluationOptions, evaluate_experiment
    from reports import evaluation_json, show_evaluation, write_evaluation

    loaded = topologies.load(experiment, overrides(settings, batch=batch, backend=backend))
    folder = report_folder(out, loaded.name, "test")
    data = DataOptions(images=images, broken=broken, cache=cache, workers=workers)
    options = EvaluationOptions(weights=weights, crops=int(crops), part=part, data=data)
    with progress_bars() as progress:
        evaluation = evaluate_experiment(loaded, options, progress)
    files = write_evaluation(evaluation, folder)
    if as_json:
        print_json(evaluation_json(evaluation))
    else:
        print_tables(show_evaluation(evaluation))
    click.echo(f"Test written to {folder} ({', '.join(file.name for file in files)})", err=as_json)
