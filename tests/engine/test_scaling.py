"""Sizes of an experiment: what is asked for, what may not be, and speed-up and efficiency by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dataflow.errors import OptionError
from dataflow.measurement import measure_trace
from dataflow.metrics import Limit, Metrics
from dataflow.override import Override
from dataflow.plan import Plan
from dataflow.scaling.scaling import Size, Sweep, Swept, is_mesh, scaling_of, size_of
from tests.engine.traces import TWO, compute, run, trace
from tests.engine.worlds import experiment, fc, machine, network, split

DATA = Swept("data", ("1", "2", "4"))
WORLD = experiment(
    network({"a": fc(4)}),
    machine(4),
    Plan(mesh={"data": 2, "model": 1}, processors=("p2", "p3"), layers={"*": split(batch="data")}),
    batch=8,
)


def metrics(images_per_s: float, *gains: float) -> Metrics:
    """Metrics of two processors with such a throughput and such limits."""
    limits = tuple(Limit(f"r{index}", 1.0, gain) for index, gain in enumerate(gains))
    return replace(measure_trace(run(TWO)), images_per_s=images_per_s, limits=limits)


def test_every_combination() -> None:
    """The last field fastest; names without a dot are mesh axes."""
    sweep = Sweep((DATA, Swept("training.steps", ("1", "2"))))
    choices = list(sweep.choices)
    assert len(choices) == 6
    assert choices[1] == {"plan.mesh.data": "1", "training.steps": "2"}
    assert sweep.told(choices[1]) == {"data": "1", "training.steps": "2"}
    assert [is_mesh(path) for path in choices[1]] == [True, False]
    assert (DATA.axis, Swept("training.steps", ("1",)).axis) == ("data", "")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Swept("data", ("",)),
            r"over data=: is not of the form axis=length,length such as data=1,2,4",
        ),
        (lambda: Swept("", ("1",)), r"over =1: is not of the form"),
        (lambda: Swept("data", ("1", "2", "1")), r"over data=1,2,1: '1' stands there more than once"),
        (lambda: Swept("data", ("two",)), r"'two' is no length of a mesh axis; it is a whole number from 1"),
        (lambda: Swept("plan.mesh.data", ("0",)), r"'0' is no length of a mesh axis"),
        (lambda: Sweep(()), r"nothing to vary; say over what, such as data=1,2,4"),
        (lambda: Sweep((DATA, DATA)), r"plan.mesh.data is varied twice; list all its values once"),
        (
            lambda: Sweep((Swept("training.batch", ("8",)),), weak=True),
            r"training.batch is varied, so the batch",
        ),
        (lambda: Sweep((DATA,), True, 4), r"weak and a batch per processor exclude each other"),
    ],
)
def test_sweeps_that_cannot_be(make: Callable[[], object], message: str) -> None:
    """Which field, which value, which rule."""
    with pytest.raises(OptionError, match=message):
        make()


def test_processors_of_a_size() -> None:
    """The first of those that the plan names, or of the machine where the plan names too few."""
    sweep = Sweep((DATA,))
    assert size_of(WORLD, sweep, {"plan.mesh.data": "1"}, None) == Size(
        (Override("plan.mesh.data", "1"), Override("plan.processors", '["p2"]')), 1, 8
    )
    four = size_of(WORLD, sweep, {"plan.mesh.data": "4"}, None)
    assert four.overrides[-1] == Override("plan.processors", '["p0", "p1", "p2", "p3"]')
    assert size_of(WORLD, Sweep((Swept("training.steps", ("2",)),)), {"training.steps": "2"}, None) == Size(
        (), 2, 8
    )


def test_batches_of_weak_scaling() -> None:
    """From the first size's batch in proportion to the processors, or so many images for each of them."""
    first = Size((), 1, 8)
    weak = size_of(WORLD, Sweep((DATA,), weak=True), {"plan.mesh.data": "4"}, first)
    assert (weak.batch, weak.overrides[-1]) == (32, Override("training.batch", "32"))
    each = size_of(WORLD, Sweep((DATA,), batch_per_processor=3), {"plan.mesh.data": "2"}, first)
    assert (each.batch, each.overrides[-1]) == (6, Override("training.batch", "6"))


@pytest.mark.parametrize(
    ("choice", "first", "message"),
    [
        (
            {"plan.mesh.depth": "2"},
            None,
            r"over depth: the mesh of 'world' has no such axis; it has: data, model",
        ),
        (
            {"plan.mesh.data": "4", "plan.mesh.model": "2"},
            None,
            r"over data, model: mesh \{data: 4, model: 2\} needs 8 processors, but hardware 'machine' has 4",
        ),
        ({"plan.mesh.data": "1"}, Size((), 3, 4), r"4 images on 3 processors are no whole number on 1"),
    ],
)
def test_sizes_that_cannot_be(choice: dict[str, str], first: Size | None, message: str) -> None:
    """An axis that is not there, too few processors, a part of an image."""
    with pytest.raises(OptionError, match=message):
        size_of(WORLD, Sweep((DATA,), weak=True), choice, first)


def test_speed_up_and_efficiency() -> None:
    """One processor at 100 images/s, two at 150: 1.5 times as fast, 75 % of what two could be."""
    one = replace(measure_trace(run(trace(compute(0, 10)))), images_per_s=100.0)
    scaling = scaling_of(
        "w", Sweep((DATA,)), [({"data": "2"}, metrics(150.0, 1.5, 1.0)), ({"data": "1"}, one)], []
    )
    two, alone = scaling.points
    assert (two.processors, two.speed_up, two.efficiency) == (2, 1.5, 0.75)
    assert (alone.processors, alone.speed_up, alone.efficiency) == (1, 1.0, 1.0)
    # TWO: p0 waits 7 for transfers, p1 4 + 5, both together for 60.
    assert two.exposed_share == pytest.approx(16 / 60)
    assert scaling.kind == "strong"
    assert scaling_of("w", Sweep((DATA,), weak=True), [({}, one)], []).kind == "weak"


def test_limiting_resource() -> None:
    """The best of the limits, if it makes a difference worth naming."""
    points = [
        ({"data": "1"}, metrics(1.0, 1.5)),
        ({"data": "2"}, metrics(1.0, 1.001)),
        ({"data": "4"}, metrics(1.0)),
    ]
    first, second, third = scaling_of("w", Sweep((DATA,)), points, []).points
    assert first.limiting is not None
    assert (first.limiting.resource, second.limiting, third.limiting) == ("r0", None, None)
