"""Dataflow simulates the training of neural networks on hardware you may not have.

The stages, by name, each a function from one immutable product to the next:

>>> import dataflow
>>> experiment = dataflow.load("tiny-2x-gtx580")
>>> graph = dataflow.training_graph(experiment)
>>> placed = dataflow.place(graph, experiment.hardware, experiment.plan)
>>> run = dataflow.simulate(placed)
>>> metrics = dataflow.measure(run)
>>> dataflow.verify(experiment).passed
True

``dataflow.run`` does all of it and returns a ``Result`` that reports are made from.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataflow.graph import inference_graph, step_graph, training_graph
    from dataflow.measurement import measure
    from dataflow.override import Override
    from dataflow.placement import place
    from dataflow.session import Options
    from dataflow.session import run_experiment as run
    from dataflow.session import verify_experiment as verify
    from dataflow.simulation import simulate
    from topologies import load, load_hardware, load_network

_HOMES = {
    "Options": ("dataflow.session", "Options"),
    "Override": ("dataflow.override", "Override"),
    "inference_graph": ("dataflow.graph", "inference_graph"),
    "load": ("topologies", "load"),
    "load_hardware": ("topologies", "load_hardware"),
    "load_network": ("topologies", "load_network"),
    "measure": ("dataflow.measurement", "measure"),
    "place": ("dataflow.placement", "place"),
    "run": ("dataflow.session", "run_experiment"),
    "simulate": ("dataflow.simulation", "simulate"),
    "step_graph": ("dataflow.graph", "step_graph"),
    "training_graph": ("dataflow.graph", "training_graph"),
    "verify": ("dataflow.session", "verify_experiment"),
}

__all__ = [
    "Options",
    "Override",
    "inference_graph",
    "load",
    "load_hardware",
    "load_network",
    "measure",
    "place",
    "run",
    "simulate",
    "step_graph",
    "training_graph",
    "verify",
]


def __getattr__(name: str) -> object:
    """Imports a stage when it is first asked for, so that ``import dataflow`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dataflow' has no attribute {name!r}; it has: {', '.join(__all__)}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
