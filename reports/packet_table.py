"""Packet rates, predicted beside measured, as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

from dataflow.packets import PacketPrediction
from reports import units
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLUMNS = ("program", "cores", "predicted_per_s", "measured_per_s", "error", "limit")


def show_packets(prediction: PacketPrediction) -> RenderableType:
    """What each program asks for, and its rate on each number of cores, for ``rich.print``."""
    from rich.console import Group
    from rich.padding import Padding

    grids = (programs_grid(prediction), rates_grid(prediction))
    return Group(*(Padding(grid.rich(), (1, 0, 0, 0)) for grid in grids))


def programs_grid(prediction: PacketPrediction) -> Grid:
    """A row for each program: what a packet takes, and how many cores saturate what."""
    rows: list[Row] = []
    for needs in prediction.needs:
        program = needs.program
        rows.append(
            (
                program.name,
                units.number(program.firmware_cycles),
                units.number(program.own_cycles),
                str(program.reads),
                str(program.atomics),
                units.number(needs.cycles),
                str(needs.saturating_cores),
                needs.limit,
            )
        )
    columns = ("program", "firmware", "own", "reads", "atomics", "cycles", "saturates at", "limit")
    note = "firmware, own, cycles: of one packet on one core; saturates at: cores that reach the limit"
    return Grid("Programs", columns, tuple(rows), left=("limit",), note=note)


def rates_grid(prediction: PacketPrediction) -> Grid:
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
        for rate in prediction.rates
    )
    errors = [abs(rate.error) for rate in prediction.rates if rate.error is not None]
    told = (
        f"; largest error {100 * max(errors):.2f} %; measured: {prediction.experiment.source}"
        if errors
        else ""
    )
    columns = ("program", "cores", "predicted", "measured", "error", "limited by")
    note = f"million packets/s{told}"
    return Grid(f"{prediction.experiment.name}: packet rates", columns, rows, left=("limited by",), note=note)


def _millions(rate: float) -> str:
    return f"{rate / 1e6:.3f}"


def packets_json(prediction: PacketPrediction) -> dict[str, Any]:
    """The same for programs; rates in packets a second, errors as fractions."""
    experiment = prediction.experiment
    return {
        "version": "1",
        "experiment": experiment.name,
        "hardware": experiment.hardware.name,
        "source": experiment.source,
        "programs": {
            needs.program.name: {
                "firmware_cycles": needs.program.firmware_cycles,
                "own_cycles": needs.program.own_cycles,
                "reads": needs.program.reads,
                "atomics": needs.program.atomics,
                "packet_cycles": needs.cycles,
                "saturating_cores": needs.saturating_cores,
            }
            for needs in prediction.needs
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
            for rate in prediction.rates
        ],
    }


def packets_csv(prediction: PacketPrediction) -> str:
    """A header, then a line for each rate; what nobody measured is empty."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for rate in packets_json(prediction)["rates"]:
        rows.writerow([rate[name] for name in _COLUMNS])
    return text.getvalue()
