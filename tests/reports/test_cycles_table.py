"""What cores execute, as ``dataflow show`` prints it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import topologies
from dataflow.cli import dataflow
from dataflow.override import Override
from dataflow.session import place_experiment
from reports.cycles_table import instructions_grid, instructions_json, ops_grid, ops_json


def test_a_machine_shows_what_instructions_cost() -> None:
    """Each class, of each model of core; a machine without cores shows none."""
    card = topologies.load_hardware("agilio-cx")
    rows = {row[0]: row[1:] for row in instructions_grid(card).rows}
    assert rows["multiply, 16 bits"] == ("fpc", "4")
    assert rows["load"] == ("fpc", "1 to 3")
    # 16 turns of 10 cycles.
    assert rows["divide, 16 bits, in software"] == ("fpc", "160")
    assert instructions_json(card)["fpc"]["multiply_cycles"] == {"8": 3, "16": 4, "32": 7}
    assert not instructions_grid(topologies.load_hardware("gtx580")).rows


def test_an_experiment_shows_what_each_op_executes() -> None:
    """The cycles of a task are those of the simulation."""
    placed = place_experiment(topologies.load("two-layer-agilio"))
    rows = ops_json(placed)
    assert len(ops_grid(placed).rows) == len(rows)
    longest: dict[tuple[str, str, str], int] = {}
    for task in placed.tasks:
        if task.processor is not None and not (task.direction and task.direction.view):
            key = (task.layer, task.work.kind, task.work.direction)
            time_ps = placed.hardware.processors[task.processor].cost.cost(task.work).time_ps
            longest[key] = max(longest.get(key, 0), time_ps)
    assert {(row["layer"], row["op"], row["pass"]): round(row["seconds"] * 1e12) for row in rows} == longest


@pytest.mark.parametrize("name", ["agilio-cx", "two-layer-agilio"])
def test_show_prints_them(name: str) -> None:
    """As tables and as JSON; an experiment its ops, a machine its instructions."""
    shown = CliRunner().invoke(dataflow, ["show", name])
    assert shown.exit_code == 0
    assert "multiply, 16 bits" in shown.output
    assert ("Loops and cycles" in shown.output) == (name != "agilio-cx")
    document = json.loads(CliRunner().invoke(dataflow, ["show", name, "--json"]).stdout)
    machine = document if name == "agilio-cx" else document["hardware"]
    assert machine["instructions"]["fpc"]["branch_taken_cycles"] == 4
    assert ("cycles" in document) == (name != "agilio-cx")


def test_what_an_engineer_overrides_is_shown() -> None:
    """One multiplication more for each product, of operands of 32 bits: 7 cycles more a turn."""
    usual = ops_json(place_experiment(topologies.load("two-layer-agilio")))
    path = "hardware.models.fpc.compute.instructions.fully_connected.forward.inner.multiply"
    changed = ops_json(place_experiment(topologies.load("two-layer-agilio", [Override(path, "2")])))
    pairs = [
        (before["turn_cycles"], after["turn_cycles"])
        for before, after in zip(usual, changed, strict=True)
        if before["op"] == "fully_connected" and before["pass"] == "forward"
    ]
    assert pairs
    assert all(after == before + 7 for before, after in pairs)
