"""Discrete-event simulation of a placed graph: when everything happens."""

from dataflow.simulation.event_loop import Observer, Run, simulate

__all__ = ["Observer", "Run", "simulate"]
