"""Discrete-event simulation of a placed graph: when everything happens, and (with a backend) what comes out."""

from dataflow.simulation.event_loop import Observer, Run, simulate

__all__ = ["Observer", "Run", "simulate"]
