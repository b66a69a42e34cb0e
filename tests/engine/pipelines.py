"""Traces of pipelines made by hand: every stage as long as every other, in GPipe's order or 1F1B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dataflow.ops import Phase
from dataflow.trace import Span, Trace
from tests.engine.traces import compute, trace, transfer

Work = tuple[Phase, int]
"""A pass over a micro-batch."""


def gpipe(stage: int, stages: int, count: int) -> list[Work]:
    """All forward, then all backward."""
    return [(phase, number) for phase in (Phase.FORWARD, Phase.GRADIENT) for number in range(count)]


def one_forward_one_backward(stage: int, stages: int, count: int) -> list[Work]:
    """As many forward as there are stages after this one, then one each, then what is left backward."""
    ahead = min(stages - stage - 1, count)
    order = [(Phase.FORWARD, number) for number in range(ahead)]
    for number in range(count - ahead):
        order += [(Phase.FORWARD, ahead + number), (Phase.GRADIENT, number)]
    return order + [(Phase.GRADIENT, number) for number in range(count - ahead, count)]


@dataclass(frozen=True)
class Lengths:
    """Picoseconds of a forward pass, a backward pass, and a transfer (0: none is made)."""

    forward: int = 10
    backward: int = 10
    send: int = 0


def pipeline(orders: Sequence[Sequence[Work]], names: Sequence[str], lengths: Lengths = Lengths()) -> Trace:
    """One step: each stage does its works in its order, each as soon as its neighbour has sent."""
    spans: list[Span] = []
    arrived: dict[tuple[int, Work], int] = {}
    done: list[int | None] = [None for _ in names]
    waiting = [list(order) for order in orders]
    last = len(names) - 1
    while any(waiting):
        for stage, order in enumerate(waiting):
            while order and ((stage, order[0]) in arrived or (stage == 0 and order[0][0] is Phase.FORWARD)):
                phase, number = order.pop(0)
                causes = [c for c in (arrived.get((stage, (phase, number))), done[stage]) if c is not None]
                cause = max(causes, key=lambda c: spans[c].end_ps, default=None)
                start = 0 if cause is None else spans[cause].end_ps
                length = lengths.forward if phase is Phase.FORWARD else lengths.backward
                made = compute(start, start + length, cause, on=names[stage], layer=f"l{stage}", phase=phase)
                spans.append(made)
                done[stage] = reached = len(spans) - 1
                turned = phase is Phase.FORWARD and stage == last
                after = stage if turned else stage + 1 if phase is Phase.FORWARD else stage - 1
                if lengths.send and not turned and 0 <= after <= last:
                    ends = (names[stage], names[after])
                    begin = spans[reached].end_ps
                    sent = transfer(begin, begin + lengths.send, reached, ends=ends, phase=phase)
                    spans.append(replace(sent, resources=(f"{names[stage]}.copy",), dimension="stage"))
                    reached = len(spans) - 1
                arrived[after, (Phase.GRADIENT if turned else phase, number)] = reached
    return in_order(spans)


def in_order(spans: Sequence[Span]) -> Trace:
    """The spans in the order they start, with their causes; tasks by micro-batch."""
    order = sorted(range(len(spans)), key=lambda index: (spans[index].start_ps, index))
    place = {old: new for new, old in enumerate(order)}
    moved = [
        replace(spans[old], cause=None if (cause := spans[old].cause) is None else place[cause])
        for old in order
    ]
    return trace(*moved)
