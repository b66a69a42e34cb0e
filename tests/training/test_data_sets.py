"""Data sets for training: their parts, pixels and order."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.network import Network, Tokens
from dataflow.training.data_set import ArrayPart, open_data_set
from dataflow.training.order import ShuffledBatches
from tests.engine.worlds import experiment, machine, network
from tests.training.worlds import stripes

Pixels = Literal["standardized", "unit"]


def world(
    image: tuple[int, int, int] = (1, 8, 8), classes: int = 10, batch: int = 16, pixels: Pixels = "unit"
) -> Experiment:
    """An experiment whose network reads such images."""
    made = experiment(network({}, image, classes), machine(1), batch=batch)
    return replace(made, training=replace(made.training, pixels=pixels))


def test_digits_are_divided_as_scikit_learn_does() -> None:
    """1,347 to learn from and 450 for the test, no image in both, each class in proportion."""
    data = open_data_set(world())
    assert (data.train.count, data.test.count) == (1347, 450)
    parts = [part.read(np.arange(part.count)) for part in (data.train, data.test)]
    rows = [set(map(bytes, np.ascontiguousarray(part.images))) for part in parts]
    assert not rows[0] & rows[1]
    shares = [np.bincount(part.labels) / len(part.labels) for part in parts]
    assert float(np.abs(shares[0] - shares[1]).max()) < 0.002


def test_the_division_does_not_depend_on_the_seed() -> None:
    """Runs of several seeds are tested with the same images."""
    one, other = (
        open_data_set(world()),
        open_data_set(replace(world(), training=world(pixels="unit").training)),
    )
    assert (one.test.labels == other.test.labels).all()


def test_pixels() -> None:
    """Unit pixels are sixteenths from 0 to 1; standardized ones have mean 0 and deviation 1 over all."""
    unit = open_data_set(world()).train.read(np.arange(1347)).images
    assert (float(unit.min()), float(unit.max())) == (0.0, 1.0)
    assert (unit * 16 == np.round(unit * 16)).all()
    data = open_data_set(world(pixels="standardized"))
    everything = np.concatenate([part.read(np.arange(part.count)).images for part in (data.train, data.test)])
    assert float(everything.mean()) == pytest.approx(0, abs=1e-4)
    assert float(everything.std()) == pytest.approx(1, abs=1e-4)


def test_noise_for_networks_that_read_no_digits() -> None:
    """Unless told otherwise, what reads colours or tells two classes apart gets noise."""
    for made in (world((3, 5, 5)), world((1, 4, 4), classes=2)):
        data = open_data_set(made)
        assert (data.description, data.train.count, data.test.count) == ("Gaussian noise", 1024, 256)
    assert open_data_set(world(), "noise").description == "Gaussian noise"
    large = open_data_set(world(batch=3000), "noise")
    assert large.train.count == 3000


@pytest.mark.parametrize(
    ("made", "source", "message"),
    [
        (world(), "cats", "no data set for training is called 'cats'; there are: digits, noise"),
        (world((3, 8, 8)), "digits", "digits have 1 channel, but network 'net' reads 3; use noise"),
        (world(classes=3), "digits", "digits are of 10 classes, but network 'net' tells 3 apart"),
        (
            world(batch=2000),
            None,
            r"1,347 images for training, fewer than one batch of 2,000; use .*--batch 16",
        ),
    ],
)
def test_what_does_not_fit(made: Experiment, source: str | None, message: str) -> None:
    """Each fault says which, and what to do."""
    with pytest.raises(DataError, match=message):
        open_data_set(made, source)


def test_networks_of_tokens_have_no_data_set() -> None:
    """Their batches are for runs of a few steps."""
    tokens = Network(name="words", input=Tokens(tokens=4), classes=9, layers={})
    with pytest.raises(
        DataError, match="network 'words' reads tokens, but data sets for training are of images"
    ):
        open_data_set(replace(world(), network=tokens))


def test_every_epoch_is_a_new_order_of_the_same_images() -> None:
    """No image comes twice in an epoch, the incomplete batch is dropped, and seeds differ."""
    part = ArrayPart(stripes(18))
    part.labels = np.arange(18, dtype=np.int32)
    batches = ShuffledBatches(part, 4, 0, "numbered")
    assert (batches.steps, batches.dropped) == (4, 2)
    epochs = [np.concatenate([batches.batch(step).labels for step in range(e, e + 4)]) for e in (0, 4)]
    assert all(len(set(epoch.tolist())) == 16 for epoch in epochs)
    assert (epochs[0] != epochs[1]).any()
    again = ShuffledBatches(part, 4, 0, "numbered")
    assert (again.batch(6).labels == batches.batch(6).labels).all()
    assert (again.labels(6) == batches.batch(6).labels).all()
    assert (again.batch(6).images == part.images[batches.labels(6)]).all()
    other = ShuffledBatches(part, 4, 1, "numbered")
    assert any((other.labels(step) != batches.labels(step)).any() for step in range(4))
