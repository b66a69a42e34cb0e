"""The op that finds a layer's gradients by finite differences, from the network it stands in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dataflow.ops import Evaluated, FiniteDifference, Loss, Op, Operand, Role, Wire
from dataflow.ops.axis import Whole
from dataflow.tensor import Tensor

TensorOf = Callable[[str, Operand], Tensor]
"""The tensor that an operand of a layer stands for."""


def finite_difference(
    layer: str, ops: Mapping[str, Op], tensor_of: TensorOf, step: float
) -> FiniteDifference | None:
    """The finite differences of the parameters of a layer's own; None when it has none.

    ops: of all layers, in an order in which each comes after what it reads.
    """
    parameters = tuple(
        operand
        for operand in ops[layer].by_role(Role.PARAMETER)
        if tensor_of(layer, operand).base == f"{layer}.{operand.name}"
    )
    if not parameters:
        return None
    moved = {f"{layer}.{operand.name}" for operand in parameters}
    evaluated = _evaluated(ops, tensor_of, moved)
    made = {wire.tensor for each in evaluated for wire in each.wires if _writes(each.op, wire.operand)}
    loss = evaluated[-1]
    assert isinstance(loss.op, Loss)
    given = {
        tensor.base: Operand(
            tensor.base, Role.INPUT, tuple(map(Whole, tensor.labels, tensor.shape)), operand.dtype
        )
        for each in evaluated
        for operand in each.op.operands
        for tensor in (tensor_of(each.name, operand),)
        if tensor.base not in made or tensor.base == loss.tensors["output"]
    }
    widest_first = tuple(sorted(parameters, key=lambda operand: -len(operand.axes)))
    return FiniteDifference(
        layer=layer,
        parameters=widest_first,
        held=tuple((0, extent) for extent in widest_first[0].shape),
        given=tuple(given.values()),
        layers=evaluated,
        step=step,
        gain=loss.op.gain,
    )


def _evaluated(ops: Mapping[str, Op], tensor_of: TensorOf, moved: set[str]) -> tuple[Evaluated, ...]:
    """The layers whose outputs depend on what is moved, in order."""
    changed = set(moved)
    found: list[Evaluated] = []
    for name, op in ops.items():
        tensors = {operand.name: tensor_of(name, operand) for operand in op.operands}
        if changed.isdisjoint(tensor.base for tensor in tensors.values()):
            continue
        wires = tuple(Wire(operand, tensor.base, tensor.dtype) for operand, tensor in tensors.items())
        changed |= {wire.tensor for wire in wires if _writes(op, wire.operand)}
        found.append(Evaluated(name, op, wires))
    return tuple(found)


def _writes(op: Op, operand: str) -> bool:
    return op.operand(operand).role in (Role.OUTPUT, Role.SAVED)
