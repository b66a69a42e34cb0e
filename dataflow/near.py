"""Which of the words that are known is meant by one that is not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like another; None when none is."""
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.5)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'X'?`` for the nearest known word, or nothing when none is near."""
    near = nearest_word(word, known)
    return "" if near is None else f"; did you mean {near!r}?"
