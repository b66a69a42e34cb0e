"""How large the pictures are that crops are cut out of: one rule for machines and data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.data.picture_sets import wanted
from dataflow.placement import TaskKind
from dataflow.recipe import Augmentation
from dataflow.stored_picture import enlarged, shorter_side
from tests.engine.files import host, laid, world


@pytest.mark.parametrize(
    ("crop", "side"),
    [
        (224, 256),
        (227, 256),
        (256, 256),
        (112, 128),
        (7, 8),
        (28, 32),
        (32, 37),
        (223, 255),
        (1, 1),
        (448, 512),
    ],
)
def test_the_shorter_side(crop: int, side: int) -> None:
    """256 for crops as the paper's, else 8/7 of the crop, rounded; or what the augmentation says."""
    assert shorter_side(Augmentation(), crop, crop) == shorter_side(None, 1, crop) == side
    assert shorter_side(None, crop, 1) == side
    assert abs(enlarged(crop) - crop * 8 / 7) <= 0.5
    assert shorter_side(Augmentation(shorter_side=300), crop, crop) == 300


@pytest.mark.parametrize("augmentation", [None, Augmentation(), Augmentation(shorter_side=300)])
@pytest.mark.parametrize("crop", [(227, 227), (227, 128), (21, 14), (3, 8)])
def test_a_host_decodes_what_the_data_path_reads(
    crop: tuple[int, int], augmentation: Augmentation | None
) -> None:
    """For crops that are no squares too: 227 x 128 are cut out of 256 x 256."""
    made = world(host())
    height, width = crop
    training = replace(made.training, augmentation=augmentation)
    made = replace(made, network=replace(made.network, input=(1, height, width)), training=training)
    (task,) = [task for task in laid(made).tasks if task.kind is TaskKind.PREPARE]
    assert task.pictures is not None
    assert task.pictures.decoded_pixels == wanted(made).side ** 2
    assert task.pictures.augmented_pixels == height * width
