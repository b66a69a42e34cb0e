"""States where they lie: seen without copying, written and read strip by strip."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backends
from dataflow.data.batches import Noise
from dataflow.graph import training_graph
from dataflow.placement import place
from dataflow.training import held as held_module
from dataflow.training.archive import FileState
from dataflow.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dataflow.training.held import Held
from dataflow.training.loop import Position, train
from dataflow.training.recording import record
from dataflow.training.state import StateView, state_of
from dataflow.values.executor import Executor
from tests.training.worlds import PLANS, Session, world

shapes = st.lists(st.integers(1, 5), max_size=4).map(tuple)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[np.ndarray, Held]:
    """A tensor of any order in memory, in pieces along one axis, some of them twice."""
    shape = draw(shapes)
    order = draw(st.permutations(range(len(shape))))
    whole = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    axis = draw(st.integers(0, len(shape) - 1)) if shape else None
    cuts = [0, shape[axis]] if axis is not None else [0, 1]
    if axis is not None:
        cuts = sorted({0, shape[axis], *draw(st.lists(st.integers(0, shape[axis]), max_size=2))})
    pieces = []
    for start, stop in pairwise(cuts):
        place = tuple(slice(start, stop) if i == axis else slice(0, n) for i, n in enumerate(shape))
        stored = whole[place].transpose(order)
        copy = np.ascontiguousarray(stored).reshape(stored.shape).transpose(np.argsort(order).astype(int))
        pieces += [(place, copy)] * draw(st.integers(1, 2))
    return whole, Held(shape, tuple(pieces))


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(tensors(), st.sampled_from([1, 16, 64, 1 << 20]))
def test_strips_are_the_tensor(made: tuple[np.ndarray, Held], strip_bytes: int) -> None:
    """However a tensor lies, its strips are it, one after the other, and reading them fills every piece."""
    whole, held = made
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_module, "STRIP_BYTES", strip_bytes)
        stored = np.concatenate([strip.reshape(-1).copy() for strip in held.strips()])
        assert np.array_equal(stored, whole.transpose(held.axes).reshape(-1))
        assert np.array_equal(held.whole(), whole)
        empty = Held(held.shape, tuple((place, np.zeros_like(piece)) for place, piece in held.pieces))
        done = 0

        def fill(strip: np.ndarray) -> None:
            nonlocal done
            strip.reshape(-1)[:] = stored[done : done + strip.size]
            done += strip.size

        empty.read(held.axes, fill)
    assert done == whole.size
    for (_, got), (_, piece) in zip(empty.pieces, held.pieces, strict=True):
        assert np.array_equal(got, piece)


@pytest.mark.parametrize("plan", PLANS)
def test_a_state_is_seen_not_copied(plan: str) -> None:
    """What lies whole in a memory is that array; what is written of it are views."""
    session = Session(world(plan), epochs=1)
    state = train(session.loop, Position()).state
    assert isinstance(state, StateView)
    for name in state:
        held = state.held(name)
        whole = [piece for _, piece in held.pieces if piece.shape == held.shape]
        assert bool(whole) == (plan != "model")
        for array in whole[:1]:
            assert state[name] is array
            assert all(np.shares_memory(strip, array) for strip in held.strips())


def test_what_is_carried_beside() -> None:
    """Other arrays are part of a state as parameters are."""
    made = world()
    placed = place(training_graph(made), made.hardware, made.plan)
    there = record(placed).there
    executor = Executor(placed, backends.get("numpy"), Noise(made))
    executor.begins([(shard, 0) for shard in there])
    mean = np.arange(3.0)
    both = state_of(executor, there, 0, {"norm.running_mean": mean})
    assert list(both) == [*state_of(executor, there, 0), "norm.running_mean"]
    assert len(both) == len(there) + 1
    assert both["norm.running_mean"] is mean
    assert both.held("norm.running_mean").whole() is mean


@pytest.mark.parametrize("plan", PLANS)
def test_through_a_file_to_another_machine(plan: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A state that was written from shards is read whole, as it was."""
    end = train(Session(world(plan), epochs=1).loop, Position())
    assert end.state is not None
    save_checkpoint(Checkpoint({}, replace(end, points=()), 4, {}), tmp_path / "c.npz")
    found = load_checkpoint(tmp_path / "c.npz").position.state
    assert isinstance(found, FileState)
    assert list(found) == list(end.state)
    for name, array in end.state.items():
        assert np.array_equal(found[name], array)
        assert found[name].squeeze().strides == array.squeeze().strides
