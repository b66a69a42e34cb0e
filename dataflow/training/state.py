"""What a step leaves for the next: parameters and velocities, whatever the plan, copied only where needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from dataflow.backend import Array
from dataflow.training.held import Held
from dataflow.values.executor import Executor

State = Mapping[str, Array]
"""The values of tensors that are carried from step to step, by their names without version."""

_NONE: State = {}


@runtime_checkable
class InPieces(Protocol):
    """A state whose tensors can be had as they lie, without putting them together."""

    def held(self, name: str) -> Held:
        """A tensor as it lies in memories."""
        ...


@runtime_checkable
class ReadInto(Protocol):
    """A state that can be read to where it is needed."""

    def read_into(self, name: str, held: Held) -> None:
        """Fills a tensor, wherever its pieces lie."""
        ...


class StateView(Mapping[str, Array]):
    """A state as it lies in an executor's memories when a step begins; good until that step is taken.

    A tensor that lies whole in a memory is that very array, which nobody may write to; others are put
    together each time they are asked for. others: arrays that are carried beside it.
    """

    def __init__(self, executor: Executor, shards: Iterable[str], step: int, others: State = _NONE) -> None:
        self._executor = executor
        self._step = step
        self._others = others
        self._shards = _by_tensor(executor, shards)

    def __iter__(self) -> Iterator[str]:
        yield from self._shards
        yield from self._others

    def __len__(self) -> int:
        return len(self._shards) + len(self._others)

    def __getitem__(self, name: str) -> Array:
        return self._others[name] if name in self._others else self.held(name).whole()

    def held(self, name: str) -> Held:
        """A tensor as it lies in memories."""
        if name in self._others:
            return Held.of(self._others[name])
        return _held(self._executor, self._shards[name], self._step)


def state_of(executor: Executor, shards: Iterable[str], step: int, others: State = _NONE) -> StateView:
    """The values that a step reads when it begins.

    shards: those that were in their memories at the very start. others: what is carried beside them.
    """
    return StateView(executor, shards, step, others)


def held_of(state: State, name: str) -> Held:
    """A tensor of a state as it lies in memory."""
    return state.held(name) if isinstance(state, InPieces) else Held.of(state[name])


def put_state(
    executor: Executor, shards: Iterable[str], step: int, state: State, *, partly: bool = False
) -> None:
    """Gives shards that are in their memories the values of a state, one tensor after the other.

    partly: tensors that the state does not have keep theirs.
    """
    for name, found in _by_tensor(executor, shards).items():
        if partly and name not in state:
            continue
        held = _held(executor, found, step)
        if isinstance(state, ReadInto):
            state.read_into(name, held)
        else:
            held.put(state[name])


def _by_tensor(executor: Executor, shards: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in shards:
        found.setdefault(executor.placed.shards[name].tensor.base, []).append(name)
    return found


def _held(executor: Executor, shards: list[str], step: int) -> Held:
    placed = executor.placed
    tensor = placed.shards[shards[0]].tensor
    return Held(
        tensor.shape,
        tuple(
            (shard.region.slices_within(tensor.region), executor.stores[shard.memory][shard.name, step])
            for shard in (placed.shards[name] for name in shards)
        ),
    )
