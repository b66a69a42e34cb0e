"""Features: the evaluator's activations, whatever the batches, in a file that holds nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import Batch
from dataflow.errors import ReportError
from dataflow.features.activation import ranked
from dataflow.features.extraction import write_features
from dataflow.training.evaluation import Evaluator
from tests.features.made import noise, state_of, world


def features(
    layer: str, count: int, batch: int, file: Path
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The features of so many images, computed so many at a time."""
    made = world(batch)
    evaluator, state = Evaluator(made, backends.get("numpy")), state_of(made)

    def activations(examples: Batch) -> Array:
        return evaluator.activations(examples, state, (layer,))[layer]

    return np.array(write_features(noise(count), activations, batch, file).values)


def test_they_are_the_activations_of_the_evaluator(tmp_path: Path) -> None:
    """One batch of all images at once says the same, layer by layer, flattened."""
    made, pictures = world(10), noise(10)
    layers = ("conv1", "relu1", "relu2", "fc3")
    whole = Evaluator(made, backends.get("numpy")).activations(
        pictures.begin(np.arange(10))(), state_of(made), layers
    )
    for layer in layers:
        found = features(layer, 10, 10, tmp_path / "f.npy")
        assert np.array_equal(found, whole[layer].reshape(10, -1))
    assert whole["relu2"].shape == (10, 7)


@pytest.mark.parametrize("batch", [1, 3, 7, 16])
def test_batches_do_not_matter(batch: int, tmp_path: Path) -> None:
    """Ten images in batches of 3, of 7 or in one that is filled up: the same features to rounding."""
    whole = features("relu2", 10, 10, tmp_path / "whole.npy")
    assert features("relu2", 10, batch, tmp_path / "parts.npy") == pytest.approx(whole, rel=1e-5, abs=1e-6)


def test_the_file_is_numpy_s(tmp_path: Path) -> None:
    """NumPy reads it, mapped or whole; its dtype is that of the training."""
    found = features("relu2", 5, 2, tmp_path / "f.npy")
    read = np.load(tmp_path / "f.npy")
    assert (read.shape, read.dtype, read.flags.c_contiguous) == ((5, 7), np.float32, True)
    assert np.array_equal(read, found)
    assert np.array_equal(np.load(tmp_path / "f.npy", mmap_mode="r"), found)


def test_progress_is_told(tmp_path: Path) -> None:
    """After each batch how many images are done; those that fill it up do not count."""
    told: list[tuple[int, int]] = []
    write_features(
        noise(5), lambda batch: batch.images, 2, tmp_path / "f.npy", lambda *done: told.append(done)
    )
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_disk_without_room(tmp_path: Path) -> None:
    """The file is named, with what the system says of it."""
    with pytest.raises(
        ReportError, match=r"features '.*f.npy': cannot be written: No such file.*; make room or"
    ):
        write_features(noise(2), lambda batch: batch.images, 2, tmp_path / "none" / "f.npy")
    if Path("/dev/full").exists():
        with pytest.raises(ReportError, match="cannot be written: No space left on device"):
            write_features(noise(2), lambda batch: batch.images, 2, Path("/dev/full"))


def test_scores_are_ranked() -> None:
    """Best first, of equal ones the first; softmax of (0, ln 3, 0) is a fifth, three fifths, a fifth."""
    names = ("a", "b", "c")
    scores = np.array([0.0, np.log(3.0), 0.0])
    found = ranked(scores, "e", names)
    assert [each.name for each in found] == ["b", "a", "c"]
    assert [each.probability for each in found] == pytest.approx([0.6, 0.2, 0.2])
    assert [each.probability for each in ranked(np.array([1.0, 0.0, 0.0]), 2, names)] == [0.5, 0.25, 0.25]
    assert [each.probability for each in ranked(scores, None, names)] == [None, None, None]
