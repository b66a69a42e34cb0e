"""``dataflow show``: a network, a machine or an experiment, as tables, JSON or a picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import topologies
from dataflow.cli.terminal import print_json, print_tables, progress_bars
from dataflow.errors import FitError, OptionError, ReportError
from dataflow.experiment import Experiment
from dataflow.feasibility import feasibility
from dataflow.hardware import Hardware
from dataflow.network import Network
from dataflow.override import Override
from dataflow.session import place_experiment
from reports import (
    draw_hardware,
    draw_network,
    fit_findings,
    fit_json,
    hardware_json,
    network_json,
    plan_json,
    show_fit,
    show_hardware,
    show_network,
    show_plan,
)

DEFAULT_BATCH = 128
FLOAT32_BYTES = 4


def show_description(
    name: str,
    settings: tuple[Override, ...],
    batch: int | None,
    kind: str | None,
    draw: str | None,
    as_json: bool,
) -> None:
    """Prints what a name or path describes; of a name of two kinds, the network."""
    if draw and Path(draw).suffix not in (".svg", ".png"):
        raise ReportError(f"--draw {draw}: pictures are .svg or .png; name the file accordingly")
    match kind or _kind(name):
        case "network":
            _show_network(topologies.load_network(name, settings), batch, draw, as_json)
        case "hardware" if batch is not None:
            raise OptionError(f"show {name}: --batch is for networks and experiments, but this is hardware")
        case "hardware":
            _show_hardware(topologies.load_hardware(name, settings), draw, as_json)
        case _:
            if batch is not None:
                settings = (*settings, Override("training.batch", str(batch)))
            _show_experiment(topologies.load(name, settings), draw, as_json)


def _kind(name: str) -> str:
    """The kind of a name: a network's before an experiment's of the same name."""
    kinds = {entry.kind for entry in topologies.shipped() if entry.name == name}
    return "network" if "network" in kinds else topologies.kind_of(name)


def _show_network(network: Network, batch: int | None, draw: str | None, as_json: bool) -> None:
    count = batch or DEFAULT_BATCH
    if draw:
        draw_network(network, Path(draw))
    if as_json:
        print_json(network_json(network, count, FLOAT32_BYTES))
    else:
        print_tables(show_network(network, count, FLOAT32_BYTES))


def _show_hardware(hardware: Hardware, draw: str | None, as_json: bool) -> None:
    if draw:
        draw_hardware(hardware, Path(draw))
    if as_json:
        print_json(hardware_json(hardware))
    else:
        print_tables(show_hardware(hardware))


@contextmanager
def showing_what_does_not_fit(experiment: Experiment, as_json: bool) -> Iterator[None]:
    """Where an experiment does not fit its cores, prints what ``show`` says of that before the error.

    Raises FitError again, in one line.
    """
    try:
        yield
    except FitError as fault:
        with progress_bars() as progress:
            found = feasibility(place_experiment(experiment, progress, check=False), experiment.mode)
        if as_json:
            print_json({"name": experiment.name, "feasibility": fit_json(found)})
        else:
            print_tables(show_fit(found))
        raise FitError(
            f"experiment {experiment.name!r}: {fit_findings.verdict(found)}, for the "
            "reasons on standard output; nothing was run or written",
            reason=fault.reason,
        ) from None


def _show_experiment(experiment: Experiment, draw: str | None, as_json: bool) -> None:
    from reports.cycles_table import ops_grid, ops_json

    with progress_bars() as progress:
        placed = place_experiment(experiment, progress, check=False)
    cores = any(memory.banks for memory in experiment.hardware.memories.values())
    found = feasibility(placed, experiment.mode) if cores else None
    training = experiment.training
    if draw:
        draw_network(experiment.network, Path(draw))
    if as_json:
        shown: dict[str, Any] = {
            "name": experiment.name,
            "description": experiment.description,
            "network": network_json(experiment.network, training.batch, training.itemsize),
            "hardware": hardware_json(experiment.hardware),
            "plan": plan_json(placed),
            "cycles": ops_json(placed),
        }
        if found is not None:
            shown["feasibility"] = fit_json(found)
        print_json(shown)
        return
    print_tables(show_network(experiment.network, training.batch, training.itemsize))
    print_tables(show_hardware(experiment.hardware))
    print_tables(show_plan(placed))
    cycles = ops_grid(placed)
    if cycles.rows:
        print_tables(cycles.rich())
    if found is not None:
        print_tables(show_fit(found))
