"""Laws of communication: what is sent is received, and is what the algebra of shards says."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from hypothesis import given, reject
from hypothesis import strategies as st

from dataflow.errors import PlanError
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.measurement import measure
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, place
from dataflow.plan import Rule
from dataflow.simulation import simulate
from dataflow.tensor import TensorKind
from tests.engine.sharding_algebra import Algebra
from tests.engine.strategies import World, experiments, law, worlds


@law(6)
@given(world=worlds(steps=3))
def test_what_is_sent_is_received(world: World) -> None:
    """Bytes are those of the regions that messages carry; links carry just these, and switches keep none."""
    graph, hardware = world.placed, world.placed.hardware
    for task in graph.transfers:
        copies = [graph.shards[name] for name in task.writes.values()]
        sources = [read for read in task.reads if not read.at_end]
        assert [read.region for read in sources] == [copy.region for copy in copies]
        assert task.bytes == sum(copy.region.size * copy.tensor.itemsize for copy in copies) > 0
    metrics = measure(simulate(graph, 3))
    leaving: Counter[str] = Counter()
    for task in graph.transfers:
        for link in hardware.route(*task.route):
            leaving[link.name] += task.bytes
    carried = {link.name: metrics.links[link.name].bytes for link in hardware.links}
    assert carried == {name: leaving[name] for name in carried}
    for node in (*hardware.memories, *hardware.switches):
        out = sum(carried[link.name] for link in hardware.links if link.source == node)
        back = sum(carried[link.name] for link in hardware.links if link.destination == node)
        sent = sum(task.bytes for task in graph.transfers if task.route[0] == node)
        received = sum(task.bytes for task in graph.transfers if task.route[1] == node)
        assert out - sent == back - received


@st.composite
def plain_worlds(draw: st.DrawFn) -> World:
    """Worlds in which everything goes straight to who needs it, and parameters live where they are read."""
    experiment = draw(experiments())
    hardware, plan = experiment.hardware, experiment.plan
    processors = {name: replace(p, reduces=False) for name, p in hardware.processors.items()}
    rules = {name: _plain(rule) for name, rule in plan.layers.items()}
    experiment = replace(
        experiment,
        hardware=replace(hardware, processors=processors),
        plan=replace(plan, layers=rules, collectives={}, bucket_bytes=0),
    )
    return _placed(experiment)


def _plain(rule: Rule) -> Rule:
    return replace(rule, update=None, store={}, recompute=False)


def _placed(experiment: Experiment) -> World:
    try:
        return World(experiment, place(training_graph(experiment), experiment.hardware, experiment.plan))
    except PlanError:
        reject()


PART_OF_A_SUM = re.compile(r"\.(part|sum)\d+$")


def received(graph: PlacedGraph) -> dict[tuple[str, bool], Counter[str]]:
    """For each tensor's value, and parts of the sum that it is, the bytes that each memory receives."""
    found: dict[tuple[str, bool], Counter[str]] = {}
    for task in graph.transfers:
        for name in task.writes.values():
            shard = graph.shards[name]
            base = PART_OF_A_SUM.sub("", shard.tensor.base)
            key = (f"{base}@{shard.tensor.version}", base != shard.tensor.base)
            found.setdefault(key, Counter())[shard.memory] += shard.bytes
    return found


@law(10)
@given(world=plain_worlds())
def test_what_is_moved_is_what_the_algebra_of_shards_says(world: World) -> None:
    """Of each value what a memory needs and lacks, once; of each sum what others contribute to its homes."""
    graph, plan = world.placed, world.experiment.plan
    processors = plan.processors or tuple(graph.hardware.processors)
    algebra = Algebra(graph.task_graph, plan, processors)
    moved = received(graph)
    for tensor in graph.task_graph.tensors.values():
        if tensor.version or tensor.kind in (TensorKind.BATCH, TensorKind.VELOCITY):
            continue
        values, parts = moved.get((tensor.name, False), Counter()), moved.get((tensor.name, True), Counter())
        summed = algebra.summed_bytes(tensor)
        if summed is not None:
            assert values + parts == summed + algebra.copied_bytes(tensor), tensor.name
        else:
            least = algebra.copied_bytes(tensor)
            assert all((values + parts)[memory] >= count for memory, count in least.items()), tensor.name


@law(4)
@given(world=worlds())
def test_only_values_that_are_needed_are_sent(world: World) -> None:
    """Nothing arrives that no task reads and that is no home; a processor sends nothing to itself."""
    graph = world.placed
    homes = {name for names in graph.homes.values() for name in names}
    for task in graph.transfers:
        assert task.route[0] != task.route[1]
        for name in task.writes.values():
            loaded = task.phase is Phase.LOAD
            assert loaded or name in homes or graph.readers[name], name
