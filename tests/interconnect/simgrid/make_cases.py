"""Makes cases.json: random topologies and flows, and when SimGrid says that each flow ends.

SimGrid (https://simgrid.org) is an independent simulator of networks. Debian has it with its
Python bindings, for Debian's own interpreter:

    apt-get install python3-simgrid
    /usr/bin/python3 tests/interconnect/simgrid/make_cases.py

What is configured makes its flow model plain max-min fairness, which is what is compared:
model CM02 without TCP's window (``network/TCP-gamma``), without weights by bandwidth
(``network/weight-S``) and without acknowledgements that load the way back
(``network/crosstraffic``). CM02 still weighs flows by the latency of their routes; here every
route has the same, that of two links from a host to a switch. ``network/optim:Full`` computes all
rates anew at every event: what is the default, ``Lazy``, leaves some as they are when several
flows begin at one instant (in 31 of these 943 flows the ends then differ by more than 1 %).

A case has ``links`` (two nodes, bytes/s there and back, half duplex or not), ``routes`` and ``flows``; the
seed fixes all but SimGrid's answers. Every case runs in a process of its own, as SimGrid has one
engine in each.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from simgrid import Actor, Comm, Engine, LinkInRoute, NetZone, simgrid_version, this_actor

CASES = 64
SEED = 20120903
HERE = Path(__file__).parent
LATENCY_PS = 2_000_000
CONFIG = [
    "network/model:CM02",
    "network/TCP-gamma:1e15",
    "network/weight-S:0",
    "network/crosstraffic:0",
    "network/optim:Full",
    "maxmin/precision:1e-6",
    "surf/precision:1e-12",
]

Case = dict[str, Any]


def random_case(random: Random) -> Case:
    """Switches in a random tree with some links more, hosts at them, flows on ways without circles."""
    switches = [f"s{index}" for index in range(random.randint(1, 6))]
    joined = [(random.choice(switches[:index]), name) for index, name in enumerate(switches) if index]
    for _ in range(random.randint(0, len(switches) - 1)):
        pair = tuple(sorted(random.sample(switches, 2)))
        if pair not in [tuple(sorted(other)) for other in joined]:
            joined.append((pair[0], pair[1]))
    hosts = [f"h{index}" for index in range(random.randint(3, 10))]
    joined += [(host, random.choice(switches)) for host in hosts]
    links = [_random_link(random, *pair) for pair in joined]
    flows = []
    routes: dict[str, list[str]] = {}
    for _ in range(random.randint(4, 24)):
        source, destination = random.sample(hosts, 2)
        routes.setdefault(f"{source} {destination}", random.choice(_ways(joined, source, destination)))
        size = round(10 ** random.uniform(5, 8.3))
        flows.append(
            {
                "source": source,
                "destination": destination,
                "bytes": size,
                "start_ps": random.choice([0, random.randrange(20_000)]) * 1_000_000,
            }
        )
    return {"links": links, "routes": routes, "flows": flows}


def _random_link(random: Random, first: str, second: str) -> Case:
    there = round(10 ** random.uniform(8.7, 10.4))
    kind = random.choice(["split", "split", "asymmetric", "half"])
    back = round(there * random.uniform(0.2, 0.9)) if kind == "asymmetric" else there
    latency_ps = LATENCY_PS if first.startswith("h") else 0
    return {
        "ends": [first, second],
        "there": there,
        "back": back,
        "half": kind == "half",
        "latency_ps": latency_ps,
    }


def _ways(joined: list[tuple[str, str]], source: str, destination: str) -> list[list[str]]:
    """Every way between two hosts that passes no node twice and no other host."""
    found: list[list[str]] = []
    open_ways = [[source]]
    while open_ways:
        way = open_ways.pop()
        if way[-1] == destination:
            found.append(way)
            continue
        for a, b in [*joined, *((b, a) for a, b in joined)]:
            if a == way[-1] and b not in way and (b.startswith("s") or b == destination):
                open_ways.append([*way, b])
    return sorted(found)


def simulate(case: Case) -> list[int]:
    """When each flow ends, in picoseconds. To be called once in a process."""
    engine = Engine(["cases", "--log=root.threshold:error", *(f"--cfg={text}" for text in CONFIG)])
    zone = NetZone.create_full_zone("zone")
    crossed: dict[tuple[str, str], Any] = {}
    for number, link in enumerate(case["links"]):
        first, second = link["ends"]
        there, back = _create_links(zone, number, link)
        crossed[first, second], crossed[second, first] = there, back
    names = {name for route in case["routes"] for name in route.split()}
    hosts = {name: zone.create_host(name, 1e9).seal() for name in sorted(names)}
    for ends, nodes in case["routes"].items():
        source, destination = ends.split()
        links = [crossed[step] for step in itertools.pairwise(nodes)]
        zone.add_route(hosts[source].netpoint, hosts[destination].netpoint, None, None, links, False)
    zone.seal()
    found = [0.0] * len(case["flows"])

    def send(number: int) -> None:
        flow = case["flows"][number]
        this_actor.sleep_until(flow["start_ps"] / 1e12)
        Comm.sendto(hosts[flow["source"]], hosts[flow["destination"]], flow["bytes"])
        found[number] = engine.clock

    for number, flow in enumerate(case["flows"]):
        Actor.create(f"flow{number}", hosts[flow["source"]], send, number)
    engine.run()
    return [round(end_s * 1e12) for end_s in found]


def _create_links(zone: Any, number: int, link: Case) -> tuple[Any, Any]:
    """A link's two directions: halves of a split-duplex link, links of their own, or one link for both."""

    def create(name: str, bandwidth: float) -> Any:
        made = zone.create_link(name, bandwidth)
        return made.set_latency(link["latency_ps"] / 1e12).seal()

    if link["half"]:
        both = LinkInRoute(create(f"l{number}", link["there"]))
        return both, both
    if link["there"] != link["back"]:
        return LinkInRoute(create(f"l{number}t", link["there"])), LinkInRoute(
            create(f"l{number}b", link["back"])
        )
    split = zone.create_split_duplex_link(f"l{number}", float(link["there"]))
    split.set_latency(link["latency_ps"] / 1e12).seal()
    return LinkInRoute(split, LinkInRoute.UP), LinkInRoute(split, LinkInRoute.DOWN)


def main() -> None:
    """Makes the cases, has a process each simulate them, and writes the file."""
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(simulate(json.loads(sys.argv[1]))))
        return
    random = Random(SEED)
    cases = [random_case(random) for _ in range(CASES)]
    for case in cases:
        command = [sys.executable, __file__, json.dumps(case)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for flow, end_ps in zip(case["flows"], json.loads(answer.splitlines()[-1]), strict=True):
            flow["end_ps"] = end_ps
    lines = ",\n".join(f"  {json.dumps(case)}" for case in cases)
    header = f'"simgrid": "{simgrid_version}", "config": {json.dumps(CONFIG)}, "seed": {SEED}'
    (HERE / "cases.json").write_text(f'{{{header}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
