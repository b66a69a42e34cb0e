"""Discrete-event simulation of a placed graph: when everything happens."""

from dataflow.simulation.event_loop import Run, simulate
from dataflow.simulation.observer import Observer

__all__ = ["Observer", "Run", "simulate"]
