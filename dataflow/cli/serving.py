"""``dataflow load``: latency against offered load."""

from __future__ import annotations

import click

from dataflow.cli.options import json_option, out_option, overrides, report_folder, set_option
from dataflow.override import Override

RECORDED = "recorded"
"""The word for a file's own rate in place of loads."""

UNLIMITED = "none"
"""The word for a queue that holds any number."""


def parse_loads(text: str) -> tuple[float, ...] | None:
    """``0.1,0.5,0.9``; None for ``recorded``."""
    if text.strip() == RECORDED:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a list of shares of the capacity such as 0.1,0.5,0.9, nor {RECORDED!r}"
        ) from None


def parse_queue(text: str) -> int | None:
    """A whole number from 1; None for ``none``."""
    if text.strip() == UNLIMITED:
        return None
    if not text.strip().isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is not a whole number from 1, nor {UNLIMITED!r}")
    return int(text)


@click.command()
@click.argument("experiment")
@click.option(
    "--loads",
    default=None,
    metavar="SHARE,SHARE,...",
    help=f"Offered loads as shares of the capacity (default: 0.1 to 1.2); '{RECORDED}': a file's own rate.",
)
@click.option(
    "--arrivals",
    default="poisson",
    show_default=True,
    metavar="poisson|fixed|FILE",
    help="How requests arrive; a file has one time a line, in seconds or with a unit ('12.5 us').",
)
@click.option(
    "--requests", type=click.IntRange(min=1), help="Requests at each load. Default: as many as are quick."
)
@click.option(
    "--queue",
    default=UNLIMITED,
    show_default=True,
    metavar="N|none",
    help="How many requests may wait; one that finds so many is lost.",
)
@click.option("--batch", type=click.IntRange(min=1), help="Images of one request.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the arrivals.")
@set_option
@out_option
@json_option
def load(
    experiment: str,
    loads: str | None,
    arrivals: str,
    requests: int | None,
    queue: str,
    batch: int | None,
    seed: int | None,
    settings: tuple[Override, ...],
    out: str | None,
    as_json: bool,
) -> None:
    """Latency, loss and the knee as more and more requests arrive (default: to results/EXPERIMENT-load)."""
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.serving.sweep import LOADS
    from dataflow.session.serving import ServingOptions, serve_experiment
    from reports.serving_files import FILES, write_load_curve
    from reports.serving_table import load_curve_json, show_load_curve

    shares = LOADS if loads is None else parse_loads(loads)
    options = ServingOptions(arrivals, shares, requests, parse_queue(queue))
    loaded = topologies.load(experiment, overrides(settings, batch=batch, seed=seed))
    folder = report_folder(out, loaded.name, "load")
    with progress_bars() as progress:
        curve = serve_experiment(loaded, options, progress)
    write_load_curve(curve, folder)
    if as_json:
        print_json(load_curve_json(curve))
    else:
        print_tables(show_load_curve(curve))
    click.echo(f"Load curve written to {folder} ({', '.join(FILES)})", err=as_json)
