"""Machines: what cannot be one is refused, and routes are the same in every run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from dataflow.cost import Roofline
from dataflow.errors import CheckError
from dataflow.hardware import Hardware, Link, Memory, Processor
from dataflow.memory import PLENTY_BYTES
from tests.engine.worlds import gpus, machine

COST = Roofline(1.0, 1.0, 0, {})


def hardware(
    processors: str, others: str, wires: Iterable[tuple[str, str]], switches: tuple[str, ...] = ()
) -> Hardware:
    """Processors and other memories of these one-letter names, and a wire each way for each pair."""
    return Hardware(
        "m",
        {name: Processor(name, "p", COST, 1, 0) for name in processors},
        {name: Memory(name, 1) for name in (*processors, *others)},
        tuple(
            Link(f"{x}->{y}", "wire", x, y, 1.0, 0, f"{x}->{y}")
            for a, b in wires
            for x, y in ((a, b), (b, a))
        ),
        hosts=("h",),
        switches=switches,
    )


def faults(*args: object) -> tuple[str, ...]:
    """What a machine is refused for."""
    with pytest.raises(CheckError, match="hardware 'm': ") as raised:
        hardware(*args)  # type: ignore[arg-type]
    return raised.value.faults


def test_a_machine_has_processors() -> None:
    """Hosts alone are no machine."""
    assert faults("", "h", []) == ("no processors; name at least one under 'processors'",)


def test_names_are_not_given_twice() -> None:
    """A switch cannot have a processor's name."""
    (fault,) = faults("a", "h", [("a", "h")], ("a",))
    assert fault == "'a' names two things; processors, hosts and switches need names of their own"


def test_links_join_nodes_that_are_there() -> None:
    """Both ends of a link are named when they are nowhere."""
    found = faults("a", "h", [("a", "h"), ("a", "x")])
    text = "link 'wire' connects 'x', which is no processor, host or switch (there are: a, h)"
    assert found == (text, text)


def test_memories_are_connected() -> None:
    """Every pair without a way between is listed."""
    found = faults("abc", "h", [("a", "h")])
    assert [fault.split(" are ")[0] for fault in found] == [
        "'a' and 'b'",
        "'a' and 'c'",
        "'b' and 'c'",
        "'b' and 'h'",
        "'c' and 'h'",
    ]
    assert all(fault.endswith("not connected; add a link whose 'connects' joins them") for fault in found)


def test_every_processor_has_a_memory() -> None:
    """Tensors live in the memory of their processor's name, so there must be one."""
    whole = machine(2)
    memories = {name: memory for name, memory in whole.memories.items() if name != "p1"}
    links = tuple(link for link in whole.links if "p1" not in (link.source, link.destination))
    with pytest.raises(CheckError, match="'p1'"):
        Hardware("m", whole.processors, memories, links, ("host",))


def test_a_host_has_a_memory() -> None:
    """The batch starts in the memory of the host that is named, so there must be one."""
    whole = machine(1)
    with pytest.raises(CheckError, match="'elsewhere'"):
        Hardware("m", whole.processors, whole.memories, whole.links, ("elsewhere",))


def test_two_links_between_the_same_nodes() -> None:
    """Of two links between the same nodes one would never be used, so they are refused."""
    whole = machine(1)
    fast = tuple(
        Link(f"{link.name} (fast)", "fast", link.source, link.destination, 9.0, 0, link.name + "f")
        for link in whole.links
    )
    with pytest.raises(CheckError, match=r"'p0' to 'host'"):
        Hardware("m", whole.processors, whole.memories, (*whole.links, *fast), ("host",))


def test_routes_have_the_fewest_hops() -> None:
    """Between neighbours a route is their link; through a switch it is two."""
    assert [link.name for link in gpus(2).route("gpu0", "gpu1")] == ["gpu0->switch", "switch->gpu1"]
    assert [link.name for link in machine(2).route("p0", "p1")] == ["p0->p1"]
    assert gpus(2).route("gpu0", "gpu0") == ()


def test_ties_between_routes_are_broken_by_name() -> None:
    """Around a square of four both ways have two hops; the one through the node first by name is taken."""
    square = hardware("abcd", "h", [("a", "b"), ("b", "d"), ("a", "c"), ("c", "d"), ("d", "h")])
    assert [link.name for link in square.route("a", "d")] == ["a->b", "b->d"]
    assert [link.name for link in square.route("d", "a")] == ["d->b", "b->a"]


def test_a_way_that_goes_one_way() -> None:
    """Memories are connected when there is a way there and back."""
    links = (Link("a->h", "wire", "a", "h", 1.0, 0, "a->h"),)
    memories = {"a": Memory("a", 1), "h": Memory("h", 1)}
    with pytest.raises(CheckError, match="'a' and 'h' are not connected; add a link"):
        Hardware("m", {"a": Processor("a", "p", COST, 1, 0)}, memories, links, ("h",))


def test_a_roomy_machine_differs_in_memories_alone() -> None:
    """Memories of one byte hold anything; all else is as it was."""
    small = hardware("p", "h", [("p", "h")])
    roomy = small.roomy()
    assert {memory.capacity_bytes for memory in roomy.memories.values()} == {PLENTY_BYTES}
    assert replace(roomy, memories=small.memories) == small
