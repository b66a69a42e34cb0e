"""Batches of tokens: synthetic ones, random ones, and a text's bytes."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from pathlib import Path

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import BatchSource, open_batches
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.layers import EmbeddingLayer, LinearLayer
from dataflow.network import Network, Tokens
from dataflow.placement import Shard
from dataflow.simulation import simulate
from dataflow.values.executor import Executor
from dataflow.values.losses import Losses
from tests.engine.worlds import LOSS, experiment, machine, placed

TEXT = "To be, or not to be, that is the question.\n"


def world(tokens: int = 8, vocabulary: int = 256, batch: int = 4, seed: int = 0) -> Experiment:
    """An experiment whose network reads tokens."""
    layers = {
        "embedding": EmbeddingLayer(op="embedding", channels=3),
        "scores": LinearLayer(op="linear", channels="classes"),
        "loss": LOSS,
    }
    net = Network(name="net", input=Tokens(tokens=tokens), classes=vocabulary, layers=layers)
    return experiment(net, machine(1), batch=batch, seed=seed)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A file with one line of text."""
    file = tmp_path / "hamlet.txt"
    file.write_text(TEXT)
    return file


@pytest.fixture(params=["synthetic", "noise", "text"])
def opened(request: pytest.FixtureRequest, text: Path) -> Callable[[Experiment], BatchSource]:
    """A way to open batches of one kind."""
    source = {"synthetic": None, "noise": "noise", "text": text}[request.param]
    return lambda of: open_batches(of, source)


def test_labels_are_the_tokens_that_come_next(opened: Callable[[Experiment], BatchSource]) -> None:
    """Both are int32 (batch, position) within the vocabulary; labels are the tokens one place on."""
    batch = opened(world()).batch(0)
    for array in (batch.images, batch.labels):
        assert (array.shape, array.dtype) == ((4, 8), np.int32)
        assert ((array >= 0) & (array < 256)).all()
    np.testing.assert_array_equal(batch.images[:, 1:], batch.labels[:, :-1])


def test_a_batch_depends_on_seed_and_step_alone(opened: Callable[[Experiment], BatchSource]) -> None:
    """Not on what was asked before; another seed or step gives another batch."""
    first, second, other = opened(world()), opened(world()), opened(world(seed=1))
    second.batch(5)
    np.testing.assert_array_equal(first.batch(1).images, second.batch(1).images)
    assert (first.batch(1).images != first.batch(2).images).any()
    assert (first.batch(1).images != other.batch(1).images).any()


def test_passages_are_from_the_text(text: Path) -> None:
    """Each sequence with its last label is a passage of the text, and every place may begin one."""
    source = open_batches(world(tokens=len(TEXT) - 2, batch=50), text)
    batch = source.batch(0)
    rows = np.concatenate([batch.images, batch.labels[:, -1:]], axis=1)
    passages = {bytes(row.tolist()).decode() for row in rows}
    assert passages == {TEXT[:-1], TEXT[1:]}
    assert source.description == f"the bytes of {text}"


def test_a_synthetic_token_is_mostly_followed_by_its_successor() -> None:
    """Three times of four, and by chance: of 20 tokens 0.75 + 0.25 / 20 = 0.7625 of the time."""
    source = open_batches(world(tokens=1000, vocabulary=20, batch=40))
    batch = source.batch(0)
    pairs = np.zeros((20, 20))
    np.add.at(pairs, (batch.images, batch.labels), 1)
    followed = pairs.max(axis=1).sum() / pairs.sum()
    # 40,000 tosses: the deviation is sqrt(0.7625 * 0.2375 / 40,000) = 0.002.
    assert abs(followed - 0.7625) < 0.01
    assert sorted(pairs.argmax(axis=1)) == list(range(20))
    assert source.description == "synthetic tokens of a Markov chain over 20 (not language)"


def test_a_text_of_fewer_tokens_than_bytes(text: Path) -> None:
    """The vocabulary must hold every byte, and the message says what to set."""
    with pytest.raises(
        DataError,
        match=r"hamlet.txt: a text's bytes are 256 tokens, but network 'net' tells 255 apart; "
        r"set network.classes=256",
    ):
        open_batches(world(vocabulary=255), text)


def test_a_text_that_is_too_short(text: Path) -> None:
    """A sequence needs one byte more than its tokens."""
    assert open_batches(world(tokens=len(TEXT) - 1), text).batch(0).images.shape == (4, 42)
    with pytest.raises(
        DataError,
        match=r"hamlet.txt: has 43 bytes, but a sequence and the token after it take 44; use a longer text",
    ):
        open_batches(world(tokens=len(TEXT)), text)


def test_a_text_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(DataError, match=r"nowhere.txt: cannot be read: No such file or directory"):
        open_batches(world(), tmp_path / "nowhere.txt")


def test_the_loss_of_a_step_is_the_mean_over_its_tokens() -> None:
    """Scores that begin near 0 give ln 256 a token, however many tokens there are."""
    of = world()
    graph = placed(of)
    losses = Losses(graph)

    def keep(name: str, shard: Shard, array: Array) -> bool:
        losses.see(name, shard, array)
        return False

    simulate(graph, 1, Executor(graph, backends.get("numpy"), open_batches(of), 1, keep))
    assert losses.means == (pytest.approx(log(256), rel=1e-3),)
