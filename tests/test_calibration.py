"""The GTX 580's constants are what the published measurements give, and nothing was turned."""

from __future__ import annotations

import importlib
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
UNITS = {
    "GFLOP/s": Decimal("1e9"),
    "us": Decimal("1e-6"),
    "GiB": Decimal(2**30),
    "GB/s": Decimal("1e9"),
}


@pytest.fixture
def gtx580(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that derives the constants."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.calibration.gtx580")


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that shows what follows from them."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.calibration.outcome")


def as_published() -> dict[str, str | int]:
    """Every constant of gtx580.yaml by its path, as written there."""
    text = (ROOT / "topologies/hardware/gtx580.yaml").read_text()
    hardware: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    model = hardware["models"]["gtx580"]
    found = {
        f"{part}.{name}": model[part][name]["value"]
        for part, names in {
            "compute": ("peak", "launch_overhead"),
            "memory": ("capacity", "bandwidth"),
            "copy": ("engines", "overhead"),
        }.items()
        for name in names
    }
    found["pcie.bandwidth"] = hardware["links"]["pcie"]["bandwidth"]["value"]
    for kind, passes in model["compute"]["efficiency"].items():
        by_pass = {"": passes} if kind == "default" else passes
        for pass_name, values in by_pass.items():
            path = f"{kind}.{pass_name}" if pass_name else kind
            found |= {f"{path}.{key}": values[key] for key in values if key != "source"}
    return found


def test_the_hardware_file_holds_exactly_the_derived_constants(gtx580: ModuleType) -> None:
    """Every constant is derived and every derived constant is used, to the digits written."""
    written, derived = as_published(), gtx580.constants()
    assert written.keys() == derived.keys()
    for path, text in written.items():
        number, _, unit = str(text).partition(" ")
        exact = Decimal(derived[path]) / UNITS.get(unit, Decimal(1))
        assert exact.quantize(Decimal(number)) == Decimal(number), path


def test_flop_of_the_measured_layers(gtx580: ModuleType) -> None:
    """L5: 13x13 images and 3x3 kernels make 11x11 outputs, so 2 128 11^2 384 384 3^2 operations."""
    assert gtx580.layer_flop()["L5"] == 2 * 128 * 11**2 * 384 * 384 * 9


def test_nothing_beats_the_bound_of_its_card(gtx580: ModuleType) -> None:
    """No code is faster than SGEMM, and no constant passes the GTX 580's own SGEMM bound."""
    assert all(0 < sample.fraction < 1 for sample in gtx580.convolution_samples())
    bound = gtx580.card()["sgemm_upper_bound"]
    efficiencies = {k: v for k, v in gtx580.constants().items() if k.endswith((".compute", ".memory"))}
    assert all(0 < value < bound for value in efficiencies.values())


def test_outcome_counts_the_work_of_both_nets(outcome: ModuleType) -> None:
    """391,514,384 MAC an image on one GPU; half of 724,406,816 in a tower, and fc8 whole on its GPU."""
    macs = {
        name: sum(task.flop for task in outcome.tasks(gpu) if task.pass_name == "forward") / 256
        for name, gpu in (("one", outcome.ONE), ("tower", outcome.TOWER))
    }
    assert macs["one"] == 391_514_384
    assert macs["tower"] == (724_406_816 + 4_096_000) / 2


def test_two_gpus_are_faster_whatever_rows_are_chosen(outcome: ModuleType) -> None:
    """The order of the two nets follows from their work: no choice of convolution rows changes it."""
    for select in outcome.CHOICES.values():
        table = outcome.with_rows(select)
        one, two = (sum(outcome.step_seconds(gpu, table).values()) for gpu in (outcome.ONE, outcome.TOWER))
        assert two < one
