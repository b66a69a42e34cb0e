"""The checker of placed graphs: a graph that could not be right is refused, with every fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.errors import CheckError
from dataflow.placement import Piece, PlacedGraph, PlacedTask, Shard
from dataflow.plan import Plan
from dataflow.region import Region
from tests.engine.worlds import RELU, experiment, fc, machine, network, placed, split


def graph() -> PlacedGraph:
    """Two fully connected layers, each split by channel over two processors: b reads a of both."""
    net = network({"a": fc(4), "r": RELU, "b": fc(2)})
    return placed(experiment(net, machine(2), Plan(mesh={"m": 2}, layers={"[arb]": split(channel="m")})))


def task(placed_graph: PlacedGraph, name: str) -> PlacedTask:
    """A task by its name."""
    return next(task for task in placed_graph.tasks if task.name == name)


def refused(changed: dict[str, PlacedTask | None], **others: object) -> tuple[str, ...]:
    """The faults of the graph with some of its tasks changed, or left out when None."""
    good = graph()
    tasks = [changed.get(t.name, t) for t in good.tasks]
    with pytest.raises(CheckError, match="placed graph of 'net': ") as raised:
        replace(good, tasks=tuple(t for t in tasks if t is not None), **others)  # type: ignore[arg-type]
    return raised.value.faults


def reading(good: PlacedTask, operand: str, pieces: tuple[Piece, ...]) -> PlacedTask:
    """A task that reads an operand from these pieces instead."""
    reads = tuple(replace(r, pieces=pieces) if r.operand == operand else r for r in good.reads)
    return replace(good, reads=reads)


B = "b.forward on p0"
HERE, THERE = Region(((0, 2), (0, 2))), Region(((0, 2), (2, 4)))
OWN, COPY, REMOTE = "r@0[:,0:2] on p0", "r@0[:,2:4] on p0", "r@0[:,2:4] on p1"


def test_the_world_is_what_these_tests_take_it_for() -> None:
    """B on p0 reads its own half of r and the copy of the other's."""
    (read,) = [r for r in task(graph(), B).reads if r.operand == "input"]
    assert read.pieces == (Piece(OWN, HERE), Piece(COPY, THERE))


def test_reading_from_another_memory() -> None:
    """A task that reads a shard in another memory is refused."""
    good = task(graph(), B)
    faults = refused({B: reading(good, "input", (Piece(OWN, HERE), Piece(REMOTE, THERE)))})
    assert faults == (f"{B!r} on 'p0' reads {REMOTE!r}, which is in 'p1'",)


def test_a_missing_piece() -> None:
    """A task whose pieces do not cover what it needs is refused, and the region it lacks is named."""
    faults = refused({B: reading(task(graph(), B), "input", (Piece(OWN, HERE),))})
    assert faults == (f"{B!r} lacks {(THERE,)} of its operand 'input'",)


def test_reading_more_than_there_is() -> None:
    """A piece must be a part of the shard it is cut from."""
    faults = refused({B: reading(task(graph(), B), "input", (Piece(OWN, HERE), Piece(OWN, THERE)))})
    assert faults == (f"{B!r} reads more of {OWN!r} than it holds",)


def test_writing_twice() -> None:
    """Tensors are assigned once."""
    good = task(graph(), "a.bias.update on p0")
    weight = task(graph(), "a.weight.update on p0").writes["new_parameter"]
    bias = good.writes["new_parameter"]
    faults = refused({good.name: replace(good, writes={**good.writes, "new_parameter": weight})})
    assert faults == (
        f"'a.bias.update on p0' writes {weight!r}, which another task writes too",
        f"shard {bias!r} is never written",
    )


def test_writing_elsewhere() -> None:
    """A task writes to its own memory alone."""
    good = task(graph(), B)
    other = task(graph(), "b.forward on p1")
    faults = refused(
        {B: replace(good, writes=dict(other.writes)), other.name: replace(other, writes=good.writes)}
    )
    assert faults == (
        f"{B!r} on 'p0' writes 'b@0[:,1:2] on p1', which is elsewhere",
        f"{other.name!r} on 'p1' writes 'b@0[:,0:1] on p0', which is elsewhere",
    )


def test_a_missing_transfer() -> None:
    """A copy that nothing makes is refused."""
    assert refused({f"{COPY} from p1": None}) == (f"shard {COPY!r} is never written",)


def test_a_cycle() -> None:
    """Tasks that wait for one another in a circle are refused."""
    first = task(graph(), "a.forward on p0")
    data = next(r for r in first.reads if r.operand == "input")
    tampered = reading(first, "input", (*data.pieces, Piece(OWN, HERE)))
    (fault,) = refused({first.name: tampered})
    assert fault.startswith("tasks wait for one another in a cycle: ")


def test_an_unknown_shard() -> None:
    """A task that reads or writes a shard which is not there is a fault like any other."""
    good = task(graph(), B)
    faults = refused(
        {B: replace(reading(good, "weight", (Piece("ghost", HERE),)), writes={"output": "spirit"})}
    )
    assert any("'ghost'" in fault for fault in faults)
    assert any("'spirit'" in fault for fault in faults)


def test_two_tasks_of_one_name() -> None:
    """Names identify tasks, in the graph that users see and in what a task waits for."""
    other = task(graph(), "r.forward on p1")
    faults = refused({other.name: replace(other, name="r.forward on p0")})
    assert any("'r.forward on p0'" in fault for fault in faults)


def test_a_home_that_is_not_there() -> None:
    """The homes of a tensor are shards of the graph."""
    homes = {**graph().homes, "a@0": ("nowhere",)}
    assert any("'nowhere'" in fault for fault in refused({}, homes=homes))


def test_all_faults_are_listed() -> None:
    """Three tasks with one fault each are refused for all three at once."""
    good = graph()
    whole = reading(task(good, B), "input", (Piece(OWN, HERE),))
    far = reading(
        task(good, "b.forward on p1"), "weight", (Piece("b.weight@0[0:1] on p0", Region(((0, 1), (0, 4)))),)
    )
    unwritten: dict[str, Shard] = {
        **good.shards,
        "lonely": replace(good.shards[OWN], name="lonely"),
    }
    faults = refused({B: whole, "b.forward on p1": far}, shards=unwritten)
    assert any("lacks" in fault and B in fault for fault in faults)
    assert any("reads 'b.weight@0[0:1] on p0', which is in 'p0'" in fault for fault in faults)
    assert "shard 'lonely' is never written" in faults
