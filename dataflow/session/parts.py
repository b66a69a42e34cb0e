"""The parts of a data set by their names, and the names of its classes."""

from __future__ import annotations

from dataflow.errors import OptionError
from dataflow.training.data_set import DataSet, Part

PARTS = ("test", "validation", "train")
"""The parts that a network may be tested with, or shown."""


def check_part(name: str) -> None:
    """Raises OptionError when no part is called so."""
    if name not in PARTS:
        raise OptionError(f"part {name!r} is none of: {', '.join(PARTS)}")


def part_of(data: DataSet, name: str) -> Part:
    """A part by its name. Raises OptionError when the data set does not have it."""
    part = {"test": data.test, "validation": data.validation, "train": data.train}[name]
    if part is None:
        raise OptionError(
            f"part {name!r}: {data.description} have none, for no learning rate is decided by it; "
            "choose another part, or a 'training.schedule', which holds examples out"
        )
    return part


def class_names(known: tuple[str, ...], count: int) -> tuple[str, ...]:
    """So many names of the classes that a network tells apart; numbers beyond those that are known."""
    return (*known[:count], *(str(label) for label in range(len(known), count)))
