"""``dataflow weights``: a network's weights from one kind of file to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from dataflow.cli.options import json_option, overrides, set_option
from dataflow.errors import OptionError
from dataflow.override import Override

if TYPE_CHECKING:
    from dataflow.experiment import Experiment
    from dataflow.weights.naming import Naming


@click.command()
@click.argument("name", metavar="EXPERIMENT|NETWORK")
@click.option(
    "--from",
    "source",
    metavar="FILE",
    help="Checkpoint, .npz, .safetensors or .pt. Default: of the lowest seed in results/EXPERIMENT-train.",
)
@click.option("--initial", is_flag=True, help="In place of a file: the values that training begins with.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of --initial.")
@click.option(
    "--to", "file", metavar="FILE", required=True, help="What to write: a .npz, .safetensors, .pt or .pth."
)
@click.option(
    "--names",
    type=click.Choice(["own", "pytorch"]),
    help="Whose names. Default: PyTorch's if the network has them and the file is not .npz, else our own.",
)
@set_option
@json_option
def weights(
    name: str,
    source: str | None,
    initial: bool,
    seed: int | None,
    file: str,
    names: str | None,
    settings: tuple[Override, ...],
    as_json: bool,
) -> None:
    """Write a network's weights to a file, from a training, from another file, or as training begins."""
    from dataflow.cli.terminal import print_json, print_tables
    from dataflow.session.weights import convert_weights, write_initial_weights
    from reports import show_weights, weights_json

    if initial and source is not None:
        raise OptionError("--initial and --from exclude each other; leave one out")
    if seed is not None and not initial:
        raise OptionError("--seed is of initial values; give it with --initial")
    experiment = _experiment(name, settings, seed, trained=not initial and source is None)
    naming = cast("Naming | None", names)
    if initial:
        written = write_initial_weights(experiment, file, naming)
    else:
        written = convert_weights(experiment, source, file, naming)
    if as_json:
        print_json(weights_json(written))
    else:
        print_tables(show_weights(written))
    click.echo(f"Weights written to {file}", err=as_json)


def _experiment(name: str, settings: tuple[Override, ...], seed: int | None, *, trained: bool) -> Experiment:
    """The experiment of a name, or the network of that name alone, which has not been trained."""
    from dataclasses import replace

    import topologies
    from dataflow.session.weights import network_alone

    if topologies.kind_of(name) != "network":
        return topologies.load(name, overrides(settings, seed=seed))
    alone = network_alone(topologies.load_network(name, settings))
    if trained:
        raise OptionError(
            f"{name} is a network, which nobody trains by itself; name an experiment, or a file (--from), or "
            "ask for --initial"
        )
    return alone if seed is None else replace(alone, training=replace(alone.training, seed=seed))
