"""One core of a SmartNIC under load, through the whole stack, against M/D/1."""

from __future__ import annotations

import pytest

import topologies
from dataflow.override import Override
from dataflow.session.serving import ServingOptions, answering, serve_experiment

ONE_CORE = (
    Override("plan.mesh.core", "1"),
    Override("plan.processors", '["core0"]'),
    Override("training.batch", "1"),
    Override("mode", "inference"),
)


def test_one_core_of_a_card() -> None:
    """Mean waits are Pollaczek and Khinchine's within 3 standard errors, medians and p99 within a tenth."""
    experiment = topologies.load("mlp-digits-agilio", ONE_CORE)
    curve = serve_experiment(experiment, ServingOptions(loads=(0.3, 0.6), requests=8000))
    assert curve.one_server
    assert curve.notes == ()
    for point in curve.points:
        assert point.busiest == "core0"
        assert point.predicted is not None
        assert point.wait_error_s is not None
        assert abs(point.mean_wait_s - point.predicted.mean_wait_s) < 3 * point.wait_error_s
        assert point.p50_s == pytest.approx(point.predicted.p50_s, rel=0.1)
        assert point.p99_s == pytest.approx(point.predicted.p99_s, rel=0.1)
        assert point.served_per_s == pytest.approx(point.offered_per_s, rel=0.02)


def test_more_loss_with_a_shorter_queue() -> None:
    """At 120 % of capacity at least a sixth cannot be served; who waits less loses more."""
    experiment = topologies.load("mlp-digits-agilio", ONE_CORE)
    shares = []
    for queue in (1, 8):
        options = ServingOptions(loads=(1.2,), requests=2000, queue=queue)
        (point,) = serve_experiment(experiment, options).points
        assert point.steady
        # Nobody waits for more than the queue and the rest of the one that is served.
        assert point.max_s <= (queue + 1) / capacity_of(point.offered_per_s)
        shares.append(point.loss_share)
    assert 1 / 6 - 0.02 < shares[1] < shares[0] < 0.5


def capacity_of(offered_per_s: float) -> float:
    """The capacity of which so many a second are 120 %."""
    return offered_per_s / 1.2


def test_what_trains_answers_as_a_pipeline() -> None:
    """Without micro-batches and with one image, unless the batch was asked for; all else stays."""
    experiment = topologies.load("vgg16-4x-titanx-gpipe")
    served, (note,) = answering(experiment)
    assert (served.mode, served.training.batch, served.plan.microbatches) == ("pipeline", 1, 1)
    assert served.plan.pipeline == experiment.plan.pipeline
    assert "requests of 1 image stream through its processors" in note
    asked, _ = answering(topologies.load("lenet5-1x-gtx580", [Override("training.batch", "16")]))
    assert asked.training.batch == 16
    inference = topologies.load("lenet5-1x-gtx580", [Override("mode", "inference")])
    assert answering(inference) == (inference, ())
