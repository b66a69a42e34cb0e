"""Every value of a small network's last step, tensor by tensor, beside float32's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from dataflow.result import Result
from reports import units
from reports.core_schema import TensorValuesEntry
from reports.document import report_of
from reports.grid import Grid, Row
from reports.schema import Report

if TYPE_CHECKING:
    from rich.console import RenderableType

_DIGITS = 6


def show_values(result: Result) -> RenderableType:
    """Every value and gradient of the last step, for ``rich.print``; says so when there are none."""
    grid = values(report_of(result))
    if not grid.rows:
        why = "values are shown of networks whose tensors have few elements, and only where they are computed"
        return Text(f"no values: {why}", style="yellow")
    return Group(grid.rich())


def values(report: Report) -> Grid:
    """A row for each tensor, or of one with several axes for each row of it along the last.

    Axes of length 1 are not counted.
    """
    compared = any(tensor.reference is not None for tensor in report.values)
    rows = tuple(row for tensor in report.values for row in _rows(tensor, compared))
    columns: Row = ("tensor", "kind", "values", *(("in float32",) if compared else ()))
    return Grid("Values", columns, rows, left=("kind", "values", "in float32"), note=_note(report))


def _note(report: Report) -> str:
    """Which step it is, and what else is needed to do it again by hand."""
    last = report.steps - 1
    told = f"of step {last}, the last" if last else "of the only step"
    if report.mode != "training":
        return told
    training = report.training
    rates = {"momentum": training.momentum, "weight decay": training.weight_decay}
    others = "".join(f", {name} {rate:g}" for name, rate in rates.items() if rate)
    return (
        f"{told}: parameters @{last} before it, @{last + 1} after it; "
        f"learning rate {training.learning_rate:g}{others}"
    )


def _rows(tensor: TensorValuesEntry, compared: bool) -> Iterator[Row]:
    shape = [extent for extent in tensor.shape if extent != 1]
    width = shape[-1] if shape else 1
    places = [tuple(index) for index in product(*(range(extent) for extent in shape[:-1]))]
    for number, place in enumerate(places):
        cut = slice(number * width, (number + 1) * width)
        where = f"[{','.join(map(str, place))}]" if len(places) > 1 else ""
        kind = f"{tensor.kind}, {tensor.dtype}" if number == 0 else ""
        other: tuple[str, ...] = ()
        if compared:
            other = (_told(tensor.reference[cut]) if tensor.reference is not None else "-",)
        yield (f"{tensor.tensor}{where}", kind, _told(tensor.values[cut]), *other)


def _told(numbers: Sequence[float | None]) -> str:
    return "  ".join("not finite" if each is None else _number(each) for each in numbers)


def _number(value: float) -> str:
    """With so many digits, and no zeros at its end that say nothing."""
    text = units.number(value, _DIGITS) if 1e-4 <= abs(value) < 1e9 or value == 0 else f"{value:.3e}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
