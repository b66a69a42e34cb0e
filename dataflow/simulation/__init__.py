"""Discrete-event simulation of a placed graph: when everything happens."""

from dataflow.simulation.arrivals import Arrivals
from dataflow.simulation.observer import Observer
from dataflow.simulation.run import Run, simulate

__all__ = ["Arrivals", "Observer", "Run", "simulate"]
