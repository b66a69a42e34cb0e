"""Networks, machines and plans as tables and JSON."""

from __future__ import annotations

import json

from reports import hardware_json, network_json, plan_json, show_hardware, show_network, show_plan
from tests.reports.test_report_tables import text
from tests.reports.worlds import (
    alexnet,
    alexnet_data_parallel,
    alexnet_on_two,
    gpus,
    neighbours,
    placed,
    tiny_network,
)


def test_network_as_json() -> None:
    """AlexNet's counts; Caffe's count of the activations: every top blob once, data and label included."""
    document = network_json(alexnet(), 128, 4)
    assert document["parameters"] == 60_965_224
    assert document["macs_per_image"] == 724_406_816
    assert document["forward_flop_per_image"] == 2 * 724_406_816
    conv1 = document["layers"][0]
    # 96 kernels of 3x11x11 and 96 biases; 55 x 55 x 96 outputs of 4 bytes for 128 images
    assert (conv1["name"], conv1["op"], conv1["output_shape"]) == ("conv1", "convolution", [96, 55, 55])
    assert conv1["parameters"] == 34_944
    assert conv1["macs"] == 105_415_200
    assert conv1["output_bytes"] == 96 * 55 * 55 * 4 * 128
    assert conv1["inputs"] == ["data"]
    assert sum(layer["parameters"] for layer in document["layers"]) == document["parameters"]
    assert document["activation_bytes"].keys() == {"simulator", "caffe"}
    json.dumps(document, allow_nan=False)


def test_network_as_a_table() -> None:
    """Every layer, and the totals below; 100 columns are enough."""
    shown = text(show_network(alexnet(), 128, 4))
    for part in ("conv1", "96x55x55", "34,944", "105,415,200", "60,965,224 parameters", "724,406,816 MAC"):
        assert part in shown
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100
    assert "reads" not in shown


def test_hardware_as_json() -> None:
    """Processors, links, routes with the narrowest bandwidth, constants with their place."""
    document = hardware_json(gpus(2))
    assert document["processors"]["gpu0"]["peak_flops"] == 1581.1e9
    assert document["processors"]["gpu0"]["copy_overhead_s"] == 10e-6
    assert document["routes"]["gpu0->gpu1"] == {
        "links": ["gpu0->switch", "switch->gpu1"],
        "bandwidth_bytes_per_s": 6.0e9,
        "attained_bytes_per_s": 6.0e9,
        "latency_s": 0.0,
    }
    assert document["links"]["gpu0->switch"]["duplex"] == "full"
    assert hardware_json(neighbours())["links"]["cpu0->cpu1"]["duplex"] == "half"
    assert document["constants"][2] == {
        "path": "links.pcie.bandwidth",
        "value": "6.0 GB/s",
        "source": "NVIDIA CUDA FAQ",
        "where": "gtx580.yaml:88",
    }
    json.dumps(document, allow_nan=False)


def test_hardware_as_tables() -> None:
    """What a machine is made of and who measured it."""
    shown = text(show_hardware(gpus(2)))
    for part in ("1.581 TFLOP/s", "192.4 GB/s", "gpu0 -> switch -> gpu1", "every other op", "21.3 %"):
        assert part in shown
    for constant in gpus(2).constants:
        assert constant.source in shown
        assert f"{constant.path} = {constant.text}  {constant.where}" in shown


def test_plan_as_json() -> None:
    """The two towers: halves of the channels, and the exchanges of the design, in bytes."""
    document = plan_json(placed(alexnet_on_two()))
    layers = {layer["name"]: layer for layer in document["layers"]}
    assert layers["conv1"]["parts"] == [
        {"processor": "gpu0", "slices": {"channel": [0, 48]}},
        {"processor": "gpu1", "slices": {"channel": [48, 96]}},
    ]
    assert layers["conv3"]["exchanges"]["forward"] == {"gpu0->gpu1": 11_075_584, "gpu1->gpu0": 11_075_584}
    assert layers["conv3"]["exchanges"]["gradient"] == {"gpu0->gpu1": 11_075_584, "gpu1->gpu0": 11_075_584}
    assert layers["conv4"]["exchanges"] == {}
    assert layers["fc8"]["parts"] == [{"processor": "gpu0", "slices": {}}]
    assert layers["fc8"]["parameters"] == {"gpu0": 4_097_000}
    assert sum(sum(layer["parameters"].values()) for layer in layers.values()) == 60_965_224
    assert document["exchanged_bytes"] == 2 * 30_015_488
    json.dumps(document, allow_nan=False)


def test_plan_as_a_table() -> None:
    """Who does which slice, what is sent before it, what is held."""
    shown = text(show_plan(placed(alexnet_on_two())))
    for part in ("gpu0 channel 0:48", "gpu0->gpu1 11.08 MB", "as above", "gpu0 all", "60.03 MB exchanged"):
        assert part in shown
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100


def test_plan_over_many_processors_stays_short() -> None:
    """Eight replicas: four lines of slices and a count of the rest."""
    shown = text(show_plan(placed(alexnet_data_parallel(8))))
    assert "... 4 more" in shown
    assert "56 ways 151.0 MB each" in shown
    assert "37,752,832 on each of 8" in shown


def test_small_numbers() -> None:
    """A network of a few neurons: all digits, no prefixes."""
    shown = text(show_network(tiny_network(), 4, 4))
    assert "22 parameters (88 B)" in shown  # 2 x 4 + 4, 4 x 2 + 2
