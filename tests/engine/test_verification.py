"""Verification: a wrong value is found and named, and so is a missing one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import BatchSource, Noise
from dataflow.experiment import Experiment
from dataflow.placement import Shard
from dataflow.plan import Plan
from dataflow.region import Region
from dataflow.tensor import Tensor, TensorKind
from dataflow.verification.references import Chosen, LastStep, OneProcessor, Progress, Show, verify
from dataflow.verification.verification import Comparison, Verification
from tests.engine.worlds import DROPOUT, RELU, computed, experiment, fc, machine, network, split

NET = network({"a": fc(4), "r": RELU, "d": DROPOUT, "b": fc(2)})
SPLIT = Plan(mesh={"m": 2}, layers={"*": split(batch="m"), "a": split(channel="m")})
WORLD = experiment(NET, machine(2), SPLIT, batch=4, steps=2)

Change = Callable[[str, Array], Array | None]
"""What a reference shows instead of a tensor; None for nothing."""


class Changed:
    """One processor, some of whose values are shown changed."""

    name = "changed"
    kinds = OneProcessor.kinds

    def __init__(self, change: Change) -> None:
        self.change = change

    def compute(
        self,
        experiment: Experiment,
        batches: BatchSource,
        show: Show,
        chosen: Chosen,
        progress: Progress | None = None,
    ) -> None:
        """Shows what one processor computes, changed."""

        def shown(name: str, whole: Array) -> None:
            changed = self.change(name, whole.copy())
            if changed is not None:
                show(name, changed)

        OneProcessor(backends.get("numpy")).compute(experiment, batches, shown, chosen, progress)


def verified(change: Change, tolerance: float | None = None) -> Verification:
    """The world's run against a reference that is changed."""
    _, last_step = computed(WORLD, backends.get("numpy"))
    return verify(last_step, WORLD, Noise(WORLD), Changed(change), tolerance)


def unchanged(name: str, value: Array) -> Array:
    """The value itself."""
    return value


def test_every_tensor_of_the_last_step_is_compared() -> None:
    """Activations, gradients, updated weights and velocities of the last step, and nothing of the first."""
    verification = verified(unchanged)
    assert verification.passed
    parameters = [f"{layer}.{operand}" for layer in "ab" for operand in ("weight", "bias")]
    expected = {"a@1", "r@1", "d@1", "b@1", "loss@1", "loss.probability@1"}
    expected |= {"b.grad@1", "d.grad@1", "r.grad@1", "a.grad@1"}
    for name in parameters:
        expected |= {f"{name}.grad@1", f"{name}@2", f"{name}.velocity@2"}
    assert {comparison.tensor for comparison in verification.comparisons} == expected
    assert (verification.reference, verification.dtype, verification.tolerance) == (
        "changed",
        "float64",
        1e-10,
    )


@pytest.mark.parametrize("wrong", ["a@1", "b.weight.grad@1", "a.bias@2", "loss@1"])
def test_a_wrong_value_fails_and_is_named(wrong: str) -> None:
    """One element that is off by a thousandth fails, names its tensor and leaves the others alone."""

    def change(name: str, value: Array) -> Array:
        if name == wrong:
            value.reshape(-1)[-1] += 1e-3
        return value

    verification = verified(change)
    assert not verification.passed
    assert [c.tensor for c in verification.comparisons if not c.passed] == [wrong]
    assert verification.worst is not None
    assert verification.worst.tensor == wrong
    assert verification.worst.max_absolute_error == pytest.approx(1e-3)


def test_tolerance_is_relative_to_the_largest_magnitude() -> None:
    """An error of one part in a hundred of the largest element passes at 0.011 and fails at 0.009."""

    def change(name: str, value: Array) -> Array:
        if name == "b@1":
            flat = value.reshape(-1)
            largest = int(np.abs(flat).argmax())
            flat[(largest + 1) % flat.size] += 0.01 * abs(flat[largest])
        return value

    assert verified(change, 0.011).passed
    strict = verified(change, 0.009)
    assert [c.tensor for c in strict.comparisons if not c.passed] == ["b@1"]


@pytest.mark.parametrize("place", [0, -1])
def test_a_reference_that_is_not_finite_fails(place: int) -> None:
    """A reference with a value that is not a number agrees with nothing, wherever in the tensor it is."""

    def change(name: str, value: Array) -> Array:
        if name == "r@1":
            value.reshape(-1)[place] = np.nan
        return value

    verification = verified(change)
    assert [c.tensor for c in verification.comparisons if not c.passed] == ["r@1"]


def test_a_tensor_that_the_reference_lacks_fails() -> None:
    """What only the run has is missing, and a verification with something missing has not passed."""
    verification = verified(lambda name, value: None if name == "r@1" else value)
    assert verification.missing == ("r@1",)
    assert not verification.passed


def test_a_tensor_that_the_run_lacks_fails() -> None:
    """What only the reference has is missing too."""
    _, last_step = computed(WORLD, backends.get("numpy"))
    del last_step.values["d@1"]
    verification = verify(last_step, WORLD, Noise(WORLD), OneProcessor(backends.get("numpy")))
    assert verification.missing == ("d@1",)
    assert not verification.passed


def test_nothing_compared_is_not_passed() -> None:
    """A verification that compared nothing says nothing."""
    assert not Verification("r", "float64", 1e-10, ()).passed


# -- what a run leaves --------------------------------------------------------------------


def shard(version: int, region: Region, kind: TensorKind = TensorKind.ACTIVATION) -> Shard:
    """A shard of a tensor of four numbers."""
    tensor = Tensor("t", version, kind, ("channel",), (4,), "float64", "t")
    return Shard("s", tensor, region, "p0")


def named(base: str, kind: TensorKind) -> Shard:
    """All of another tensor of four numbers."""
    here = shard(0, Region(((0, 4),)), kind)
    return replace(here, tensor=replace(here.tensor, base=base))


def test_last_step_keeps_the_last_step() -> None:
    """Of three steps the third's values: t@2, and weights as t@3; apart from them what it starts from."""
    last = LastStep(3)
    whole = Region(((0, 4),))
    array = np.zeros(4)
    assert last.keep("t@2", shard(0, whole), array)
    assert not last.keep("t@1", shard(0, whole), array)
    assert last.keep("t@3", shard(1, whole), array)
    assert not last.keep("t@2", shard(0, whole, TensorKind.RECOMPUTED), array)
    assert last.keep("mask@2", named("mask", TensorKind.MASK), array)
    assert last.keep("data@2", named("data", TensorKind.BATCH), array)
    assert not last.keep("data@1", named("data", TensorKind.BATCH), array)
    assert set(last.values) == {"t@2", "t@3"}
    assert set(last.given) == {"mask@2", "data@2"}


def test_what_the_last_step_starts_from() -> None:
    """Weights as they were before it; those of the beginning if nothing changes them; nothing large."""
    last, here = LastStep(3), named("t", TensorKind.PARAMETER)
    changed = named("w", TensorKind.PARAMETER)
    last.keep("t@0", here, np.zeros(4))
    last.keep("w@0", changed, np.zeros(4))
    last.keep("w@2", replace(changed, tensor=replace(changed.tensor, version=1)), np.ones(4))
    large = replace(here, tensor=replace(here.tensor, base="large", shape=(201,)))
    assert not last.keep("large@0", large, np.zeros(201))
    assert {name: last.whole(name).tolist() for name in last.given} == {"t@0": [0.0] * 4, "w@2": [1.0] * 4}


def test_last_step_puts_shards_together() -> None:
    """A whole tensor is made of its shards, and every replica is compared by itself."""
    last = LastStep(1)
    last.keep("t@0", shard(0, Region(((0, 2),))), np.array([1.0, 2.0]))
    last.keep("t@0", shard(0, Region(((2, 4),))), np.array([3.0, 4.0]))
    last.keep("t@0", shard(0, Region(((2, 4),))), np.array([3.0, 4.5]))
    assert last.whole("t@0").tolist()[:3] == [1.0, 2.0, 3.0]
    comparison = last.compare("t@0", np.array([1.0, 2.0, 3.0, 4.0]), 0.1)
    assert comparison is not None
    assert (comparison.scale, comparison.max_absolute_error, comparison.passed) == (4.0, 0.5, False)
    assert last.compare("t@0", np.zeros(4), 0.1) is None


def test_a_tensor_of_zeros() -> None:
    """Against a reference of zeros the error itself is compared with the tolerance."""
    last = LastStep(1)
    last.keep("t@0", shard(0, Region(((0, 4),))), np.full(4, 1e-3))
    comparison = last.compare("t@0", np.zeros(4), 1e-2)
    assert comparison is not None
    assert (comparison.max_relative_error, comparison.passed) == (1e-3, True)


def test_a_tensor_that_is_nothing_but_rounding() -> None:
    """Beside a value of 1 of the same layer and kind, what should be 0 may be 1e-10 off, as that may."""
    for error, passed in ((0.9e-10, True), (1.1e-10, False)):
        last, here = LastStep(1), shard(0, Region(((0, 4),)))
        last.keep("u@0", replace(here, tensor=replace(here.tensor, base="u")), np.array([0, 1.0, 0, 0]))
        last.keep("t@0", here, np.full(4, error))
        comparison = last.compare("t@0", np.array([0.0, 0.0, 0.0, 1e-30]), 1e-10)
        assert comparison is not None
        assert comparison.passed is passed


def test_what_is_no_number_is_the_worst() -> None:
    """A tensor whose error is not a number is worse than any other; without tensors there is no worst."""
    errors = {"a@0": 1e-9, "b@0": float("nan"), "c@0": 1e9}
    compared = tuple(
        Comparison(name, "activation", (1,), 1.0, error, error, error <= 1e-4)
        for name, error in errors.items()
    )
    worst = Verification("another", "float32", 1e-4, compared).worst
    assert worst is not None
    assert worst.tensor == "b@0"
    assert Verification("another", "float32", 1e-4, ()).worst is None
