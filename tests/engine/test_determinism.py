"""Two runs of the same world give the same trace, whatever the hash seed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from dataflow.plan import Plan
from tests.engine.worlds import DROPOUT, RELU, experiment, fc, machine, network, split, traced

ROOT = Path(__file__).parent.parent.parent

SCRIPT = "from tests.engine.test_determinism import digest; print(digest())"


def digest() -> str:
    """A hash of the whole trace of a small world with many ties."""
    net = network({"a": fc(6), "r": RELU, "d": DROPOUT, "b": fc(6), "c": fc(2)}, image=(3, 2, 2))
    plan = Plan(
        mesh={"data": 2, "model": 2},
        layers={"*": split(batch="data"), "[ab]": split(batch="data", channel="model")},
    )
    trace = traced(experiment(net, machine(4), plan, batch=4, steps=3))
    return hashlib.sha256(repr(trace).encode()).hexdigest()


def test_twice_in_a_process() -> None:
    """Nothing of one run is left that could change the next."""
    assert digest() == digest()


def test_under_other_hash_seeds() -> None:
    """No order depends on hashing."""
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "1", "77")
    }
    assert found == {digest()}
