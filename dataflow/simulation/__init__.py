"""Discrete-event simulation of a placed graph: when everything happens."""

from dataflow.simulation.observer import Observer
from dataflow.simulation.run import Run, simulate

__all__ = ["Observer", "Run", "simulate"]
