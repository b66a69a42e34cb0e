"""How large pictures are of which a network reads crops: one rule for data, machines and reports."""

from __future__ import annotations

from dataflow.recipe import Augmentation

_PAPER_SIDE = 256
"""Krizhevsky et al. 2012: pictures are scaled to a shorter side of 256 for crops of 224 (here 227)."""

_PAPER_CROPS = range(224, 257)


def shorter_side(augmentation: Augmentation | None, height: int, width: int) -> int:
    """To which length the shorter side of a picture is scaled for crops of ``height`` x ``width``.

    As the augmentation says; else 256 for crops whose longer side is from 224 to 256, 8/7 of that for others.
    The central square of this side is what crops are cut out of.
    """
    if augmentation is not None and augmentation.shorter_side is not None:
        return augmentation.shorter_side
    crop = max(height, width)
    return _PAPER_SIDE if crop in _PAPER_CROPS else enlarged(crop)


def enlarged(crop: int) -> int:
    """8/7 of a length, rounded: 256 for 224."""
    return (16 * crop + 7) // 14
