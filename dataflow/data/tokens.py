"""Batches of tokens, whose labels are the tokens that come next: a text's bytes, or synthetic ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataflow.data.batches import Batch, BatchSource
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.values.randomness import generator

_FOLLOWED = 0.75
"""How often a synthetic token is followed by its successor."""

_BYTES = 256


class SuccessorTokens:
    """Synthetic tokens with something to learn: a Markov chain, not language.

    Every token has one successor, drawn for the seed, which follows it three times of four;
    otherwise any token of the vocabulary follows, all equally likely. Of V tokens the
    cross-entropy of who knows the chain is -p ln p - (V - 1) q ln q, q = 1 / 4 V and
    p = 3 / 4 + q; of who knows nothing it is ln V.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.count = experiment.training.batch
        self.seed = experiment.training.seed
        self.vocabulary = experiment.network.classes
        (self.positions,) = experiment.network.input_shape
        self.successor = generator(self.seed, "successors").permutation(self.vocabulary).astype(np.int32)
        self.description = f"synthetic tokens of a Markov chain over {self.vocabulary:,} (not language)"

    def batch(self, step: int) -> Batch:
        """Sequences drawn for this step."""
        random = generator(self.seed, "tokens", step)
        drawn = random.integers(self.vocabulary, size=(self.count, self.positions + 1)).astype(np.int32)
        followed = random.random(drawn.shape) < _FOLLOWED
        for position in range(1, drawn.shape[1]):
            before = drawn[:, position - 1]
            drawn[:, position] = np.where(followed[:, position], self.successor[before], drawn[:, position])
        return _batch(drawn)


class UniformTokens:
    """Tokens drawn evenly, of which nothing can be learned: for tests."""

    description = "random tokens"

    def __init__(self, experiment: Experiment) -> None:
        self.shape = (experiment.training.batch, experiment.network.input_shape[0] + 1)
        self.vocabulary = experiment.network.classes
        self.seed = experiment.training.seed

    def batch(self, step: int) -> Batch:
        """Tokens drawn for this step."""
        random = generator(self.seed, "noise", step)
        return _batch(random.integers(self.vocabulary, size=self.shape).astype(np.int32))


class TextBytes:
    """Passages of a text, one token for each byte."""

    def __init__(self, file: Path, experiment: Experiment) -> None:
        (self.positions,) = experiment.network.input_shape
        if experiment.network.classes < _BYTES:
            raise DataError(
                f"--images {file}: a text's bytes are {_BYTES} tokens, but network "
                f"{experiment.network.name!r} tells {experiment.network.classes} apart; "
                f"set network.classes={_BYTES}"
            )
        try:
            self.text = np.frombuffer(file.read_bytes(), dtype=np.uint8)
        except OSError as fault:
            raise DataError(f"--images {file}: cannot be read: {fault.strerror}") from None
        if len(self.text) <= self.positions:
            raise DataError(
                f"--images {file}: has {len(self.text):,} bytes, but a sequence and the token after it take "
                f"{self.positions + 1:,}; use a longer text or set network.input.tokens"
            )
        self.count = experiment.training.batch
        self.seed = experiment.training.seed
        self.description = f"the bytes of {file}"

    def batch(self, step: int) -> Batch:
        """Passages that begin at places drawn for this step."""
        starts = generator(self.seed, "passages", step).integers(
            len(self.text) - self.positions, size=(self.count, 1)
        )
        return _batch(self.text[starts + np.arange(self.positions + 1)].astype(np.int32))


def _batch(tokens: NDArray[np.int32]) -> Batch:
    """Each token of (batch, position + 1) but the last, and for each the one after it."""
    return Batch(np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(tokens[:, 1:]))


def open_tokens(experiment: Experiment, source: str | Path | None = None) -> BatchSource:
    """Where the batches of an experiment whose network reads tokens come from.

    source: None for synthetic ones, ``noise`` for random ones, or a text file. Raises
    DataError when that cannot be read, is too short, or the vocabulary is less than a byte's.
    """
    if source is None:
        return SuccessorTokens(experiment)
    if str(source) == "noise":
        return UniformTokens(experiment)
    return TextBytes(Path(source), experiment)
