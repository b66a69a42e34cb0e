"""How exact values return to a format, by hand; what is counted, and whose random bits are used."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

import backends
from backends.fixed.draws import draws
from backends.fixed.rounding import Rounder
from dataflow.backend import Array, Site
from dataflow.errors import BackendError, NumericError, OptionError
from dataflow.numbers.arithmetic import Arithmetic, Counts
from dataflow.numbers.number import partial_dtype
from dataflow.ops import Relu, Tanh
from dataflow.region import Region

Rounding = Literal["nearest", "truncate", "stochastic"]
Overflow = Literal["saturate", "wrap"]


def site(
    size: int,
    dtype: str = "q4.4",
    rounding: Rounding = "nearest",
    overflow: Overflow = "saturate",
    step: int = 0,
) -> Site:
    """A site whose one operand, ``y``, is a whole vector of tensor ``t``."""
    return Site(
        step=step,
        task="work",
        dtype="q4.4",
        arithmetic=Arithmetic(rounding=rounding, overflow=overflow),
        tensors={"y": "t"},
        dtypes={"y": dtype},
        regions={"y": Region(((0, size),))},
        shapes={"y": (size,)},
    )


def put(values: list[float], where: Site, rounder: Rounder | None = None) -> list[float]:
    """What real numbers become."""
    target = np.empty(len(values))
    (rounder or Rounder()).put(where, "y", target, np.array(values))
    return [float(value) for value in target]


@pytest.mark.parametrize(
    ("rounding", "overflow", "expected"),
    [
        # Steps of 1/16 = 0.0625; 0.03125 and -0.03125 are halves; 8 and -9 are beyond -8 to 7.9375.
        ("nearest", "saturate", [0.0625, 0.0, 0.0625, -0.0625, 7.9375, -8.0]),
        ("truncate", "saturate", [0.0, -0.0625, 0.0625, -0.0625, 7.9375, -8.0]),
        ("nearest", "wrap", [0.0625, 0.0, 0.0625, -0.0625, -8.0, 7.0]),
    ],
)
def test_rounding_and_overflow_by_hand(rounding: Rounding, overflow: Overflow, expected: list[float]) -> None:
    """Halves go up, truncation goes down, and what is beyond stops at the end or comes round."""
    given = [0.03125, -0.03125, 0.0625, -0.0625, 8.0, -9.0]
    assert put(given, site(6, rounding=rounding, overflow=overflow)) == expected


@pytest.mark.parametrize("rounding", ["nearest", "truncate", "stochastic"])
def test_whole_numbers_and_real_ones_round_alike(rounding: Rounding) -> None:
    """The same values as int64 multiples of 2**-20 and as float64 give the same bits."""
    steps = np.random.default_rng(0).integers(-(1 << 23), 1 << 23, 1000)
    real, whole = np.empty(1000), np.empty(1000)
    Rounder().put(site(1000, rounding=rounding), "y", real, steps * 2.0**-20)
    Rounder().put(site(1000, rounding=rounding), "y", whole, steps, 20)
    np.testing.assert_array_equal(real, whole)


@pytest.mark.parametrize("part", [0.25, 0.5, 0.9])
def test_stochastic_rounding_has_the_right_mean(part: float) -> None:
    """A value between two steps goes up as often as it is near the upper one."""
    found = put([1 + part / 16] * 10_000, site(10_000, rounding="stochastic"))
    assert set(found) == {1.0, 1.0625}
    # The deviation of the mean of 10,000 draws is sqrt(p (1 - p) / 10,000), 0.005 at most.
    assert abs((np.mean(found) - 1) * 16 - part) < 5 * 0.005


def test_random_bits_belong_to_an_element() -> None:
    """A part of a tensor draws what the whole draws there; another step, seed or tensor draws other bits."""
    shape = (4, 3, 5)
    whole = draws(1, 2, "t", Region.whole(shape), shape)
    region = Region(((1, 3), (0, 2), (2, 5)))
    np.testing.assert_array_equal(draws(1, 2, "t", region, shape), whole[1:3, 0:2, 2:5])
    others = [draws(*key, Region.whole(shape), shape) for key in ((0, 2, "t"), (1, 3, "t"), (1, 2, "u"))]
    assert len({array.tobytes() for array in (whole, *others)}) == 4
    assert int(whole.max()) < 1 << 16


def test_stochastic_rounding_is_the_same_in_every_run() -> None:
    """The same seed, step and tensor round alike; the next step does not."""
    given = [0.01 * i for i in range(100)]
    first = put(given, site(100, rounding="stochastic"))
    assert put(given, site(100, rounding="stochastic")) == first
    assert put(given, site(100, rounding="stochastic", step=1)) != first


def test_values_beyond_are_counted() -> None:
    """Of three values two lie beyond q4.4, at its ends none."""
    rounder = Rounder()
    put([100.0, -8.05, 1.0], site(3), rounder)
    put([7.9375, -8.0], site(2), rounder)
    assert rounder.statistics.tensors == {"t": Counts(5, 2, 0)}


def test_parts_of_sums_keep_all_their_bits() -> None:
    """The accumulator of q4.4 neither rounds nor saturates, and is not counted."""
    rounder = Rounder()
    given = [1 / 256 + 1 / 4096, 1000.0]
    assert put(given, site(2, partial_dtype("q4.4")), rounder) == given
    assert rounder.statistics.tensors == {}


def test_a_part_beyond_what_is_exact_is_an_error() -> None:
    """Of a 32-bit format, a part of a sum of more than 53 bits is refused rather than rounded."""
    target = np.empty(1)
    where = site(1, partial_dtype("q16.16"))
    Rounder().put(where, "y", target, np.array([2**52]), 32)
    assert target[0] == 2.0**20
    with pytest.raises(
        NumericError,
        match="tensor 't', a part of a sum written by 'work' in step 0, needs more than the 53 bits",
    ):
        Rounder().put(where, "y", target, np.array([2**53]), 32)


def test_given_values_are_rounded_to_nearest() -> None:
    """Images and weights come from a host: halves up, saturated; labels are left as they are."""
    backend = backends.get("fixed")
    array: Array = np.empty(3)
    backend.fill(array, np.array([0.1, -0.1, 99.0], np.float32), "q4.4", "data")
    assert list(array) == [0.125, -0.125, 7.9375]
    labels = np.empty(3, np.int32)
    backend.fill(labels, np.array([3, 1, 2]), "int32", "label")
    assert list(labels) == [3, 1, 2]
    backend.fill(array, 0.0, "q4.4", "velocity")
    assert list(array) == [0.0, 0.0, 0.0]


def test_what_it_computes_in() -> None:
    """Formats of 4 to 32 bits; neither floating point nor the accumulators, and errors say so."""
    backend = backends.get("fixed")
    supported = [dtype for dtype in ("q8.8", "q16.16", "q48.16", "float32") if backend.supports(dtype)]
    assert supported == ["q8.8", "q16.16"]
    op = Relu((1,) * 2)
    with pytest.raises(BackendError, match="'fixed' computes in fixed point alone, not in float32; choose"):
        Rounder().put(site(1, "float32"), "y", np.empty(1), np.empty(1))
    with pytest.raises(BackendError, match=r"'tanh' 'forward', which has no integer kernel: .*use relu"):
        backend.compute(Tanh(op.shape), op.passes[0], {}, {}, Site(task="work"))


def test_formats_are_checked() -> None:
    """A pattern's format, and that of master weights, must be one of 4 to 32 bits."""
    with pytest.raises(OptionError, match="arithmetic: formats 'fc' is 'float32', which is no fixed-point"):
        Arithmetic(formats={"fc": "float32"})
    with pytest.raises(OptionError, match=r"arithmetic: master_weights is 'q48.16', which is no fixed-point"):
        Arithmetic(master_weights="q48.16")
