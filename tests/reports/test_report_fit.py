"""What fits a machine of cores and banks: the verdict, what is behind it, and tables of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import topologies
from dataflow.feasibility import EngineUse, Feasibility, feasibility
from dataflow.graph import training_graph
from dataflow.override import Override
from dataflow.placement import Fit, Need, Unsupported, place
from dataflow.simulation import simulate
from reports import fit_findings, fit_json, fit_markdown, show_fit
from reports.fit_table import over, unsupported, used
from tests.reports.cores import bank_uses
from tests.reports.test_report_tables import text


def found(*, fits: bool = False) -> Feasibility:
    """A network of 100 parameters on a card of 12 cores, of which two lack room for code."""
    needs = tuple(
        Need(f"core{number}", "program store", 9000, 8192, "instructions", (("convolution forward", 9000),))
        for number in (3, 7)
    )
    small = Need("core0", "program store", 100, 8192, "instructions", (("relu forward", 100),))
    stack = Need("core0", "stack", 600, 512, "B", (("softmax forward", 600), ("relu forward", 8)))
    lacking = tuple(
        Unsupported("norm", "layer_normalization", direction, f"there is no root ({direction})", ("core1",))
        for direction in ("forward", "input_gradient")
    )
    return Feasibility(
        network="net",
        hardware="card",
        mode="training",
        batch=2,
        dtype="q8.8",
        parameters=100,
        macs_per_example=5000,
        fit=Fit((small,), ()) if fits else Fit((small, *needs, stack), (), lacking),
        memory_map=bank_uses(12),
        memories={} if fits else {"port": (3000, 1000)},
        forward_s=1e-3,
        step_s=4e-3,
        training_s=86_400.0,
        engines={"emem": EngineUse("dram", 197.8e6, 0.125)},
        assumed=("stack",),
    )


def test_what_does_not_fit_is_named_by_kind_of_fault() -> None:
    """Each once, with how many there are and the worst of them; what limits are only assumed."""
    assert fit_findings.verdict(found()) == "net cannot run on card as planned"
    assert fit_findings.findings(found())[2] == (
        "What does not fit: 'port' has 1.000 kB and one tensor there needs 3.000 kB; "
        "the program store is too small 2 times, most for core3, by 808 instructions; "
        "the stack is too small for core0, by 88 B (its 512 B are assumed); "
        "this simulator has no integer routine for 2 passes of layer normalization."
    )
    assert fit_findings.verdict(found(fits=True)) == "net fits card as planned"


def test_findings_speak_of_time_first_then_memory_then_what_does_not_fit() -> None:
    """10,000 multiply-accumulates in 1 ms forward are 10 million a second; 2 examples in 4 ms 500."""
    time, memory, _, code = fit_findings.findings(found())
    assert time == (
        "Time, if all of it fitted: a forward pass of 2 examples takes 1.000 ms, a training step 4.000 ms "
        "(500 examples/s), and the whole training 1.000 days. Forward that is 10.0 million "
        "multiply-accumulates/s on all cores together. Passes without a routine are counted with a plain "
        "one, so this is an estimate."
    )
    assert memory.startswith("Memory: 100 parameters take ")
    assert "The memories nearer than emem have 311.3 kB" in memory
    assert memory.endswith(
        "are in emem, the farthest, behind one engine for all cores: dram serves 197.8 million accesses/s "
        "and is busy 12.5 % of such a step."
    )
    assert code.startswith(
        "Code does not fit: the longest program, of core3, has 9,000 of 8,192 instructions"
    )
    time, _, code = fit_findings.findings(found(fits=True))
    assert time.startswith("Time: a forward pass")
    assert code.startswith("Code fits: ")


def test_engines_are_busy_with_what_the_step_asks_of_them() -> None:
    """Of DRAM, of the digits CNN that ships, and whose stack is as large as is assumed."""
    experiment = topologies.load("digits-cnn-agilio", [Override("plan.banks", "{fc.weight: emem}")])
    graph = place(training_graph(experiment), experiment.hardware, experiment.plan)
    asked = sum(count for span in simulate(graph, 1).trace.measured for _, count in span.engine_operations)
    seen = feasibility(graph)
    assert seen.engines["emem"].name == "dram"
    assert seen.engines["emem"].busy == pytest.approx(asked / 197.8e6 / seen.step_s)
    assert asked > 0
    assert seen.assumed == ("stack",)


def test_what_does_not_fit_is_a_table() -> None:
    """Cores that lack as much are one row; of a stack only what needs most is told."""
    assert over(found()).rows == (
        (
            "core3 +1",
            "program store",
            "9,000 instructions",
            "8,192 instructions",
            "808 instructions",
            "convolution forward 9,000 instructions",
        ),
        ("core0", "stack", "600 B", "512 B (assumed)", "88 B", "softmax forward 600 B"),
        ("port", "memory", "3.000 kB", "1.000 kB", "2.000 kB", "the largest tensor alone"),
    )
    assert over(found(fits=True)).rows == ()


def test_passes_that_cannot_be_computed_are_a_row_for_each_op() -> None:
    """With the layers, passes and cores it is about, and what to do."""
    assert unsupported(found()).rows == (
        ("norm", "forward, input gradient", "core1", "there is no root (forward)"),
    )


def test_how_much_is_needed_of_what_there_is() -> None:
    """Of cores the one that needs most, of banks all of a kind."""
    rows = {row[0]: row[1:] for row in used(found()).rows}
    assert rows["program store"] == ("9,000 instructions", "8,192 instructions", "110 %", "core3")
    assert rows["local, 12 banks"] == ("984 B", "49.15 kB", "2.00 %", "core0.local 2.00 %")
    assert rows["ctm"] == ("163.8 kB", "262.1 kB", "62.5 %", "island0.ctm 62.5 %")


def test_console_page_and_json_say_the_same() -> None:
    """The verdict, the findings and the tables."""
    told = text(show_fit(found()))
    page = fit_markdown(found())
    for title in ("What does not fit", "What cannot be computed", "What is needed of what there is"):
        assert title in told
        assert f"## {title}" in page
    document = fit_json(found())
    assert document["feasible"] is False
    assert document["findings"][0] == fit_findings.verdict(found())
    assert document["memories"] == [{"name": "port", "needed_bytes": 3000, "capacity_bytes": 1000}]
    assert document["unsupported"][0]["op"] == "layer_normalization"
    assert [need["over"] for need in document["cores"]] == [0, 808, 808, 88]
    assert document["assumed"] == ["stack"]
    assert document["engines"] == {"emem": {"name": "dram", "operations_per_s": 197.8e6, "busy": 0.125}}
    assert document["training_s"] == 86_400.0


@cache
def digits(*settings: tuple[str, str]) -> Feasibility:
    """The digits CNN that ships, on its card."""
    overrides = [Override(*setting) for setting in settings]
    experiment = topologies.load("digits-cnn-agilio", overrides)
    return feasibility(place(training_graph(experiment), experiment.hardware, experiment.plan))


def test_a_network_that_fits_is_timed_as_it_runs() -> None:
    """The step of what fits is that of a run, and its forward pass is a part of that."""
    experiment = topologies.load("digits-cnn-agilio")
    placed = place(training_graph(experiment), experiment.hardware, experiment.plan)
    trace = simulate(placed, 1).trace
    assert digits().feasible
    assert digits().step_s == pytest.approx((trace.end_ps - trace.start_ps) * 1e-12)
    assert 0 < digits().forward_s < digits().step_s


def test_floats_do_not_run_on_integer_cores() -> None:
    """In float32 every pass of the network lacks a routine, and the findings still give a time."""
    plain = digits(("training.dtype", "float32"), ("backend", "numpy"))
    assert not plain.feasible
    assert "need floating point, which the cores lack" in fit_findings.findings(plain)[2]
    assert plain.step_s > 0
    assert replace(plain, fit=Fit()).feasible
