"""Results of traces made by hand, of more processors than are simulated quickly."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from dataflow.experiment import Experiment, Training
from dataflow.measurement import measure_trace
from dataflow.ops import Phase
from dataflow.plan import Plan
from dataflow.result import Result
from dataflow.simulation import Run
from dataflow.trace import Span, Trace
from tests.engine.pipelines import Lengths, gpipe, in_order, pipeline
from tests.engine.traces import compute, transfer
from tests.reports.worlds import gpus, placed, tiny_network

US = 10**6
"""A microsecond in picoseconds."""


def made(measured: Trace, count: int, name: str) -> Result:
    """The trace as that of so many GPUs with two copy engines each."""
    experiment = Experiment(
        name, tiny_network(), gpus(count, 2), Plan(processors=("gpu0",)), Training(batch=4)
    )
    metrics = measure_trace(Run(placed(experiment), measured))
    return Result(experiment, measured, metrics, "null")


@cache
def staircase(stages: int, count: int) -> Result:
    """So many micro-batches through so many stages, in GPipe's order."""
    names = [f"gpu{stage}" for stage in range(stages)]
    orders = [gpipe(stage, stages, count) for stage in range(stages)]
    lengths = Lengths(10 * US, 20 * US, 2 * US)
    return made(pipeline(orders, names, lengths), stages, f"gpipe-{stages}")


@cache
def ring(count: int, layers: int = 4) -> Result:
    """Data parallelism: each GPU computes layers forward and back, then a ring all-reduce, then updates."""
    spans: list[Span] = []
    for number in range(count):
        for index in range(2 * layers):
            phase = Phase.FORWARD if index < layers else Phase.GRADIENT
            cause = len(spans) - 1 if index else None
            start = 50 * US * index
            spans.append(
                compute(
                    start, start + 50 * US, cause, on=f"gpu{number}", layer=f"l{index % layers}", phase=phase
                )
            )
    begin = 100 * US * layers
    for round_ in range(2 * (count - 1)):
        for number in range(count):
            ends = (f"gpu{number}", f"gpu{(number + 1) % count}")
            start = begin + 5 * US * round_
            cause = len(spans) - count if round_ else (number + 1) * 2 * layers - 1
            sent = transfer(start, start + 5 * US, cause, ends=ends, phase=Phase.GRADIENT)
            held = (f"{ends[0]}.copy", f"{ends[0]}->switch", f"switch->{ends[1]}")
            spans.append(replace(sent, resources=held, collective="all-reduce ring", dimension="data"))
    end = begin + 10 * US * (count - 1)
    for number in range(count):
        cause = len(spans) - count
        spans.append(compute(end, end + 50 * US, cause, on=f"gpu{number}", layer="l0", phase=Phase.UPDATE))
    return made(in_order(spans), count, f"ring-{count}")
