"""From YAML to the engine's machine: every number in its unit, every constant with its source."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.cost import Efficiency, Roofline
from dataflow.errors import TopologyError
from dataflow.hardware import Constant, Hardware, Link
from dataflow.ops import KERNEL_OPS
from tests.topologies.described import HARDWARE, cases, changed, faults
from topologies.build_cost import PASSES
from topologies.processor_document import OP_KINDS

COST = "cost: roofline"


def read(folder: Path, text: str = HARDWARE) -> Hardware:
    """The machine of a text, as machine.yaml."""
    path = folder / "machine.yaml"
    path.write_text(text)
    return topologies.load_hardware(str(path))


def efficiency(folder: Path, text: str) -> dict[tuple[str, str], Efficiency]:
    """The efficiencies of the processor whose description has this text for them."""
    machine = read(folder, changed(HARDWARE, COST, f"{COST}\n      efficiency: {text}"))
    cost = machine.processors["chip0"].cost
    assert isinstance(cost, Roofline)
    return dict(cost.efficiency)


def test_every_number_arrives_in_its_unit(tmp_path: Path) -> None:
    """FLOP/s, bytes/s, bytes, picoseconds."""
    machine = read(tmp_path)
    chip = machine.processors["chip1"]
    assert (chip.name, chip.model, chip.copy_engines, chip.copy_overhead_ps) == (
        "chip1",
        "chip",
        1,
        10_000_000,
    )
    assert chip.cost == Roofline(1e12, 100e9, 3_000_000, {("", ""): Efficiency(1.0, 1.0)})
    assert {name: memory.capacity_bytes for name, memory in machine.memories.items()} == {
        "chip0": 3 * 2**30,
        "chip1": 3 * 2**30,
        "host": 16 * 2**30,
    }
    assert (machine.name, machine.hosts, machine.switches) == ("machine", ("host",), ("switch",))


@pytest.mark.parametrize(
    ("duplex", "channels"), [("full", ("chip0->switch", "switch->chip0")), ("half", ("chip0--switch",) * 2)]
)
def test_a_connection_is_two_links(tmp_path: Path, duplex: str, channels: tuple[str, str]) -> None:
    """With a channel each, or one for both when they take turns."""
    links = read(tmp_path, changed(HARDWARE, "duplex: full", f"duplex: {duplex}")).links
    assert len(links) == 6
    assert links[:2] == (
        Link("chip0->switch", "bus", "chip0", "switch", 6e9, 0, channels[0]),
        Link("switch->chip0", "bus", "switch", "chip0", 6e9, 0, channels[1]),
    )


def test_constants_say_where_they_stand_and_who_says_so(tmp_path: Path) -> None:
    """Every number with a source, in the order of the file."""
    constants = read(tmp_path).constants
    file = tmp_path / "machine.yaml"
    assert constants[0] == Constant("models.chip.compute.peak", "1 TFLOP/s", "assumed", f"{file}:6")
    assert [constant.path for constant in constants] == [
        "models.chip.compute.peak",
        "models.chip.compute.launch_overhead",
        "models.chip.memory.capacity",
        "models.chip.memory.bandwidth",
        "models.chip.copy.engines",
        "models.chip.copy.overhead",
        "hosts.host.memory.capacity",
        "links.bus.bandwidth",
        "links.bus.latency",
    ]


def test_constants_of_what_ships_name_the_file_alone() -> None:
    """Also those that a description has from the one it extends."""
    constants = {constant.path: constant for constant in topologies.load_hardware("gtx580x2").constants}
    bandwidth = constants["models.gtx580.memory.bandwidth"]
    assert bandwidth.text == "192.4 GB/s"
    assert bandwidth.where.startswith("gtx580.yaml:")
    assert all(constant.source.strip() for constant in constants.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{default: {memory: 0.5, source: s}}", {("", ""): Efficiency(1.0, 0.5)}),
        (
            "{default: {compute: 0.4, memory: 0.5, source: s}, relu: {memory: 0.25, source: s}}",
            {("", ""): Efficiency(0.4, 0.5), ("relu", ""): Efficiency(0.4, 0.25)},
        ),
        (
            "{convolution: {forward: {compute: 0.25, source: s}}}",
            {("", ""): Efficiency(1.0, 1.0), ("convolution", "forward"): Efficiency(0.25, 1.0)},
        ),
        (
            (
                "{convolution: {compute: 0.5, source: s, weight_gradient: {memory: 0.25, source: s}}, "
                "accumulate: {forward: {memory: 0.75, source: s}}, "
                "momentum_sgd: {update: {memory: 0.125, source: s}}}"
            ),
            {
                ("", ""): Efficiency(1.0, 1.0),
                ("convolution", ""): Efficiency(0.5, 1.0),
                ("convolution", "weight_gradient"): Efficiency(0.5, 0.25),
                ("accumulate", "forward"): Efficiency(1.0, 0.75),
                ("momentum_sgd", "update"): Efficiency(1.0, 0.125),
            },
        ),
    ],
)
def test_what_a_pass_leaves_out_its_kind_has_then_the_default(
    tmp_path: Path, text: str, expected: dict[tuple[str, str], Efficiency]
) -> None:
    """By kind of op and pass; 1 when nobody says anything."""
    assert efficiency(tmp_path, text) == expected


def test_efficiencies_know_every_kernel() -> None:
    """Each op that has a kernel and no other, sums of gradients, and what is not named."""
    assert set(OP_KINDS) == {op.kind for op in KERNEL_OPS} | {"accumulate", "default"}


def test_efficiencies_know_every_pass() -> None:
    """Of every op of every network that ships."""
    networks = [entry.name for entry in topologies.shipped() if entry.kind == "network"]
    ops = [op for name in networks for op in topologies.load_network(name).ops(1).values()]
    assert {one.name for op in ops for one in op.passes} | {"update"} == set(PASSES)


@pytest.mark.parametrize("kind", OP_KINDS)
def test_every_kind_of_op_may_have_fractions(tmp_path: Path, kind: str) -> None:
    """Fast algorithms may pass 1 of the FLOP that are counted, nothing passes the memory."""
    found = efficiency(tmp_path, f"{{{kind}: {{compute: 2.25, memory: 0.5, source: s}}}}")
    assert found["" if kind == "default" else kind, ""] == Efficiency(2.25, 0.5)


@pytest.mark.parametrize("own", ["", ", batch_normalization_inference: {memory: 0.75, source: s}"])
def test_an_op_that_is_not_named_has_the_efficiency_of_the_one_it_is_priced_as(
    tmp_path: Path, own: str
) -> None:
    """Normalisation with kept moments moves bytes as fast as with the batch's, unless its own is given."""
    given = "batch_normalization: {memory: 0.25, source: s, forward: {memory: 0.5, source: s}}"
    found = efficiency(tmp_path, f"{{default: {{memory: 0.875, source: s}}, {given}{own}}}")
    kind = "batch_normalization_inference"
    if own:
        assert (found[kind, ""].memory, (kind, "forward") in found) == (0.75, False)
    else:
        assert (found[kind, ""].memory, found[kind, "forward"].memory) == (0.25, 0.5)


@pytest.mark.parametrize(("old", "new", "expected"), cases("hardware_faults"))
def test_a_machine_that_breaks_a_rule(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """The fault is listed with its line."""
    path = tmp_path / "machine.yaml"
    path.write_text(changed(HARDWARE, old, new))
    whole = expected.replace("KINDS", ", ".join(OP_KINDS))
    whole = whole if ".yaml:" in whole else f"machine.yaml:{whole}"
    assert whole in faults(topologies.load_hardware, path)


def test_a_machine_may_have_no_host_and_no_links(tmp_path: Path) -> None:
    """One processor alone is a machine."""
    text = HARDWARE[: HARDWARE.index("  chip1:")]
    machine = read(tmp_path, text)
    assert (list(machine.memories), machine.hosts, machine.links) == (["chip0"], (), ())


def test_a_machine_without_models(tmp_path: Path) -> None:
    """What is missing is named."""
    with pytest.raises(TopologyError, match=r"machine\.yaml:2: .*there is no model 'x'; there are: none"):
        read(tmp_path, "kind: hardware\nprocessors: {chip: {model: x}}\n")
