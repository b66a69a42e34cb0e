"""Packet rates, predicted beside measured, as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from dataflow.packets import (
    PacketExperiment,
    PacketRate,
    needs_ps,
    packet_breakdown,
    saturating_cores,
)
from reports import units
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = ("program", "cores", "predicted_per_s", "measured_per_s", "error", "limit")


def show_packets(experiment: PacketExperiment, rates: Sequence[PacketRate]) -> RenderableType:
    """What each program asks for, and its rate on each number of cores, for ``rich.print``."""
    from rich.console import Group
    from rich.padding import Padding

    grids = (programs_grid(experiment, rates), rates_grid(experiment, rates))
    return Group(*(Padding(grid.rich(), (1, 0, 0, 0)) for grid in grids))


def programs_grid(experiment: PacketExperiment, rates: Sequence[PacketRate]) -> Grid:
    """A row for each program: what a packet takes, and how many cores saturate what."""
    rows: list[Row] = []
    for name in _programs(rates):
        program = experiment.programs[name]
        found = packet_breakdown(experiment, program)
        needs = needs_ps(experiment, program)
        rows.append(
            (
                name,
                units.number(program.firmware_cycles),
                units.number(program.own_cycles),
                str(program.reads),
                str(program.atomics),
                units.number(found.cycles),
                str(saturating_cores(experiment, program)),
                max(needs, key=lambda each: needs[each]),
            )
        )
    columns = ("program", "firmware", "own", "reads", "atomics", "cycles", "saturates at", "limit")
    note = "firmware, own, cycles: of one packet on one core; saturates at: cores that reach the limit"
    return Grid("Programs", columns, tuple(rows), left=("limit",), note=note)


def rates_grid(experiment: PacketExperiment, rates: Sequence[PacketRate]) -> Grid:
    """A row for each program and number of cores."""
    rows = tuple(
        (
            rate.program,
            str(rate.cores),
            _millions(rate.packets_per_s),
            "-" if rate.measured is None else _millions(rate.measured),
            "-" if rate.error is None else f"{100 * rate.error:+.2f} %",
            rate.limit,
        )
        for rate in rates
    )
    errors = [abs(rate.error) for rate in rates if rate.error is not None]
    told = f"; largest error {100 * max(errors):.2f} %; measured: {experiment.source}" if errors else ""
    columns = ("program", "cores", "predicted", "measured", "error", "limited by")
    note = f"million packets/s{told}"
    return Grid(f"{experiment.name}: packet rates", columns, rows, left=("limited by",), note=note)


def _programs(rates: Sequence[PacketRate]) -> list[str]:
    return list(dict.fromkeys(rate.program for rate in rates))


def _millions(rate: float) -> str:
    return f"{rate / 1e6:.3f}"


def packets_json(experiment: PacketExperiment, rates: Sequence[PacketRate]) -> dict[str, Any]:
    """The same for programs; rates in packets a second, errors as fractions."""
    return {
        "version": "1",
        "experiment": experiment.name,
        "hardware": experiment.hardware.name,
        "source": experiment.source,
        "programs": {
            name: {
                "firmware_cycles": experiment.programs[name].firmware_cycles,
                "own_cycles": experiment.programs[name].own_cycles,
                "reads": experiment.programs[name].reads,
                "atomics": experiment.programs[name].atomics,
                "packet_cycles": packet_breakdown(experiment, experiment.programs[name]).cycles,
                "saturating_cores": saturating_cores(experiment, experiment.programs[name]),
            }
            for name in _programs(rates)
        },
        "rates": [
            {
                "program": rate.program,
                "cores": rate.cores,
                "predicted_per_s": rate.packets_per_s,
                "measured_per_s": rate.measured,
                "error": rate.error,
                "limit": rate.limit,
            }
            for rate in rates
        ],
    }


def packets_csv(experiment: PacketExperiment, rates: Sequence[PacketRate]) -> str:
    """A header, then a line for each rate; what nobody measured is empty."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for rate in packets_json(experiment, rates)["rates"]:
        rows.writerow([rate[name] for name in _COLUMNS])
    return text.getvalue()
