"""Attention and its neighbours: what is special about each, and how slices of heads make a block."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import backends
from backends.numpy_backend import attention
from dataflow.backend import Array
from dataflow.ops import Attention, Embedding, Gelu, LayerNormalization, Linear, MatMul, Op, Softmax
from tests.backends.running import Values, assert_all_close, assert_close, random_values, run, run_pass


def output(op: Op, **values: Array) -> Array:
    """What the forward pass of an op makes of these."""
    return run_pass(backends.get("numpy"), op, op.passes[0], values)["output"]


def test_attention_is_softmax_between_two_products() -> None:
    """One head: values @ softmax(keys.T @ queries / sqrt d), by the ops for each part."""
    op = Attention(2, 1, 3, 4, 5)
    values = random_values(op, seed=1)
    scores = output(
        MatMul(2, 3, 4, 5, transpose=True, scale=1 / sqrt(3)), input0=values["query"], input1=values["key"]
    )
    weights = output(Softmax((2, 5, 4)), input=scores)
    mixed = output(MatMul(2, 5, 4, 3), input0=weights, input1=values["value"])
    assert_close(run(backends.get("numpy"), op, values)["output"], mixed, 1e-13, "output")


def test_a_causal_position_sees_nothing_after_it() -> None:
    """Other keys and values after a position leave its output as it is, and have no gradient from it."""
    op = Attention(1, 2, 3, 6, 6, causal=True)
    values = random_values(op, seed=2)
    values["output.grad"][..., 3:] = 0
    first = run(backends.get("numpy"), op, values)
    for name in ("key", "value"):
        assert (first[f"{name}.grad"][..., 3:] == 0).all()
        values[name][..., 3:] += 1
    second = run(backends.get("numpy"), op, values)
    np.testing.assert_array_equal(first["output"][..., :3], second["output"][..., :3])
    assert (first["output"][..., 3:] != second["output"][..., 3:]).any()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("queries", [1, 2, 5])
def test_attention_does_not_depend_on_how_many_queries_are_worked_on_together(
    causal: bool, queries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven queries by one, two, five or all, of a slice that begins at the third as well."""
    backend, op = backends.get("numpy"), Attention(2, 2, 3, 9, 9, causal)
    slices = op.whole | {"position": (2, 9)}
    for each in (op, op.local(slices)):
        values = random_values(each, seed=3)
        expected = run(backend, each, values)
        with monkeypatch.context() as patched:
            patched.setattr(attention, "QUERIES", queries)
            assert_all_close(run(backend, each, values), expected, 1e-12)


@pytest.mark.parametrize("missing", ["query.grad", "key.grad", "value.grad"])
def test_a_gradient_that_nobody_needs_is_left_out(missing: str) -> None:
    """The others are as they were."""
    backend, op = backends.get("numpy"), Attention(2, 2, 3, 4, 5)
    values = random_values(op, seed=4)
    whole = run(backend, op, values)
    wanted = op.passes[1].without({missing})
    assert missing not in wanted.writes
    written = run_pass(backend, op, wanted, values | whole)
    assert_all_close(written, {name: whole[name] for name in wanted.writes}, 0)


def test_attention_does_not_overflow() -> None:
    """Scores of a million give the value of the largest, and a finite logarithm of the sum."""
    op = Attention(1, 1, 1, 1, 2)
    values = {
        "query": np.full((1, 1, 1), 1e3),
        "key": np.array([[[1e3, -1e3]]]),
        "value": np.array([[[2.0, 3.0]]]),
        "output.grad": np.ones((1, 1, 1)),
    }
    written = run(backends.get("numpy"), op, values)
    assert written["output"].item() == 2
    assert written["logsumexp"].item() == 1e6
    assert np.isfinite(written["query.grad"]).all()


def test_attention_makes_two_products_forward_and_five_for_the_gradient() -> None:
    """Each is of batch x heads x queries x keys x channels of a head; a slice of heads has its share."""
    op = Attention(2, 4, 8, 16, 16, causal=True)
    one = 2 * 4 * 16 * 16 * 8
    assert [op.macs_of(each) for each in op.passes] == [2 * one, 5 * one]
    assert (op.macs, op.flop) == (2 * one, 4 * one)
    half = op.local(op.whole | {"head": (1, 3)})
    assert half.macs == one


def test_a_slice_of_heads_holds_their_channels() -> None:
    """Heads 1 and 2 of four, of 3 channels each: channels 3 to 9."""
    op = Attention(2, 4, 3, 5, 5)
    region = op.region("query", op.whole | {"head": (1, 3)})
    assert region is not None
    assert region.ranges == ((0, 2), (3, 9), (0, 5))
    assert op.shardable == ("batch", "head", "position")


def test_column_heads_and_row_slices_make_the_whole_block() -> None:
    """Megatron-LM's split, by slices alone: each half computes half the heads from the whole input.

    Query, key and value by channel, attention by head, projection by in_channel: the two
    halves' outputs add up to the whole's, the bias in the first alone (arXiv 1909.08053, section 3).
    """
    channel = Linear(2, 5, 4, 6)
    mix, back = Attention(2, 2, 3, 4, 4, causal=True), Linear(2, 6, 4, 5)
    parameters = {name: random_values(channel, seed) for seed, name in enumerate(("query", "key", "value"))}
    x, last = parameters["query"]["input"], random_values(back, seed=5)

    def block(heads: tuple[int, int]) -> Array:
        held = slice(3 * heads[0], 3 * heads[1])
        column = channel.local(channel.whole | {"channel": (held.start, held.stop)})
        made = {
            name: output(column, input=x, weight=each["weight"][held], bias=each["bias"][held])
            for name, each in parameters.items()
        }
        mixed = output(mix.local(mix.whole | {"head": heads}), **made)
        row = back.local(back.whole | {"in_channel": (held.start, held.stop)})
        bias = {"bias": last["bias"]} if row.bias else {}
        return output(row, input=mixed, weight=last["weight"][:, held], **bias)

    assert_close(block((0, 1)) + block((1, 2)), block((0, 2)), 1e-13, "output")


def test_a_token_that_comes_twice_has_both_gradients() -> None:
    """Token 1 at two places: its row of the gradient is the sum; a token that does not come has none."""
    values = {
        "input": np.array([[1, 0, 1]], np.int32),
        "weight": np.zeros((3, 2)),
        "output.grad": np.array([[[1.0, 2.0, 4.0], [10.0, 20.0, 40.0]]]),
    }
    written = run(backends.get("numpy"), Embedding(1, 3, 2, 3), values)
    np.testing.assert_array_equal(written["weight.grad"], [[2, 20], [5, 50], [0, 0]])


def test_an_embedding_of_part_of_the_vocabulary_adds_zero_for_other_tokens() -> None:
    """Of rows 2 and 3 held, tokens 1 and 4 have neither a vector nor a gradient."""
    op = Embedding(1, 3, 1, 6).local(Embedding(1, 3, 1, 6).whole | {"vocabulary": (2, 4)})
    values = {
        "input": np.array([[1, 3, 4]], np.int32),
        "weight": np.array([[5.0], [7.0]]),
        "output.grad": np.ones((1, 1, 3)),
    }
    written = run(backends.get("numpy"), op, values)
    np.testing.assert_array_equal(written["output"], [[[0, 7, 0]]])
    np.testing.assert_array_equal(written["weight.grad"], [[0], [1]])


def test_layer_normalisation_of_large_numbers() -> None:
    """1e6 + (-1, 0, 0, 1) has deviation sqrt(1/2): the mean is subtracted before squaring."""
    op = LayerNormalization(1, 4, 1, 0.0)
    values: Values = {
        "input": np.array([[[-1.0], [0], [0], [1]]], np.float32) + np.float32(1e6),
        "weight": np.ones(4, np.float32),
        "bias": np.zeros(4, np.float32),
    }
    written = run_pass(backends.get("numpy"), op, op.passes[0], values)
    np.testing.assert_allclose(written["output"].ravel(), [-sqrt(2), 0, 0, sqrt(2)], rtol=1e-6)
    assert written["inverse_deviation"].item() == pytest.approx(sqrt(2), rel=1e-6)


@pytest.mark.parametrize(("tanh", "at_one"), [(False, 0.841344746068543), (True, 0.841191990608302)])
def test_gelu_at_one(tanh: bool, at_one: float) -> None:
    """The standard normal distribution at 1, and what its approximation gives: (1 + tanh(0.83341)) / 2."""
    made = output(Gelu((1, 3), tanh), input=np.array([[1.0, 0.0, -1.0]]))
    np.testing.assert_allclose(made, [[at_one, 0, at_one - 1]], rtol=1e-12)


def test_softmax_does_not_overflow() -> None:
    """Inputs of a thousand give 1 and 0."""
    made = output(Softmax((1, 2, 1)), input=np.array([[[1000.0], [-1000.0]]]))
    np.testing.assert_array_equal(made, [[[1], [0]]])
