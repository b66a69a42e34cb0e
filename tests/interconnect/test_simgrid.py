"""Fair sharing against SimGrid: the completion times of random flows on random topologies.

``simgrid/make_cases.py`` says how SimGrid was asked; it is not needed here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.interconnect.sending import B_PER_PS, Send, Wire, machine, times_of

CASES = json.loads((Path(__file__).parent / "simgrid" / "cases.json").read_text(encoding="utf-8"))["cases"]


def ends_ps(case: dict[str, Any]) -> list[int]:
    """When our flows end."""
    wires = [
        Wire(
            *link["ends"],
            link["there"] / B_PER_PS,
            link["back"] / B_PER_PS,
            link["latency_ps"],
            half_duplex=link["half"],
        )
        for link in case["links"]
    ]
    nodes = {end for wire in wires for end in (wire.first, wire.second)}
    given = [(pair.split(), tuple(way)) for pair, way in case["routes"].items()]
    hardware = machine(
        wires,
        sorted(node for node in nodes if node.startswith("s")),
        routes={(source, destination): way for (source, destination), way in given},
    )
    sends = [Send(f["source"], f["destination"], f["bytes"], f["start_ps"]) for f in case["flows"]]
    return [end for _, end in times_of(hardware, sends)]


@pytest.mark.parametrize("case", CASES, ids=[f"case{number}" for number in range(len(CASES))])
def test_flows_end_when_simgrid_says(case: dict[str, Any]) -> None:
    """From its start each flow takes as long as in SimGrid, to a millionth (they agree to a picosecond)."""
    taken = [end - flow["start_ps"] for flow, end in zip(case["flows"], ends_ps(case), strict=True)]
    theirs = [flow["end_ps"] - flow["start_ps"] for flow in case["flows"]]
    assert taken == pytest.approx(theirs, rel=1e-6)
