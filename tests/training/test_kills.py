"""Trainings that are killed at any instant, and resumed, end with the bits of one that was not."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
KILLS = 50
"""In a usual run; times ``--examples``."""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_whenever_it_is_killed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Weights, curve and sums are those of the unbroken training, and nothing unfinished is left."""
    times = request.config.getoption("--examples")
    seed = 0 if times == 1 else secrets.randbelow(1 << 30)
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.kills", str(KILLS * times), str(seed), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    found = json.loads(done.stdout)
    assert found["right"] == found["trainings"], f"seed {seed}: {found}"
    assert found["kills"] >= KILLS * times
    assert min(found["write"], found["begin"], found["step"]) > 0
