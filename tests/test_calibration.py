"""The machines' constants are what the published measurements give, and nothing was turned."""

from __future__ import annotations

import importlib
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import topologies
from dataflow.hardware import Hardware
from dataflow.override import Override
from dataflow.session import place_experiment
from dataflow.simulation import simulate

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


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that fits the machines of several GPUs."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.calibration.machines")


@pytest.fixture
def all_reduce(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that fits links."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.calibration.all_reduce")


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


def written_at(path: str) -> str:
    """The number at a path, whose first key is the file's name, as it is written there."""
    file, *keys = path.split(".")
    node: Any = yaml.load((ROOT / f"topologies/hardware/{file}.yaml").read_text(), Loader=yaml.BaseLoader)
    for key in keys:
        node = node[key]
    if isinstance(node, dict):
        return str(node["value"] if "value" in node else node["points"][0][1])
    return str(node)


def test_fitted_constants_are_written_as_they_are_fitted(machines: ModuleType) -> None:
    """Every fraction, bandwidth and overhead that the script derives, to the digits written."""
    for path, value in machines.constants().items():
        number, _, unit = written_at(path).partition(" ")
        exact = Decimal(value) / UNITS.get(unit, Decimal(1))
        assert exact.quantize(Decimal(number)) == Decimal(number), path


@pytest.mark.parametrize(
    ("machine", "card", "percent"),
    [
        ("deepbench-pascal", "titanx-pascal", 0.8),
        ("deepbench-pascal", "gtx1080ti", 0.8),
        ("deepbench-maxwell", "titanx", 4.5),
        ("deepbench-maxwell", "m40", 4.5),
        ("deepbench-maxwell", "p100-pcie", 4.5),
    ],
)
def test_all_reduces_on_two_gpus(all_reduce: ModuleType, machine: str, card: str, percent: float) -> None:
    """Twice a transfer of half the bytes: within a few percent of every row that was fitted."""
    hardware = topologies.load_hardware(machine, [Override("processors.gpu.model", card)])
    for size, seconds in all_reduce.samples(card):
        predicted = 2 * hardware.transfer_ps(size // 2, "gpu0", "gpu1") / 1e12
        assert 100 * abs(predicted / seconds - 1) < percent, size


def ring_ps(hardware: Hardware, gpus: int, size: int) -> int:
    """Ring all-reduce: 2 (n - 1) steps, each as long as the slowest transfer of an n-th of the bytes."""
    names = [f"gpu{index}" for index in range(gpus)]
    ring = zip(names, names[1:] + names[:1], strict=True)
    return 2 * (gpus - 1) * max(hardware.transfer_ps(size // gpus, *pair) for pair in ring)


@pytest.mark.parametrize("gpus", [2, 4, 8])
def test_alexnets_gradients_on_k80(all_reduce: ModuleType, gpus: int) -> None:
    """One bandwidth inside a socket and one between: within 5 % of 39, 54 and 122 ms for 243.9 MB."""
    size = 4 * 60_965_224
    measured = 2 * (gpus - 1) / gpus * size / all_reduce.k80_ring()[gpus]
    predicted = ring_ps(topologies.load_hardware("k80x8"), gpus, size) / 1e12
    assert predicted == pytest.approx(measured, rel=0.05)


RING = """
kind: experiment
network:
  input: [1, 64, 64]
  classes: 10
  layers:
    fc: {{op: fully_connected, channels: 2400, bias: false}}
    out: {{op: fully_connected, channels: classes, bias: false}}
    loss: {{op: softmax_cross_entropy}}
hardware: {machine}
plan:
  mesh: {{data: {gpus}}}
  processors: [{names}]
  bucket: "1 GB"
  layers: {{"*": {{shard: {{batch: data}}}}}}
  collectives: {{all-reduce: ring}}
training: {{batch: {gpus}}}
"""


@pytest.mark.parametrize(
    ("machine", "gpus", "least", "most"),
    [
        ("deepbench-maxwell", 2, 5.9, 6.2),
        ("deepbench-maxwell", 8, 5.9, 6.2),
        ("deepbench-pascal", 4, 11.7, 12.3),
        ("deepbench-pascal", 8, 5.9, 6.2),
        ("k80x8", 8, 3.4, 3.6),
    ],
)
def test_simulated_rings_get_what_rings_got(
    tmp_path: Path, machine: str, gpus: int, least: float, most: float
) -> None:
    """GB/s of each link, 2 (n - 1) / n S / T, of 39 MB of gradients: shared as measured ones were."""
    names = ", ".join(f"gpu{index}" for index in range(gpus))
    path = tmp_path / "ring.yaml"
    path.write_text(RING.format(machine=machine, gpus=gpus, names=names))
    run = simulate(place_experiment(topologies.load(str(path))), 1)
    spans = [span for span in run.trace.spans if span.collective]
    ps = max(span.end_ps for span in spans) - min(span.start_ps for span in spans)
    size = 4 * (64 * 64 * 2400 + 2400 * 10)
    assert least < 2 * (gpus - 1) / gpus * size / (ps / 1e12) / 1e9 < most


@pytest.mark.parametrize(("card", "percent"), [("p100", 5), ("k80", 5), ("k80-theano", 17)])
def test_images_a_second_on_one_gpu(machines: ModuleType, card: str, percent: float) -> None:
    """AlexNet, VGG16 and ResNet-50 with one fraction for all convolutions, near every row that was fitted."""
    constants = {path.partition("models.")[2]: value for path, value in machines.constants().items()}
    path = f"{card}.compute.efficiency"
    of = machines.fractions(
        (constants[f"{path}.convolution.compute"],) * 2,
        tuple(constants[f"{path}.fully_connected.{p}.compute"] for p in ("forward", "input_gradient")),
        constants[f"{path}.convolution.memory"],
        constants[f"{path}.batch_normalization.memory"],
    )
    for row in machines.rows("images_per_s"):
        if row["card"] == card:
            predicted = 1 / machines.image_seconds(card, row["net"], int(row["batch"]), of)
            assert 100 * abs(predicted / float(row["images_per_s"]) - 1) < percent, row


def test_networks_that_were_measured_have_their_sizes(machines: ModuleType) -> None:
    """Weights and multiply-accumulates as published, biases and normalization's parameters not counted."""
    sizes = {
        net: (sum(x.weights for x in layers), sum(x.macs for x in layers))
        for net, layers in machines.NETS.items()
    }
    assert sizes["alexnet"] == (60_965_224 - 10_568, 724_406_816)
    assert sizes["alexnet-owt"] == (61_100_840 - 10_344, 714_188_480)
    assert sizes["alexnet-tf"] == (61_838_248 - 10_472, 838_788_800)
    assert sizes["vgg16"] == (138_357_544 - 13_416, 15_470_264_320)
    assert sizes["resnet50"] == (25_557_032 - 53_120 - 1_000, 3_857_973_248)
