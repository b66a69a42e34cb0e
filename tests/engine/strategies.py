"""Hypothesis generators of whole worlds: small networks, machines and plans, none of them special."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

from hypothesis import Phase, given, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from dataflow.data.batches import BatchSource, Noise
from dataflow.data.tokens import UniformTokens
from dataflow.errors import PlanError
from dataflow.experiment import Experiment, Training
from dataflow.graph import training_graph
from dataflow.network import Tokens
from dataflow.placement import PlacedGraph, place
from dataflow.region import Region
from dataflow.simulation import simulate
from tests.engine.random_machines import machines
from tests.engine.random_networks import networks
from tests.engine.random_plans import plans

__all__ = [
    "LAW",
    "World",
    "digest",
    "experiments",
    "law",
    "machines",
    "networks",
    "plans",
    "regions",
    "worlds",
]

LAW = settings(
    derandomize=True, deadline=None, database=None, max_examples=60, phases=(Phase.explicit, Phase.generate)
)
"""How a law of parts is tested: the same examples in every run."""


def law(times: int = 1) -> settings:
    """How a law of worlds is tested: on so many times as many of them as the cheapest (``--examples``)."""
    profile = settings.get_profile("laws")
    return settings(profile, max_examples=profile.max_examples * times)


@st.composite
def regions(draw: st.DrawFn, dimensions: int = 2, extent: int = 6) -> Region:
    """A region with nothing empty in it."""
    ranges = []
    for _ in range(dimensions):
        start = draw(st.integers(0, extent - 1))
        ranges.append((start, draw(st.integers(start + 1, extent))))
    return Region(tuple(ranges))


@dataclass(frozen=True, repr=False)
class World:
    """An experiment and its placed graph."""

    experiment: Experiment
    placed: PlacedGraph

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        printer.text(repr(self))

    def __repr__(self) -> str:
        network, hardware = self.experiment.network, self.experiment.hardware
        lines = [f"batch {self.experiment.training.batch} of {network.input}"]
        lines += [f"{name}: {spec}" for name, spec in network.layers.items()]
        lines += [str(self.experiment.plan), str(dict(hardware.processors))]
        lines += [f"{x.name} {x.sharing} {x.bandwidth_bytes_per_s} {x.latency_ps}" for x in hardware.links]
        return "\n".join(lines)

    @property
    def steps(self) -> int:
        """How many steps it is to run."""
        return self.experiment.training.steps

    @cached_property
    def batches(self) -> BatchSource:
        """Noise, or random tokens."""
        tokens = isinstance(self.experiment.network.input, Tokens)
        return UniformTokens(self.experiment) if tokens else Noise(self.experiment)


@st.composite
def experiments(draw: st.DrawFn, *, exact: bool = False, steps: int = 1) -> Experiment:
    """A network, a machine and a plan, which may turn out to be one that cannot be carried out.

    exact: only layers that keep integers integers (or halves of them) in float64.
    """
    net, hardware = draw(networks(exact=exact)), draw(machines())
    batch = draw(st.integers(1, 4))
    training = Training(
        batch=batch,
        steps=steps,
        dtype="float64",
        learning_rate=0.5,
        momentum=0.5,
        weight_decay=0.25,
    )
    plan = draw(plans(net.ops(batch), hardware))
    return Experiment("random", net, hardware, plan, training)


@st.composite
def worlds(draw: st.DrawFn, *, exact: bool = False, steps: int = 1) -> World:
    """A placed world; the few plans that cannot be carried out (``PlanError``) are passed over."""
    experiment = draw(experiments(exact=exact, steps=steps))
    try:
        return World(experiment, place(training_graph(experiment), experiment.hardware, experiment.plan))
    except PlanError:
        reject()


def with_capacity(world: World, memory: str, capacity_bytes: int) -> PlacedGraph:
    """The placed graph on a machine of which one memory is as large as that."""
    hardware = world.placed.hardware
    memories = {
        **hardware.memories,
        memory: replace(hardware.memories[memory], capacity_bytes=capacity_bytes),
    }
    return replace(world.placed, hardware=replace(hardware, memories=memories))


def digest(count: int) -> str:
    """A hash of the placements and traces of so many worlds, the same ones every time."""
    found = hashlib.sha256()

    @seed(0)
    @settings(LAW, max_examples=count, derandomize=False)
    @given(world=worlds(steps=2))
    def note(world: World) -> None:
        found.update(repr((world.placed.tasks, simulate(world.placed, 2).trace)).encode())

    note()
    return found.hexdigest()
