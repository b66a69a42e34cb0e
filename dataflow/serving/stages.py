"""Whether processors are the stages of a tandem, of which queueing theory knows the waits."""

from __future__ import annotations

import networkx as nx

from dataflow.placement import PlacedGraph
from dataflow.simulation.schedule import Schedule

_FEW = 3


def no_closed_form(placed: PlacedGraph) -> str:
    """Why theory has no answer for requests of a placed step that stream; empty where it has one.

    A processor serves one contiguous stage of a request if nothing that it does depends on what another
    has made of its own results; then a request visits it once (Avi-Itzhak 1965). A controller that
    signals all tasks is visited by each of them.
    """
    if placed.task_graph.mode != "pipeline":
        return ""
    if placed.plan.control.kind != "dataflow":
        return "no closed form: every stage of a request waits for the one controller"
    exchanging = _exchanging(placed)
    if not exchanging:
        return ""
    more = len(exchanging) - _FEW
    who = ", ".join(exchanging[:_FEW]) + (f" and {more} more" if more > 0 else "")
    return f"no closed form: stages exchange, a request comes back to {who}"


def _exchanging(placed: PlacedGraph) -> list[str]:
    """The processors that depend on others which depend on them, in the order of the machine."""
    graph: nx.DiGraph[str | int] = nx.DiGraph()
    nodes = [index if task.processor is None else task.processor for index, task in enumerate(placed.tasks)]
    for index, sources in enumerate(Schedule(placed).within):
        graph.add_edges_from((nodes[source], nodes[index]) for source in sources)
    found = {
        node
        for component in nx.strongly_connected_components(graph)
        if sum(isinstance(each, str) for each in component) > 1
        for node in component
    }
    return [name for name in placed.hardware.processors if name in found]
