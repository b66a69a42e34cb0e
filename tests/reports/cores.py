"""A made-up network card and what was measured on it: 60 cores that share one address space of banks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from dataflow.bank import Bank
from dataflow.cost import Roofline
from dataflow.experiment import Experiment, Training
from dataflow.hardware import Controller, Engine, Hardware, Link, Memory, Processor
from dataflow.measurement import measure_trace
from dataflow.memory_map import BankUse, Stored
from dataflow.metrics import BufferUse, ControlUse, Idleness, Latencies, Metrics, PipelineUse, StageUse
from dataflow.ops import Phase
from dataflow.placement import TaskKind
from dataflow.plan import Plan
from dataflow.result import Result
from dataflow.simulation import Run
from dataflow.trace import Span, Trace
from dataflow.verification.precision import Precision, TensorPrecision, TensorValues
from tests.engine.pipelines import in_order
from tests.engine.traces import compute
from tests.reports.worlds import placed, tiny_network

US = 10**6
"""A microsecond in picoseconds."""

ISLAND = 12


def names(count: int) -> list[str]:
    """The cores of a card."""
    return [f"core{number}" for number in range(count)]


def banks(count: int) -> tuple[Bank, ...]:
    """Local memory of each core, CTM of each island, and DRAM that all reach."""
    cores = names(count)
    local = tuple(Bank(f"{core}.local", "local", 4096, (core,)) for core in cores)
    islands = range((count + ISLAND - 1) // ISLAND)
    ctm = tuple(
        Bank(f"island{number}.ctm", "ctm", 262_144, tuple(cores[ISLAND * number : ISLAND * (number + 1)]))
        for number in islands
    )
    return (*local, *ctm, Bank("emem", "emem", 2**31, tuple(cores), {"read": "dram"}))


def card(count: int = 60) -> Hardware:
    """So many cores of one address space, and a host behind PCIe."""
    cost = Roofline(2e8, 8e8, 0, {})
    ends = (("host", "nic"), ("nic", "host"))
    return Hardware(
        name=f"card-{count}",
        processors={name: Processor(name, "fpc", cost, 0, 0, memory="nic") for name in names(count)},
        memories={
            "nic": Memory("nic", 2**31 + 2**20, banks(count), 2, 1_000_000),
            "host": Memory("host", 2**34),
        },
        links=tuple(Link(f"{a}->{b}", "pcie", a, b, 7e9, 500_000, f"{a}->{b}") for a, b in ends),
        hosts=("host",),
        engines={"dram": Engine("dram", 1.98e8)},
        controller=Controller(200_000, 400_000, 50_000),
    )


def made_up(count: int) -> Trace:
    """The controller signals every fourth core; it and the next three go forward, some also back."""
    found: list[Span] = []
    for number, core in enumerate(names(count)):
        start = (1 + number // 4) * US // 4
        if number % 4 == 0:
            cause = len(found) - 5 if number else None
            signal = compute(
                start - US // 4, start, cause, on="controller", layer="conv", phase=Phase.FORWARD
            )
            found.append(
                replace(signal, kind=TaskKind.SIGNAL, processor=None, operation="signal", flop=0, bytes=0)
            )
        end = start + (3 + number % 4) * US
        cause = len(found) - 1 - number % 4
        found.append(compute(start, end, cause, on=core, layer="conv", phase=Phase.FORWARD))
    last = max(range(len(found)), key=lambda index: found[index].end_ps)
    at = found[last].end_ps
    for number in range(0, count, 5):
        spent = compute(at, at + 6 * US, last, on=f"core{number}", layer="conv", phase=Phase.GRADIENT)
        found.append(spent)
    first = len(found) - (count + 4) // 5
    found.append(compute(at + 6 * US, at + 10 * US, first, on="core0", layer="conv", phase=Phase.UPDATE))
    return in_order(found)


def bank_uses(count: int) -> tuple[BankUse, ...]:
    """A weight and an output in each local memory, the image in each CTM, a weight in DRAM."""
    held = {"local": _local, "ctm": _ctm, "emem": _emem}
    return tuple(
        BankUse(
            "nic",
            bank.name,
            bank.kind,
            bank.capacity_bytes,
            tuple(name for name in names(count) if name in bank.reached_by),
            held[bank.kind](number),
        )
        for number, bank in enumerate(banks(count))
    )


def _local(number: int) -> tuple[Stored, ...]:
    if number >= 26:
        return ()
    region = f"[:,{number % 16}]"
    if number >= 16:
        return (Stored("fc.weight", f"[{number - 16}]", "parameter", 32),)
    return (
        Stored("conv.weight", "", "parameter", 50),
        Stored("conv", region, "activation", 32),
    )


def _ctm(number: int) -> tuple[Stored, ...]:
    if number % 2:
        return ()
    return (Stored("data", "", "batch", 131_072), Stored("relu", "", "activation", 32_768))


def _emem(number: int) -> tuple[Stored, ...]:
    return (Stored("labels", "", "batch", 64),)


def idleness(metrics: Metrics) -> dict[str, Idleness]:
    """Of each core's time in tasks a quarter is wait for memory, more if it is odd."""
    found: dict[str, Idleness] = {}
    for number, (core, use) in enumerate(metrics.processors.items()):
        rest = metrics.step_time_s - use.busy_s
        found[core] = Idleness(
            signal_s=rest / 8,
            input_s=rest / 4,
            memory_s=use.busy_s / 4,
            engine_s=use.busy_s / 8 * (number % 2),
            idle_s=rest * 5 / 8,
        )
    return found


@cache
def on_cards(count: int = 60) -> Result:
    """The made-up step on a card of so many cores, in fixed point."""
    hardware = card(count)
    plan = Plan(processors=("core0",))
    experiment = Experiment(
        "digits-card", tiny_network(), hardware, plan, Training(batch=4, dtype="q8.8", learning_rate=0.4)
    )
    trace = made_up(count)
    metrics = measure_trace(Run(placed(experiment), trace))
    metrics = replace(
        metrics,
        idleness=idleness(metrics),
        control=ControlUse("static", 73, 14.6e-6, 0.73, 3.2e-6),
        memory_map=bank_uses(count),
        engines={"dram": 0.25},
    )
    return Result(experiment, trace, metrics, "fixed", losses=(0.69,), precision=precision(), values=values())


def precision() -> Precision:
    """Two tensors against float32, and the updates of one, of which a quarter were lost."""
    return Precision(
        "float32 on one processor",
        (
            TensorPrecision("conv@0", "activation", "q8.8", 1000, 10, 0, 4.0, 0.002, 0.01),
            TensorPrecision("conv.weight@1", "parameter", "q8.8", 200, 0, 50, 0.5, 0.001, 0.004),
            TensorPrecision("labels@0", "batch", "int32", 4, 0, 0),
        ),
    )


def values() -> tuple[TensorValues, ...]:
    """A matrix with its float32 twin and a loss without."""
    return (
        TensorValues(
            "hidden.weight@0",
            "parameter",
            "hidden",
            "q8.8",
            (2, 3),
            (0.5, -0.25, 1.0, 0.00390625, 0.0, -128.0),
            (0.501, -0.25, 1.0, 0.0041, 0.0, -130.0),
        ),
        TensorValues("loss@0", "activation", "loss", "float32", (), (0.6931472,)),
    )


def streaming(stages: int = 4, buffers: int = 2) -> PipelineUse:
    """Stages that take 1, 2, 3 microseconds, and then 1 again."""
    times = [(1 + number % 3) * 1e-6 for number in range(stages)]
    slowest = max(times)
    first = times.index(slowest)
    return PipelineUse(
        samples=100,
        interval_s=slowest,
        fill_s=sum(times),
        drain_s=sum(times) * 1.5,
        latency=Latencies(100, 9e-6, 11e-6, 12e-6),
        stages=tuple(
            StageUse(f"core{number}", (f"layer{number}",), time_s, time_s / slowest)
            for number, time_s in enumerate(times)
        ),
        buffers=tuple(
            BufferUse(
                f"layer{number}",
                f"layer{number}",
                f"core{number}",
                f"core{number + 1}",
                buffers,
                1.9 if number < first else 0.4,
                buffers,
                0.95 if number < first else 0.0,
                1e-4 if number < first else 0.0,
            )
            for number in range(stages - 1)
        ),
        bottleneck=f"core{first}",
        balanced_interval_s=sum(times) / stages,
    )


def pipelined(stages: int = 4) -> Result:
    """The card's result as that of a pipeline of so many stages."""
    result = on_cards()
    return replace(
        result,
        experiment=replace(result.experiment, mode="pipeline", name=f"pipeline-{stages}"),
        metrics=replace(result.metrics, pipeline=streaming(stages)),
        losses=None,
    )
