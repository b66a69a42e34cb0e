"""Overrides that change nothing, and why: a question the user should not have to find out alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from dataflow.experiment import Experiment
from dataflow.measurement import measure_trace
from dataflow.metrics import Metrics
from dataflow.override import Override
from dataflow.simulation import Run

Without = Callable[[Experiment, Override], tuple[Experiment, Run] | None]
"""Reads and simulates an experiment again without one of its overrides."""


def unchanged_warnings(
    experiment: Experiment, metrics: Metrics, without: Without, *, computed: bool
) -> Iterator[str]:
    """One sentence for each override without which the result would be the same.

    computed: whether values are computed too, which some fields change although no time does.
    """
    metrics = _without_capacities(metrics)
    for index, override in enumerate(experiment.overrides):
        if any(later.path == override.path for later in experiment.overrides[index + 1 :]):
            yield f"--set {override.path}={override.value} changes nothing: it is set again after that"
            continue
        plain = without(experiment, override)
        if plain is None:
            continue
        before, run = plain
        named = f"--set {override.path}={override.value}"
        if _same_description(experiment, before):
            yield f"{named} changes nothing: it is what the description says already"
            continue
        unset = _without_capacities(measure_trace(run))
        if metrics.step_time_s != unset.step_time_s:
            continue
        if metrics != unset:
            if _only_transfers_differ(metrics, unset):
                yield (
                    f"{named} changes transfers but not the step time: "
                    "all that it changes is hidden behind computation"
                )
        elif not (computed and override.path.split(".")[0] in ("training", "network")):
            yield f"{named} changes nothing: {_reason(override, experiment, run)}"


def _without_capacities(metrics: Metrics) -> Metrics:
    """Metrics without what-ifs and the sizes of memories: a capacity alone is no result."""
    memories = {name: replace(memory, capacity_bytes=0) for name, memory in metrics.memories.items()}
    path = metrics.input and replace(metrics.input, needed_images_per_s=None)
    return replace(metrics, memories=memories, limits=(), input=path)


def _same_description(one: Experiment, other: Experiment) -> bool:
    """Whether two experiments are equal but for what records the overrides themselves."""

    def bare(experiment: Experiment) -> Experiment:
        hardware = replace(experiment.hardware, constants=())
        return replace(experiment, overrides=(), hardware=hardware)

    return bare(one) == bare(other)


def _only_transfers_differ(one: Metrics, other: Metrics) -> bool:
    """Whether the times on links differ although those on processors do not."""
    return one.links != other.links and {n: p.busy_s for n, p in one.processors.items()} == {
        n: p.busy_s for n, p in other.processors.items()
    }


def _reason(override: Override, experiment: Experiment, run: Run) -> str:
    keys = override.path.split(".")
    keys = keys[1:] if keys[0] == "hardware" else keys
    match keys:
        case ["links", kind, *_]:
            return _link_reason(kind, run)
        case ["models", model, "memory", "capacity", *_]:
            return f"no memory of a {model} is full with either capacity"
        case ["models", model, "compute", "efficiency", op, *rest]:
            return _efficiency_reason(model, op, rest, run)
        case ["models", model, *_]:
            return _model_reason(model, run)
        case ["hosts", _, "input", *_] | ["hosts", _, "memory", "bandwidth", *_]:
            return "batches lie ready in host memory; training.input=jpeg has hosts make them of files"
        case ["training" | "network", *_]:
            return "it concerns values alone, and this run computes none"
        case ["backend"]:
            return "times do not depend on the backend"
    return f"nothing in {experiment.name!r} depends on it"


def _link_reason(kind: str, run: Run) -> str:
    hardware = run.placed.hardware
    used = {link.kind for task in run.placed.transfers for link in hardware.route(*task.route)}
    if kind not in used:
        return f"no transfer passes a link of kind {kind!r}"
    return f"no transfer is limited by a link of kind {kind!r}: others on its route are narrower"


def _model_reason(model: str, run: Run) -> str:
    hardware = run.placed.hardware
    working = {
        hardware.processors[task.processor].model for task in run.placed.tasks if task.processor is not None
    }
    if model not in working:
        return f"the plan gives no processor of model {model!r} anything to do"
    return f"no task on a {model!r} is limited by it"


def _efficiency_reason(model: str, op: str, rest: list[str], run: Run) -> str:
    passes = [part for part in rest if part not in ("compute", "memory", "value")]
    wanted = [
        span
        for span in run.trace.measured
        if span.processor
        and span.operation.split()[0] == op
        and (not passes or span.operation.split()[1] == passes[0])
    ]
    what = f"{op} {passes[0]}" if passes else op
    if not wanted:
        return f"no task of kind {what} runs on a {model!r}"
    bounds = sorted({span.bound for span in wanted})
    return f"all {len(wanted)} tasks of kind {what} are bound by {' or '.join(bounds)}"
