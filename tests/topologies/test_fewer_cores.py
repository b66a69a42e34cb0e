"""Plans that name processors which a smaller machine lacks: one fault for each list of them."""

from __future__ import annotations

import pytest

import topologies
from dataflow.errors import TopologyError
from dataflow.override import Override

HINT = "name processors that it has, or take a larger machine"


def faults(*settings: str) -> list[str]:
    """The faults of digits-cnn-agilio with 8 cores, without the places where they are."""
    overrides = [Override("hardware.spaces.nic.cores", "8")]
    for setting in settings:
        path, _, value = setting.partition("=")
        overrides.append(Override(path, value))
    with pytest.raises(TopologyError) as caught:
        topologies.load("digits-cnn-agilio", overrides)
    return [line.partition(": plan: ")[2] for line in str(caught.value).splitlines()[1:]]


def test_one_fault_for_each_list() -> None:
    """48 processors of the mesh, 10 of a layer, 10 of its gradient, 1 of the loss."""
    machine = "hardware 'agilio-cx' (agilio-cx.yaml:2)"
    assert faults() == [
        f"processors core8, core9 and 38 more are not in {machine}, which has core0 to core7; {HINT}",
        f"layer 'fc' on core20 to core29, but {machine} has core0 to core7; {HINT}",
        f"gradient of layer 'fc' on core48 to core57, but {machine} has core0 to core7; {HINT}",
        f"layer 'loss' on 'core30', but {machine} has core0 to core7",
    ]


def test_a_few_are_named_one_by_one() -> None:
    """In the order of the list, each once."""
    (fc, *_) = [fault for fault in faults("plan.layers.fc.on=[core7, core9, core8]") if "'fc'" in fault]
    assert fc.startswith("layer 'fc' on core9, core8, but hardware")


def test_each_fault_is_at_its_line() -> None:
    """That of the gradient at the gradient's own list."""
    with pytest.raises(TopologyError) as caught:
        topologies.load("digits-cnn-agilio", [Override("plan.layers.fc.gradient.on", "[core60, core61]")])
    assert "--set plan.layers.fc.gradient.on=[core60, core61]: plan: gradient of layer 'fc' on" in str(
        caught.value
    )
