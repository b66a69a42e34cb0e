"""Training steps of whole networks on machines whose links share their bandwidth."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from dataflow.experiment import Experiment
from dataflow.hardware import Hardware
from dataflow.plan import Plan
from dataflow.trace import Trace
from tests.engine.worlds import RELU, experiment, fc, gpus, machine, network, split, traced

ROOT = Path(__file__).parent.parent.parent
SCRIPT = "from tests.interconnect.test_training_on_shared_links import digest; print(digest())"
NET = network({"a": fc(60), "r": RELU, "b": fc(60), "c": fc(2)}, image=(30, 2, 2))
DATA = Plan(mesh={"data": 4}, layers={"*": split(batch="data")})
MODEL = Plan(mesh={"model": 4}, layers={"[ab]": split(channel="model"), "*": split(batch="model")})


def shared(hardware: Hardware) -> Hardware:
    """The same machine with max-min fair links."""
    return replace(hardware, links=tuple(replace(link, sharing="fair") for link in hardware.links))


def world(hardware: Hardware, plan: Plan) -> Experiment:
    """Two steps of a small network."""
    return experiment(NET, hardware, plan, batch=8, steps=2)


def digest() -> str:
    """A hash of the whole trace of a world in which many transfers meet."""
    trace = traced(world(shared(gpus(4)), MODEL))
    return hashlib.sha256(repr(trace).encode()).hexdigest()


def moved(trace: Trace) -> Counter[tuple[str, str]]:
    """Bytes by the memories they leave and reach."""
    found: Counter[tuple[str, str]] = Counter()
    for span in trace.spans:
        if span.source is not None:
            found[span.ends] += span.bytes
    return found


@pytest.mark.parametrize("plan", [DATA, MODEL], ids=["data", "model"])
def test_links_that_nobody_shares(plan: Plan) -> None:
    """Where every link is used by one engine alone, fair links give the trace of exclusive ones."""
    alone = machine(4, latency_ps=3, copy_overhead_ps=5, link_bytes_per_s=3e11)
    assert traced(world(shared(alone), plan)) == traced(world(alone, plan))


@pytest.mark.parametrize("plan", [DATA, MODEL], ids=["data", "model"])
def test_the_same_is_moved(plan: Plan) -> None:
    """Sharing changes when bytes arrive, not which; some do pass a link together."""
    exclusive, fair = (traced(world(hardware, plan)) for hardware in (gpus(4), shared(gpus(4))))
    assert moved(fair) == moved(exclusive)
    through = sorted((span.start_ps, span.end_ps) for span in fair.spans if "host->switch" in span.resources)
    assert any(first[1] > second[0] for first, second in pairwise(through))


def test_under_other_hash_seeds() -> None:
    """Rates and ends are the same in every run."""
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "77")
    }
    assert found == {digest()}
