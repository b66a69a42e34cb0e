"""Why more processors do not help: a full shared resource, one processor's work, or a chain of tasks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.measurement import measure_trace
from dataflow.metrics import ControlUse, Metrics, PathPart
from dataflow.scaling.bottleneck import bottleneck
from tests.engine.traces import TWO, run

PATH = (
    PathPart("matmul", 3.0, 0.3, "p0"),
    PathPart("matmul", 2.5, 0.25, "p1"),
    PathPart("forward transfers p0->p1", 4.5, 0.45),
)


def metrics(p0: float, p1: float, link: float, control: ControlUse | None = None) -> Metrics:
    """Two processors and a link that are busy for such shares of a step."""
    measured = measure_trace(run(TWO))
    shares = iter((p0, p1))
    processors = {
        name: replace(use, utilisation=share, busy_s=share)
        for (name, use), share in zip(measured.processors.items(), shares, strict=True)
    }
    links = {name: replace(use, utilisation=0.0) for name, use in measured.links.items()}
    first = next(iter(links))
    links[first] = replace(links[first], utilisation=link)
    return replace(measured, processors=processors, links=links, critical_path=PATH, control=control)


def test_a_processor_whose_work_cannot_be_made_smaller() -> None:
    """One at 90 %, the other at 30 %: 60 % in the mean."""
    assert bottleneck(metrics(0.9, 0.3, 0.1)).reason == (
        "p0 is busy 90 % of the step, processors in the mean 60 %; 55 % of the critical path is matmul"
    )


def test_a_link_that_is_full() -> None:
    """Of equals the shared resource is named."""
    found = bottleneck(metrics(0.95, 0.95, 0.95))
    assert found.busiest.kind == "link"
    assert found.reason.startswith(f"link {found.busiest.name} is busy 95 % of the step;")


def test_a_controller_that_signals_all_the_time() -> None:
    """It is named before the processors it keeps waiting; semaphores are no resource."""
    control = ControlUse("static", 100.0, 0.85, 0.85, 0.2)
    found = bottleneck(metrics(0.8, 0.5, 0.1, control))
    assert found.reason.startswith("controller is busy 85 % of the step;")
    semaphores = replace(control, kind="dataflow")
    assert bottleneck(metrics(0.8, 0.5, 0.1, semaphores)).busiest.name == "p0"


def test_an_engine_that_saturates() -> None:
    """A shared engine is named as such."""
    found = bottleneck(replace(metrics(0.95, 0.9, 0.1), engines={"dram": 0.99, "atomic": 0.2}))
    assert found.reason == "engine dram is busy 99 % of the step; 55 % of the critical path is matmul"


def test_tasks_that_wait_for_one_another() -> None:
    """Nothing is full: the critical path says what the time is spent on, wherever: 30 % + 25 % of matmul."""
    found = bottleneck(metrics(0.5, 0.4, 0.3))
    assert [(part.what, part.share) for part in found.chain] == [
        ("matmul", pytest.approx(0.55)),
        ("forward transfers p0->p1", 0.45),
    ]
    assert found.reason == (
        "tasks wait for one another (p0, the busiest, is busy 50 % of the step); "
        "55 % of the critical path is matmul"
    )
