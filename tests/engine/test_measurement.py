"""Metrics of traces made by hand, with the answers worked out beside them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.measurement import critical_path, measure
from dataflow.metrics import Holding, MemoryUse
from dataflow.ops import Phase
from dataflow.simulation import simulate
from dataflow.trace import MemoryEvent
from tests.engine.traces import TWO, S, compute, run, trace, transfer
from tests.engine.worlds import experiment, fc, machine, network, placed

# -- processors ---------------------------------------------------------------------------


def test_processors() -> None:
    """Busy 17 of 30; exposed 2 + 5, hidden the other 2 of 4 + 5; 6 in wait for p1."""
    use = measure(run(TWO)).processors["p0"]
    assert use.busy_s == pytest.approx(17 * S)
    assert use.utilisation == pytest.approx(17 / 30)
    assert use.communication_exposed_s == pytest.approx(7 * S)
    assert use.communication_hidden_s == pytest.approx(2 * S)
    assert use.waiting_for_others_s == pytest.approx(6 * S)
    assert use.exposed_by == {("b", "forward"): pytest.approx(2 * S), ("b", "gradient"): pytest.approx(5 * S)}
    assert (use.flop, use.model, use.peak_flops) == (30, "p", 1e12)


def test_step_time_and_what_follows_from_it() -> None:
    """Two steps of 20 after a cold start of 10: 4 images in 20 ps, and 90 epochs of 1.2 million."""
    metrics = measure(
        run(
            trace(
                transfer(0, 10, step=-1, ends=("host", "p0"), phase=Phase.LOAD),
                compute(10, 30, 0),
                compute(30, 50, 1, step=1),
                start=10,
                ends=(30, 50),
            )
        )
    )
    assert metrics.steps == 2
    assert metrics.step_time_s == pytest.approx(20 * S)
    assert metrics.images_per_s == pytest.approx(4 / (20 * S))
    assert metrics.training_days == pytest.approx(90 * 1_200_000 / 4 * 20 * S / 86_400)
    assert metrics.cold_start_s == pytest.approx(10 * S)
    assert metrics.transfers == ()
    assert metrics.processors["p0"].utilisation == 1.0
    assert metrics.processors["p0"].flop == 10


def test_phases() -> None:
    """Busy time of all processors by phase; transfers are in none."""
    assert measure(run(TWO)).phases == pytest.approx(
        {"forward": 16 * S, "loss": 0, "gradient": 2 * S, "update": 5 * S}
    )


# -- the critical path --------------------------------------------------------------------


def test_critical_path() -> None:
    """0-10 and 25-30 on p0, 14-20 on p1, 10-14 there and 20-25 back: 30 in all, the largest first."""
    parts = [(part.told, round(part.time_s / S), part.share) for part in critical_path(TWO)]
    assert parts == [
        ("fully connected forward on p0", 15, 15 / 30),
        ("fully connected forward on p1", 6, 6 / 30),
        ("gradient transfers p1->p0", 5, 5 / 30),
        ("forward transfers p0->p1", 4, 4 / 30),
    ]


def test_critical_path_of_ties() -> None:
    """Of two spans that end last the one that started first is followed."""
    tied = trace(compute(0, 10, layer="a"), compute(0, 10, on="p1", layer="b"))
    assert [part.told for part in critical_path(tied)] == ["fully connected forward on p0"]


# -- links --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "p50", "p99"), [(1, 1, 1), (2, 1, 2), (4, 2, 4), (100, 50, 99), (101, 51, 100)]
)
def test_percentiles_are_nearest_rank(count: int, p50: int, p99: int) -> None:
    """Of latencies 1, 2, ... n the p-th percentile is the ceil(p n / 100)-th: no value is made up between."""
    spans = [transfer(1000 - latency, 1000) for latency in range(count, 0, -1)]
    # They overlap, so they hold nothing: a trace in which one link passes two at once cannot be.
    spread = [replace(span, resources=()) for span in spans]
    latency = measure(run(trace(*spread))).transfer_latency
    assert (latency.count, latency.max_s) == (count, pytest.approx(count * S))
    assert (latency.p50_s, latency.p99_s) == (pytest.approx(p50 * S), pytest.approx(p99 * S))


def test_latency_counts_from_when_the_data_was_there() -> None:
    """A transfer that was ready at 2, started at 5 and ended at 9 took 7."""
    metrics = measure(run(trace(compute(0, 2), compute(2, 5, 0), transfer(5, 9, 1, ready=2))))
    assert metrics.transfer_latency.max_s == pytest.approx(7 * S)
    (moved,) = metrics.transfers
    times = (moved.ready_s, moved.start_s, moved.end_s)
    assert (times, moved.bytes) == (pytest.approx((2 * S, 5 * S, 9 * S)), 100)


def test_loads_are_no_exchanges() -> None:
    """The load of the next batch waits by design; it is a transfer, but in no latency."""
    load = replace(transfer(5, 9, 1, ready=2), phase=Phase.LOAD)
    metrics = measure(run(trace(compute(0, 2), compute(2, 5, 0), load)))
    assert metrics.transfer_latency.count == 0
    assert len(metrics.transfers) == 1


def test_no_transfers() -> None:
    """Without transfers latencies are zero."""
    latency = measure(run(trace(compute(0, 2)))).transfer_latency
    assert (latency.count, latency.p50_s, latency.p99_s, latency.max_s) == (0, 0, 0, 0)


def test_links() -> None:
    """p0->p1 is busy 4 of 30 with 100 bytes of b's forward pass, p1->p0 5 with its gradient."""
    links = measure(run(TWO)).links
    there, back = links["p0->p1"], links["p1->p0"]
    assert (there.bytes, there.utilisation) == (100, pytest.approx(4 / 30))
    assert (back.bytes, back.busy_s) == (100, pytest.approx(5 * S))
    (movement,) = back.movements
    assert (movement.layer, movement.phase, movement.bytes) == ("b", "gradient", 100)
    assert (links["host->p0"].bytes, links["host->p0"].movements) == (0, ())


def test_layers() -> None:
    """Time, work and bytes of each layer and phase, in the order of phases; transfers are counted apart."""
    layers = {(t.name, t.phase): t for t in measure(run(TWO)).layers}
    assert list(layers) == [
        ("a", "forward"),
        ("b", "forward"),
        ("c", "gradient"),
        ("b", "gradient"),
        ("a", "update"),
    ]
    b = layers["b", "forward"]
    assert (b.time_s, b.flop, b.bytes, b.transfer_bytes, b.bound) == (
        pytest.approx(6 * S),
        10,
        4,
        100,
        "compute",
    )
    assert layers["b", "gradient"].bound == "link"


def test_layers_wait_and_hide() -> None:
    """The forward transfer of b (10-14) keeps p0 waiting for 2 and p1 for 4; p0 computes for the other 2."""
    layers = {(t.name, t.phase): t for t in measure(run(TWO)).layers}
    b = layers["b", "forward"]
    assert (b.exposed_s, b.hidden_s) == (pytest.approx(6 * S), pytest.approx(2 * S))
    back = layers["b", "gradient"]
    assert (back.exposed_s, back.hidden_s) == (pytest.approx(10 * S), 0)
    assert (layers["a", "forward"].exposed_s, layers["a", "forward"].hidden_s) == (0, 0)


# -- memories -----------------------------------------------------------------------------


def test_memory_at_its_fullest() -> None:
    """10, then 40, then 25, then 40 again: the peak is the first 40, held by y (30) and x (10)."""
    steps = [("x", 10, 10), ("y", 30, 40), ("y", -30, 10), ("z", 15, 25), ("w", 15, 40)]
    events = [
        MemoryEvent(5 * i, "p0", name, "activation" if name != "x" else "batch", "a", size, used)
        for i, (name, size, used) in enumerate(steps)
    ]
    use = measure(run(trace(compute(0, 30), events=events))).memories["p0"]
    assert use == MemoryUse(
        1 << 50, 40, pytest.approx(5 * S), (Holding("y", "activation", 30), Holding("x", "batch", 10))
    )
    assert use.by_kind == {"activation": 30, "batch": 10}


def test_a_memory_that_is_never_used() -> None:
    """A memory in which nothing was is empty at its fullest."""
    assert measure(run(trace(compute(0, 1)))).memories["p1"] == MemoryUse(1 << 50, 0, 0.0, ())


# -- limits -------------------------------------------------------------------------------


def limits_of(**rates: float) -> dict[str, float]:
    """For each resource how many times faster a step is with twice of it."""
    graph = placed(experiment(network({"a": fc(2, bias=False)}), machine(1, **rates), dtype="float32"))  # type: ignore[arg-type]
    return {limit.resource: limit.gain for limit in measure(simulate(graph)).limits}


def test_limits_of_a_machine_that_is_bound_by_memory() -> None:
    """One step is 264 bytes one after another; twice the bandwidth halves it, nothing else helps."""
    assert limits_of() == {"memory bandwidth": 2.0, "arithmetic": 1.0, "kernel launches": 1.0, "links": 1.0}


def test_limits_of_a_machine_that_is_bound_by_launches() -> None:
    """Five tasks launch in 1000 each and move 264 bytes: 5264, or 2764 with launches of 500."""
    gains = limits_of(launch_ps=1000)
    assert gains["kernel launches"] == pytest.approx(5264 / 2764)
    assert gains["memory bandwidth"] == pytest.approx(5264 / 5132)


def test_limits_of_a_machine_that_is_bound_by_its_links() -> None:
    """A batch takes 2400 to load, and a step no less; twice the bandwidth halves that."""
    assert limits_of(link_bytes_per_s=1e10)["links"] == 2.0


def test_limits_are_sorted() -> None:
    """The change that helps most is first; among equals by name."""
    graph = placed(experiment(network({"a": fc(2, bias=False)}), machine(1), dtype="float32"))
    resources = [limit.resource for limit in measure(simulate(graph)).limits]
    assert resources == ["memory bandwidth", "arithmetic", "kernel launches", "links"]
