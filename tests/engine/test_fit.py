"""What fits and what does not: program stores, stacks, banks, and cores without floating point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from dataflow.cost import CodeLimits, Cost, Resource, Roofline, Work
from dataflow.errors import FitError
from dataflow.experiment import Experiment, Training
from dataflow.hardware import Controller, Hardware
from dataflow.network import Network
from dataflow.ops import Op, Pass
from dataflow.placement import Fit, Need, Unsupported, check_fit, fit
from dataflow.plan import Control, Plan
from tests.engine.spaces import nic, small_banks
from tests.engine.worlds import RELU, fc, gpus, network, on, placed


@dataclass(frozen=True)
class Core:
    """A cost model whose passes have code and stack of the given sizes: forward, all others."""

    program_store: int = 1000
    stack_bytes: int = 100
    code_each: int = 10
    stack_each: int = 8
    missing: str = ""
    peak_flops: float = 1.0

    def cost(self, work: Work, position: float = 0.5) -> Cost:
        """One picosecond."""
        return Cost(1, "compute")

    def code(self, op: Op | None, direction: Pass | None, bits: int) -> int:
        """So much for each, and as many instructions as bits for a sum of shards."""
        return bits if op is None else self.code_each * (1 + op.loops.get("in_channel", 0))

    def stack(self, op: Op | None, direction: Pass | None, bits: int) -> int:
        """As much as loops, of so many bytes."""
        return 0 if op is None else self.stack_each * len(op.loops)

    @property
    def limits(self) -> CodeLimits:
        """Those given."""
        return CodeLimits(self.program_store, self.stack_bytes)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """None."""
        return ()

    def faster(self, resource: Resource) -> Core:
        """The same."""
        return self

    def unsupported(self, op: Op | None, direction: Pass | None, dtype: str) -> str | None:
        """No op of one kind."""
        return "it is too hard; use another" if op is not None and op.kind == self.missing else None


NET = network({"a": fc(2, bias=False), "relu": RELU, "b": fc(2, bias=False)})
TWO = Plan(layers={"a": on("core0"), "relu": on("core1"), "b": on("core1"), "loss": on("core1")})


def world(hardware: Hardware, plan: Plan = TWO, net: Network = NET) -> Experiment:
    """An experiment in q8.8, of which an element takes 2 bytes."""
    return Experiment("world", net, hardware, plan, Training(batch=2, dtype="q8.8", momentum=0.0))


def test_code_and_stack_of_cores() -> None:
    """A core has code for each kind of pass once, for the largest; and the stack of the deepest."""
    found = fit(placed(world(nic(2, cost=Core()))))
    # core0: fully_connected forward and weight_gradient, 10 x (1 + 2 inputs) each, and update.
    # The first has 5 loops, 2 inputs of 1 x 1, the update 4.
    assert found.cores[:2] == (
        Need(
            "core0",
            "program store",
            90,
            1000,
            "instructions",
            (
                ("fully_connected forward", 30),
                ("fully_connected weight_gradient", 30),
                ("momentum_sgd update", 30),
            ),
        ),
        Need(
            "core0",
            "stack",
            40,
            100,
            "B",
            (
                ("fully_connected forward", 40),
                ("fully_connected weight_gradient", 40),
                ("momentum_sgd update", 32),
            ),
        ),
    )
    # core1: relu forward and backward, loss forward and backward 10 each; fc 3 x 30; update 30.
    assert [(need.who, need.what, need.needed) for need in found.cores[2:]] == [
        ("core1", "program store", 160),
        ("core1", "stack", 24),
    ]
    assert found.fits
    check_fit(placed(world(nic(2, cost=Core()))))


def test_a_table_of_all_that_does_not_fit() -> None:
    """Code, stack and banks that are too small, and what cannot be computed, in one error."""
    cost = Core(program_store=100, stack_bytes=20, missing="relu")
    hardware = nic(2, small_banks(2, local_bytes=10, shared_bytes=0, far_bytes=24), cost=cost)
    # All tensors have 8 B but the losses, 4 B. far: two batches and two batches of labels 32, a.grad 8;
    # of a.weight and its gradient one is in core0.local, of core1's 7 and the losses one in core1.local.
    graph = placed(world(hardware))
    with pytest.raises(FitError) as raised:
        check_fit(graph)
    assert str(raised.value).splitlines() == [
        "'net' does not fit hardware 'spaces':",
        "  who    of its                    needs  has  over",
        "  core0  stack                      40 B   20    20",
        "  core1  program store  160 instructions  100    60",
        "  core1  stack                      24 B   20     4",
        "  far    memory                    100 B   24    76",
        "",
        "  layer  on     cannot be computed",
        "  relu   core1  it is too hard; use another (passes like this: 2)",
        "",
        "'dataflow show EXPERIMENT' says more, and how long it would take if it fitted",
    ]


def test_banks() -> None:
    """The bytes of all places in a bank, by tensor, with what they are over."""
    graph = placed(world(nic(2, small_banks(2))))
    found = fit(graph)
    assert found.cores == ()
    assert [(need.who, need.needed, need.limit) for need in found.banks if need.who == "near"] == [
        ("near", sum(size for _, size in found.banks[-1].parts), 4096)
    ]
    assert dict(found.banks[-1].parts)["data"] == 2 * 2 * 2 * 2  # two batches of 2 x 2 elements of 2 B
    assert all(need.over == 0 for need in found.banks)


def test_no_floating_point() -> None:
    """Float tensors on cores without floats are an error that names an integer format."""
    hardware = nic(2, floats=False)
    graph = placed(replace(world(hardware), training=Training(batch=2, dtype="float32")))
    found = fit(graph)
    assert found.unsupported[0] == Unsupported(
        "a",
        "fully_connected",
        "forward",
        "fully_connected computes in float32, and there is no floating point; "
        "use training.dtype: q8.8 with backend: fixed",
        ("core0",),
    )
    with pytest.raises(
        FitError, match=r"a +core0 +fully_connected computes in float32.*training\.dtype: q8\.8"
    ):
        check_fit(graph)
    assert fit(placed(world(hardware))).fits


def test_with_dynamic_control_every_core_has_all_the_code() -> None:
    """Any free core may be handed any task, so the code of all is on each."""
    hardware = replace(nic(2, cost=Core()), controller=Controller(1, 1, 1))
    found = fit(placed(world(hardware, replace(TWO, control=Control(kind="dynamic")))))
    stores = {need.who: need.needed for need in found.cores if need.what == "program store"}
    # fc forward, input and weight gradient and the update 30 each; relu and loss two passes of 10 each.
    assert stores == {"core0": 160, "core1": 160}


def test_machines_without_limits_fit() -> None:
    """GPUs have neither program stores nor banks."""
    graph = placed(Experiment("world", NET, gpus(1), Plan(), Training(batch=2)))
    assert fit(graph) == Fit()
    check_fit(graph)
    assert isinstance(graph.hardware.processors["gpu0"].cost, Roofline)
