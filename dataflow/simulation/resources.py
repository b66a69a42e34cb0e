"""What tasks hold or share while they run: processors, copy engines, channels of links, and engines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from dataflow.cost import Cost
from dataflow.hardware import Hardware
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedTask

CONTROLLER = "controller"
"""The resource that signals hold."""


_INPUT = ".input"


def input_of(host: str) -> str:
    """The resource that are the cores of a host which prepare batches."""
    return f"{host}{_INPUT}"


def host_of(resource: str) -> str:
    """The host whose cores a resource is."""
    return resource.removesuffix(_INPUT)


class Passage(NamedTuple):
    """How a task goes through the machine.

    held: the resources it has to itself from start to end. used: these, the fair channels and the
    engines. length_ps: how long it takes; for what shares anything, how long before it begins to.
    bound: what sets that. alone_ps, cap, shares: of the flow of what shares channels or engines,
    as in ``dataflow.simulation.flows.Flow``; shares is empty when it shares none. own_ps: how long a
    computation takes if it need not wait for engines. stalled_ps, semaphore_ps: what of that it
    waits for memory and spends on a semaphore. operations: what it asks of engines.
    """

    held: tuple[str, ...]
    used: tuple[str, ...]
    length_ps: int
    bound: str
    alone_ps: float = 0.0
    cap: float = 0.0
    shares: Mapping[str, float] = MappingProxyType({})
    own_ps: int = 0
    stalled_ps: int = 0
    semaphore_ps: int = 0
    operations: tuple[tuple[str, float], ...] = ()


class Resources:
    """How much of each exclusive resource is free, and who used it last.

    fair: channels and engines that tasks share.
    """

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.free: dict[str, int] = dict.fromkeys(hardware.processors, 1)
        for driver, engines in hardware.copy_engines.items():
            self.free[f"{driver}.copy"] = engines
        self._channels = frozenset(link.channel for link in hardware.links if link.sharing == "fair")
        for link in hardware.links:
            if link.channel not in self._channels:
                self.free[link.channel] = 1
        if hardware.controller is not None:
            self.free[CONTROLLER] = 1
        for host in hardware.inputs:
            self.free[input_of(host)] = 1
        self.fair = self._channels | hardware.engines.keys()
        self._last: dict[str, tuple[int, int]] = {}
        self._passages: dict[tuple[tuple[str, str], int], Passage] = {}

    def passages(self, tasks: Sequence[PlacedTask], semaphores: Collection[int]) -> list[Passage]:
        """What each task holds and shares. semaphores: those that test one."""
        return [self.passage(task, semaphore=index in semaphores) for index, task in enumerate(tasks)]

    def passage(self, task: PlacedTask, *, semaphore: bool = False, position: float | None = None) -> Passage:
        """What a task holds and shares, and for how long.

        semaphore: whether it tests one. position: where in published ranges of latencies it falls, as
        in ``CostModel.cost``; None for the middle.
        """
        if task.pictures is not None:
            host = self.hardware.inputs[task.computes_in]
            held = (input_of(task.computes_in),)
            length_ps = host.time_ps(task.pictures, task.bytes)
            return Passage(held, held, length_ps, host.bound(task.pictures, task.bytes))
        if task.ends is None:
            assert task.processor is not None
            model = self.hardware.processors[task.processor].cost
            cost = model.cost(task.work) if position is None else model.cost(task.work, position)
            controller = self.hardware.controller
            semaphore_ps = controller.semaphore_ps if semaphore and controller is not None else 0
            return self._computation(task.processor, cost, semaphore_ps)
        key = (task.ends, task.bytes)
        if key not in self._passages:
            self._passages[key] = self._transfer(*key)
        return self._passages[key]

    def _computation(self, processor: str, cost: Cost, semaphore_ps: int) -> Passage:
        """A processor, and the engines that the task asks for anything.

        Its flow is of operations, of all engines together.
        """
        asked = tuple((name, count) for name, count in cost.operations.items() if count)
        held = (processor,)
        if not asked:
            length_ps = semaphore_ps + cost.time_ps
            return Passage(
                held, held, length_ps, cost.bound, 0.0, 0.0, MappingProxyType({}),
                length_ps, cost.stalled_ps, semaphore_ps,
            )  # fmt: skip
        all_of_it = sum(count for _, count in asked)
        engine_ps = {name: count * self._operation_ps(name) for name, count in asked}
        alone_ps = max(cost.time_ps, *engine_ps.values())
        return Passage(
            held=held,
            used=(processor, *engine_ps),
            length_ps=semaphore_ps,
            bound=cost.bound,
            alone_ps=alone_ps,
            cap=all_of_it / alone_ps,
            shares={name: needed_ps / all_of_it for name, needed_ps in engine_ps.items()},
            own_ps=semaphore_ps + cost.time_ps,
            stalled_ps=cost.stalled_ps,
            semaphore_ps=semaphore_ps,
            operations=asked,
        )

    def _operation_ps(self, engine: str) -> float:
        return PS_PER_S / self.hardware.engines[engine].operations_per_s

    def occupied_ps(self, operations: tuple[tuple[str, float], ...]) -> dict[str, float]:
        """How long each engine needs for what a task asks of it."""
        return {name: count * self._operation_ps(name) for name, count in operations}

    def passed_ps(self, size_bytes: int, ends: tuple[str, str]) -> dict[str, float]:
        """How long a transfer would need each fair channel of its route if it had all of it."""
        found: dict[str, float] = {}
        for link in self.hardware.route(*ends):
            if link.channel in self.fair:
                found[link.channel] = max(found.get(link.channel, 0.0), link.occupied_ps(size_bytes))
        return found

    def _transfer(self, ends: tuple[str, str], size_bytes: int) -> Passage:
        """A copy engine and the channels of the route."""
        driver = self.hardware.driver(*ends)
        route = self.hardware.route(*ends)
        channels = tuple(dict.fromkeys(link.channel for link in route))
        used = (f"{driver}.copy", *channels) if driver else channels
        held = tuple(name for name in used if name not in self._channels)
        if not size_bytes or len(held) == len(used):
            return Passage(held, used, self.hardware.transfer_ps(size_bytes, *ends), "link")
        shares: dict[str, float] = {}
        for link in route:
            if link.channel in self._channels:
                share = link.occupied_ps(size_bytes) / size_bytes
                shares[link.channel] = max(shares.get(link.channel, 0.0), share)
        alone_ps = max(link.time_ps(size_bytes) for link in route)
        return Passage(
            held, used, self.hardware.alpha_ps(*ends), "link", alone_ps, size_bytes / alone_ps, shares
        )

    def first_taken(self, names: tuple[str, ...]) -> str | None:
        """The first of some resources that is not free, or None."""
        for name in names:
            if not self.free[name]:
                return name
        return None

    def take(self, names: tuple[str, ...]) -> None:
        """Takes one of each."""
        for name in names:
            self.free[name] -= 1

    def give_back(self, names: tuple[str, ...], span: int, now: int) -> None:
        """Gives one of each back, and remembers the span that had them and when it ended."""
        for name in names:
            self.free[name] += 1
            self._last[name] = span, now

    def users_until(self, names: tuple[str, ...], now: int) -> list[int]:
        """The spans that gave these back last, if that was now."""
        last = self._last
        return [last[name][0] for name in names if name in last and last[name][1] == now]
