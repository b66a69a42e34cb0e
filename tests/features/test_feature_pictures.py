"""What the pictures of features and activations say, beside their pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataflow.data.batches import Batch
from dataflow.errors import OptionError
from dataflow.features.activation import LayerActivations, ranked
from dataflow.features.extraction import FeatureFile
from dataflow.features.found import Features, Shown, rows_of, shown
from dataflow.features.kernels import check_kernels, has_kernels
from dataflow.features.nearest import Near, Neighbours
from dataflow.features.shares import Share
from dataflow.training.data_set import ArrayPart, levels
from reports import palette
from reports.activations_picture import activations_figure
from reports.features_heading import shortened
from reports.features_picture import fitted, neighbours_figure
from tests.features.made import noise
from topologies import load_network

PICTURE = np.full((6, 6, 3), 90, dtype=np.uint8)


def features(labels: tuple[int, ...]) -> Features:
    """Of three images one query with both others, at distances 0.5 and 1,234.5."""
    pictures = noise(3)
    pictures.labels = np.array(labels, dtype=np.int32)
    near = (Neighbours(0, (Near(2, 0.5), Near(1, 1234.5))),)
    rows = rows_of(near, pictures, ("cat", "dog"))
    file = FeatureFile(Path("f.npy"))
    return Features("world", "relu7", (4096,), "w.npz", "3 images", (), (), file, near, rows)


def test_neighbours() -> None:
    """An image and two lines for each of a row; who is of another class than the query is red."""
    figure = neighbours_figure(features((0, 1, 0)))
    assert len(figure.axes) == 3
    said = {text.get_text(): text.get_color() for text in figure.texts}
    assert said["cat"] == palette.INK
    assert said["dog"] == palette.EXCHANGE
    assert {"query", "nearest", "2", "noise 0", "0.5", "1,234"} <= set(said)
    assert "world:  nearest images by Euclidean distance of relu7 (4096)" in said
    assert "red: of another class than the query" in said


def test_neighbours_of_unknown_classes() -> None:
    """Stand by their names, and none is red."""
    figure = neighbours_figure(features((-1, -1, -1)))
    said = {text.get_text(): text.get_color() for text in figure.texts}
    assert {"noise 0", "noise 1", "noise 2"} <= set(said)
    assert palette.EXCHANGE not in said.values()


ACTIVATIONS = LayerActivations(
    experiment="world",
    layer="conv1",
    kind="convolution",
    values=np.linspace(-1, 3, 24).reshape(6, 2, 2),
    shares=(Share(("gpu0",), (0, 3)), Share(("gpu1",), (3, 6))),
    shown=Shown("pets/cat.png", "cat", PICTURE),
    scores=ranked(np.array([0.0, np.log(3.0)]), "e", ("dog", "cat")),
    is_scores=False,
    source="w.npz",
)


def words(found: LayerActivations) -> set[str]:
    """All that a picture says outside of its axes."""
    return {text.get_text() for text in activations_figure(found).texts}


def test_maps() -> None:
    """A set for each GPU, a scale around 0 where there is something below it, and the likeliest classes."""
    said = words(ACTIVATIONS)
    assert {"gpu0: channels 0 to 2", "gpu1: channels 3 to 5", "pets/cat.png", "class: cat"} <= said
    assert {"-3", "0", "3", "75.0 %", "25.0 %"} <= said
    assert "world:  activations of conv1 (convolution, 6x2x2)" in said
    above = replace(ACTIVATIONS, values=np.maximum(ACTIVATIONS.values, 0))
    assert "-3" not in words(above)
    assert any("25 % of them 0" in each for each in words(above))  # 6 of the 24 were below 0


def test_bars() -> None:
    """A vector's bars are named by processor; scores without probabilities are shown as they are."""
    vector = replace(ACTIVATIONS, values=np.arange(6.0))
    (_, axes) = activations_figure(vector).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "gpu0: channels 0 to 2",
        "gpu1: channels 3 to 5",
    ]
    scores = ranked(np.array([0.25, 2.0]), None, ("dog", "cat"))
    (_, axes) = activations_figure(replace(vector, is_scores=True, scores=scores)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.get_xlabel() == "score"


def test_pictures_fit_their_squares() -> None:
    """Small ones are enlarged by a whole factor, large ones averaged; grey becomes three equal colours."""
    checks = np.array([[0, 255], [255, 0]], dtype=np.uint8)[:, :, np.newaxis]
    assert fitted(checks, 5).shape == (4, 4, 3)
    assert fitted(checks, 5)[0, :, 1].tolist() == [0.0, 0.0, 1.0, 1.0]
    fine = np.tile(checks, (20, 10, 1))
    small = fitted(fine, 10)
    assert small.shape == (10, 5, 3)
    assert small == pytest.approx(0.5, abs=0.01)


def test_numbers_that_are_no_pixels() -> None:
    """Are scaled from 0 to 255; what is flat is black; of two channels the first is shown."""
    assert levels(np.array([-1.0, 1.0, 3.0])).tolist() == [0, 128, 255]
    assert levels(np.full(2, 7.5)).max() == 0
    two = ArrayPart(Batch(np.array([[[[0.0, 1.0]], [[9.0, 9.0]]]], np.float32), np.zeros(1, np.int32)))
    assert shown(two, 0, ()).picture.tolist() == [[[0], [28]]]  # 255 / 9


def test_long_names_are_shortened_in_the_middle() -> None:
    """In as many letters as there is room for."""
    assert shortened("n01440764_10026.JPEG", 20) == "n01440764_10026.JPEG"
    assert shortened("n01440764_10026.JPEG", 11) == "n0144….JPEG"


def test_kernels_of_what_reads_tokens() -> None:
    """There are none."""
    gpt2 = load_network("tiny-gpt2")
    assert not has_kernels(gpt2)
    with pytest.raises(OptionError, match="reads tokens, but kernels are shown of what reads images"):
        check_kernels(gpt2, "token_embedding")
