"""What a network takes for what: rankings, confusion and intervals against scikit-learn and by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, log_loss, top_k_accuracy_score

from dataflow.testing.confusion import ClassErrors, Pair, class_errors, confusion_of, most_confused
from dataflow.testing.interval import wilson_interval
from dataflow.testing.predictions import Predictions
from dataflow.training.ranking import best, log_mean, log_probabilities

CHECKED = settings(derandomize=True, deadline=None, database=None)


def predicted(scores: NDArray[np.float64], labels: NDArray[np.int32]) -> Predictions:
    """What a network that has these scores says."""
    ranked = best(scores, 5)
    logs = log_probabilities(scores, "e")
    return Predictions(
        names=tuple(map(str, range(len(labels)))),
        labels=labels,
        best=ranked,
        likely=np.exp(np.take_along_axis(logs, ranked, axis=1)),
        losses=-logs[np.arange(len(labels)), labels],
        classes=scores.shape[1],
    )


@CHECKED
@given(st.integers(6, 30), st.integers(1, 80), st.integers(0, 1_000_000))
def test_errors_and_confusion_as_scikit_learn_has_them(classes: int, count: int, seed: int) -> None:
    """Of random scores: top-1 and top-5 error, loss, and the matrix; rows sum to examples."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(count, classes))
    labels = random.integers(classes, size=count).astype(np.int32)
    said = predicted(scores, labels)
    every = range(classes)
    for k, error in ((1, said.score.error), (5, said.score.top5_error)):
        right = top_k_accuracy_score(labels, scores, k=k, labels=every)
        assert error == pytest.approx(1 - right)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that probabilities sum to 1 but for rounding
        loss = log_loss(labels, np.exp(log_probabilities(scores, "e")), labels=list(every))
    assert said.score.loss == pytest.approx(loss)
    counts = confusion_of(said, classes)
    assert np.array_equal(counts, confusion_matrix(labels, scores.argmax(axis=1), labels=list(every)))
    each = class_errors(said, counts)
    assert [one.count for one in each] == np.bincount(labels, minlength=classes).tolist()
    assert sum(one.wrong for one in each) == said.score.wrong
    assert sum(one.wrong_top5 or 0 for one in each) == said.score.wrong_top5
    assert sum(one.claimed for one in each) == count
    pairs = most_confused(counts, classes**2)
    assert sum(pair.count for pair in pairs) == said.score.wrong


def test_of_equal_scores_the_first_class_ranks_first() -> None:
    """By hand, and as argmax has it."""
    scores = np.array([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0], [0.0, np.nan, 1.0, 1.0]])
    assert best(scores, 3).tolist() == [[1, 2, 0], [0, 1, 2], [2, 3, 0]]
    assert best(scores[:2], 1)[:, 0].tolist() == scores[:2].argmax(axis=1).tolist()


def test_classes_and_pairs_by_hand() -> None:
    """Three classes, of which the last has no examples; class 0 is twice taken for 1 and once for 2."""
    taken = [0, 1, 1, 2, 1, 0]
    labels = np.array([0, 0, 0, 0, 1, 1], dtype=np.int32)
    said = predicted(np.eye(3)[taken], labels)
    counts = confusion_of(said, 3)
    assert counts.tolist() == [[1, 2, 1], [1, 1, 0], [0, 0, 0]]
    pairs = (Pair(0, 1, 2, 0.5), Pair(1, 0, 1, 0.5), Pair(0, 2, 1, 0.25))
    assert most_confused(counts, 9) == pairs
    assert most_confused(counts, 1) == pairs[:1]
    assert class_errors(said, counts) == (
        ClassErrors(label=0, count=4, wrong=3, wrong_top5=None, mistake=pairs[0], claimed=2),
        ClassErrors(label=1, count=2, wrong=1, wrong_top5=None, mistake=pairs[1], claimed=3),
        ClassErrors(label=2, count=0, wrong=0, wrong_top5=None, mistake=None, claimed=1),
    )
    assert class_errors(said, counts)[2].error is None


def test_the_interval_of_an_error() -> None:
    """Wilson's formula, written out, with z = 1.959964 for 95 %; no error found is not surely none."""
    z, n, p = 1.959964, 450, 12 / 450
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert wilson_interval(12, 450) == pytest.approx((centre - half, centre + half), rel=1e-6)
    assert wilson_interval(0, 100) == pytest.approx((0.0, z * z / (100 + z * z)), abs=1e-7)


def test_the_mean_of_logarithms() -> None:
    """Of probabilities given as logarithms, those too small for a float64 among them."""
    logs = [np.log([[0.25, 0.75]]), np.log([[0.75, 0.25]]), np.array([[-2000.0, 0.0]])]
    assert np.exp(log_mean(logs)) == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    assert log_mean([np.array([[-2000.0]]), np.array([[-2001.0]])]) == pytest.approx(
        -2000 + np.log((1 + np.exp(-1.0)) / 2)
    )
