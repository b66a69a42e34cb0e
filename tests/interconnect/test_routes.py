"""Routes: through switches, by the fewest hops, the same in every run, or as they are given."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.errors import CheckError
from dataflow.hardware import Hardware, Memory, Routing
from tests.interconnect.sending import Wire, machine

ROOT = Path(__file__).parent.parent.parent
SCRIPT = "from tests.interconnect.test_routes import two_levels, told; print(told(two_levels('ecmp')))"


def two_levels(routing: Routing) -> Hardware:
    """Four edge switches with four processors each, every edge switch linked to each of four cores."""
    wires = [Wire(f"p{edge}{leaf}", f"edge{edge}") for edge in range(4) for leaf in range(4)]
    wires += [Wire(f"edge{edge}", f"core{core}") for edge in range(4) for core in range(4)]
    switches = [f"{kind}{index}" for kind in ("edge", "core") for index in range(4)]
    return replace(machine(wires, switches), routing=routing)


def nodes(hardware: Hardware, source: str, destination: str, flow: str = "") -> list[str]:
    """The nodes of a route."""
    return [source, *(link.destination for link in hardware.route(source, destination, flow))]


def told(hardware: Hardware) -> str:
    """All routes between processors p00, p10, ... as text."""
    ends = [f"p{edge}0" for edge in range(4)]
    return ", ".join("-".join(nodes(hardware, *pair, "f")) for pair in permutations(ends, 2))


def test_routes_go_round_processors() -> None:
    """From a to c through b would be two hops; the four through switches are at nobody's expense."""
    wires = [Wire("a", "b"), Wire("b", "c"), Wire("a", "s"), Wire("s", "t"), Wire("t", "u"), Wire("u", "c")]
    hardware = machine(wires, ["s", "t", "u"])
    assert nodes(hardware, "a", "c") == ["a", "s", "t", "u", "c"]
    assert nodes(hardware, "a", "b") == ["a", "b"]


def test_routes_through_processors_when_there_is_no_other_way() -> None:
    """In a ring of five every other processor is passed on the shorter side."""
    ring = machine([Wire(a, b) for a, b in zip("abcde", "bcdea", strict=True)])
    assert nodes(ring, "a", "c") == ["a", "b", "c"]
    assert nodes(ring, "a", "d") == ["a", "e", "d"]


def test_as_few_processors_as_possible_are_passed() -> None:
    """One processor on a way of four hops is better than two on a way of three."""
    wires = [Wire(*pair) for pair in ("ab", "bc", "cd", "as", "st", "te", "ed")]
    assert nodes(machine(wires, ["s", "t"]), "a", "d") == ["a", "s", "t", "e", "d"]


def test_shortest_takes_the_first_by_name() -> None:
    """Of four cores everybody uses core0."""
    hardware = two_levels("shortest")
    used = {nodes(hardware, a, b)[2] for a, b in permutations([f"p{edge}0" for edge in range(4)], 2)}
    assert used == {"core0"}


def test_ecmp_spreads_flows_over_equal_ways() -> None:
    """Of 1,600 flows between two processors each core has about 400: within five standard deviations, 87."""
    hardware = two_levels("ecmp")
    cores = Counter(nodes(hardware, "p00", "p10", f"flow{index}")[2] for index in range(1600))
    assert len(cores) == 4
    assert all(abs(count - 400) < 87 for count in cores.values())
    assert {len(nodes(hardware, "p00", "p10", f"flow{index}")) for index in range(20)} == {5}


def test_ecmp_under_other_hash_seeds() -> None:
    """A flow takes the same way in every run."""
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "77")
    }
    assert found == {told(two_levels("ecmp"))}


def test_given_routes() -> None:
    """A given route is taken though it is longer; the way back is not given and stays the shortest."""
    wires = [Wire("a", "b"), Wire("a", "s"), Wire("s", "b")]
    hardware = machine(wires, ["s"], routes={("a", "b"): ("a", "s", "b")})
    assert nodes(hardware, "a", "b") == ["a", "s", "b"]
    assert nodes(hardware, "b", "a") == ["b", "a"]


def test_given_routes_that_are_none() -> None:
    """Ends that are no memories, ends of others and links that are not there are all listed."""
    wires = [Wire("a", "b"), Wire("b", "s"), Wire("s", "c")]
    routes = {
        ("a", "s"): ("a", "b", "s"),
        ("a", "c"): ("a", "b"),
        ("c", "a"): ("c", "b", "a"),
        ("b", "b"): ("b",),
    }
    with pytest.raises(CheckError) as raised:
        machine(wires, ["s"], routes=routes)
    assert raised.value.faults == (
        "the route from 'a' to 's' is for 's', which is no processor or host",
        "the route from 'a' to 'c' is a -> b; begin with one and end with the other",
        "the route from 'c' to 'a' goes from 'c' to 'b', which no link joins",
        "the route from 'b' to 'b' is b; begin with one and end with the other",
    )


def test_nearest_host() -> None:
    """The host with the fewest hops; of two as near the one named first."""
    whole = machine([Wire(*pair) for pair in ("as", "bt", "st", "hs", "gt", "cs", "ct")], ["s", "t"])
    processors = {name: p for name, p in whole.processors.items() if name not in "gh"}
    hardware = replace(whole, processors=processors, hosts=("h", "g"))
    assert [hardware.nearest_host(name) for name in "abc"] == ["h", "g", "h"]
    assert replace(hardware, hosts=("g", "h")).nearest_host("c") == "g"


edges = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda edge: edge[0] < edge[1]),
    max_size=25,
    unique=True,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(edges, st.sampled_from(["shortest", "ecmp"]))
def test_among_switches_routes_are_shortest(drawn: list[tuple[int, int]], routing: Routing) -> None:
    """Where only switches lie between, a route is one of networkx's shortest paths; the first, if so set."""
    wires = [Wire(f"s{a}", f"s{b}") for a, b in dict.fromkeys([*drawn, *((i, i + 1) for i in range(9))])]
    wires += [Wire("a", "s0"), Wire("b", "s9"), Wire("c", "s4")]
    hardware = replace(machine(wires, [f"s{i}" for i in range(10)]), routing=routing)
    for pair in permutations("abc", 2):
        every = list(nx.all_shortest_paths(hardware.graph, *pair))
        assert nodes(hardware, *pair) in every
        if routing == "shortest":
            assert nodes(hardware, *pair) == min(every)


def test_routes_of_a_large_machine_are_found_at_once() -> None:
    """Of 1,024 processors behind 2 x 32 switches 64 find their ways to one another, over every core."""
    wires = [Wire(f"p{index}", f"edge{index // 32}") for index in range(1024)]
    wires += [Wire(f"edge{edge}", f"core{core}") for edge in range(32) for core in range(32)]
    switches = [f"{kind}{index}" for kind in ("edge", "core") for index in range(32)]
    hardware = replace(machine(wires, switches), routing="ecmp")
    ends = [f"p{16 * index}" for index in range(64)]
    lengths = Counter(len(hardware.route(*pair)) for pair in permutations(ends, 2))
    # 32 edges with two of the ends each: to one's own edge two hops, else four.
    assert lengths == {2: 64, 4: 64 * 63 - 64}
    assert len({nodes(hardware, *pair)[2] for pair in permutations(ends, 2)} - {*ends}) == 32


def test_a_host_alone_needs_no_copy_engine() -> None:
    """Between hosts nobody's engine is held and nobody's overhead paid."""
    whole = machine([Wire("a", "s", latency_ps=3), Wire("h", "s", latency_ps=3)], ["s"], overhead_ps=50)
    memories = {**whole.memories, "g": Memory("g", 1)}
    processors = {name: p for name, p in whole.processors.items() if name != "h"}
    links = (*whole.links, *Wire("g", "s", latency_ps=3).links())
    hardware = replace(whole, processors=processors, memories=memories, links=links, hosts=("h", "g"))
    assert [hardware.driver(*ends) for ends in (("a", "h"), ("h", "a"), ("h", "g"))] == ["a", "a", None]
    assert [hardware.alpha_ps(*ends) for ends in (("a", "h"), ("h", "a"), ("h", "g"))] == [56, 56, 6]
