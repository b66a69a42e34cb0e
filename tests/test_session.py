"""The composition root: a run from a name to a result, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import dataflow
from dataflow import Override
from dataflow.errors import BackendError, NumericError, OutOfMemoryError
from dataflow.session import Options, largest_batch, run_experiment, simulate_experiment, verify_experiment


def tiny(*settings: tuple[str, str]) -> dataflow.experiment.Experiment:  # type: ignore[name-defined]
    """The smallest experiment that ships, with fields set."""
    return dataflow.load("tiny-2x-gtx580", [Override(path, value) for path, value in settings])


def warnings_of(*settings: tuple[str, str], computed: bool = False) -> Iterable[str]:
    """What a run of the tiny experiment says of its overrides."""
    if computed:
        return run_experiment(tiny(*settings), Options(images="noise", reference=None)).warnings
    return simulate_experiment(tiny(*settings)).warnings


def test_a_run_computes_times_and_verifies() -> None:
    """A run has a loss for each step, times and a passed verification."""
    result = run_experiment(tiny(("training.steps", "2")), Options(images="noise"))
    assert result.losses is not None
    assert len(result.losses) == 2
    assert result.metrics.step_time_s > 0
    assert result.verification is not None
    assert result.verification.passed
    assert result.verification.reference == "one processor"


def test_the_trace_is_the_same_with_and_without_values() -> None:
    """Timing never depends on values."""
    computed = run_experiment(tiny(), Options(images="noise", reference=None))
    assert computed.trace == simulate_experiment(tiny()).trace


def test_the_null_backend_times_only() -> None:
    """A backend that computes nothing gives times, no loss and no verification."""
    result = run_experiment(tiny(("backend", "'null'")), Options(images="noise"))
    assert result.losses is None
    assert result.verification is None
    assert result.backend == "null"


def test_verifying_with_the_null_backend_is_refused() -> None:
    """There is nothing to verify where no values are computed."""
    with pytest.raises(BackendError, match="computes no values, so there is nothing to verify"):
        verify_experiment(tiny(("backend", "'null'")))


def test_an_unknown_reference_is_named() -> None:
    """An unknown reference is refused with those there are."""
    with pytest.raises(
        BackendError, match="no reference is called 'mystery'; there are: one-processor, torch"
    ):
        run_experiment(tiny(), Options(images="noise", reference="mystery"))


def test_what_does_not_fit_names_the_holders_and_the_batch_that_would() -> None:
    """Out of memory: who, what, how much, what held it, and the largest batch that fits."""
    experiment = dataflow.load("alexnet-1x-gtx580", [Override("training.batch", "512")])
    with pytest.raises(OutOfMemoryError) as caught:
        simulate_experiment(experiment)
    text = str(caught.value)
    assert text.startswith("memory of 'gpu0' is full at ")
    assert "data@0 on gpu0" in text
    fits = largest_batch(experiment)
    assert fits is not None
    assert f"batch 512 does not fit; the largest that does is {fits} (--batch {fits})" in text
    simulate_experiment(dataflow.load("alexnet-1x-gtx580", [Override("training.batch", str(fits))]))
    with pytest.raises(OutOfMemoryError):
        simulate_experiment(dataflow.load("alexnet-1x-gtx580", [Override("training.batch", str(fits + 1))]))


def test_when_not_even_one_image_fits_it_says_so() -> None:
    """Parameters alone may be too large for a memory."""
    settings = [Override("hardware.models.gtx580.memory.capacity", "100 MB")]
    with pytest.raises(OutOfMemoryError, match="not even a batch of 1 fits; split the network"):
        simulate_experiment(dataflow.load("alexnet-1x-gtx580", settings))


def test_a_value_that_is_not_finite_names_the_first_tensor() -> None:
    """A learning rate far too large ends in an error that names a tensor and a step."""
    wild = tiny(("training.learning_rate", "1.0e+30"), ("training.steps", "4"))
    with pytest.raises(NumericError, match=r"tensor '.*@\d' is the first that is not finite: .* in step \d"):
        run_experiment(wild, Options(images="noise", reference=None))


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("training.batch", "8", "it is what the description says already"),
        (
            "hardware.models.gtx580.memory.capacity",
            "2 GiB",
            "no memory of a gtx580 is full with either capacity",
        ),
        (
            "hardware.models.gtx580.compute.efficiency.average_pooling.forward.memory",
            "0.9",
            "no task of kind average_pooling forward runs on a 'gtx580'",
        ),
        ("training.learning_rate", "0.5", "it concerns values alone, and this run computes none"),
        ("backend", "'null'", "times do not depend on the backend"),
        ("description", "other words", "nothing in 'tiny-2x-gtx580' depends on it"),
    ],
)
def test_an_override_that_changes_nothing_is_reported_with_the_reason(
    path: str, value: str, why: str
) -> None:
    """A user who turns a knob that is not connected is told so, and why."""
    if path == "training.batch":
        value = str(tiny().training.batch)
    assert list(warnings_of((path, value))) == [f"--set {path}={value} changes nothing: {why}"]


def test_an_override_that_changes_the_time_is_not_reported() -> None:
    """No warning where the step time changes."""
    assert not list(warnings_of(("hardware.links.pcie.bandwidth", "1 MB/s")))


def test_an_override_that_changes_values_alone_is_not_reported_when_they_are_computed() -> None:
    """A learning rate changes no time, but it changes a run with values."""
    assert not list(warnings_of(("training.learning_rate", "0.5"), computed=True))


def test_the_facade_offers_the_stages_by_name() -> None:
    """``import dataflow`` offers load, training_graph, place, simulate, measure and verify."""
    experiment = tiny()
    placed = dataflow.place(dataflow.training_graph(experiment), experiment.hardware, experiment.plan)
    run = dataflow.simulate(placed, 2)
    assert dataflow.measure(run).steps == 2
    assert dataflow.verify(experiment, dataflow.Options(images="noise")).passed
    with pytest.raises(AttributeError, match="has no attribute 'simulte'"):
        _ = dataflow.simulte  # type: ignore[attr-defined]
