"""Everything that can go wrong, named by meaning.

Each message says who, which value, which rule, where, and one hint. The command
line prints the message alone and exits with code 2.
"""

from __future__ import annotations

from collections.abc import Sequence


class DataflowError(Exception):
    """Base of every error a user can cause and mend."""


class TopologyError(DataflowError):
    """A YAML description that cannot be read or breaks a rule of its schema."""


class NetworkError(DataflowError):
    """Layers whose names, inputs or shapes do not fit together."""


class PlanError(DataflowError):
    """A plan that asks for what a machine cannot do."""


class InterruptedSearchError(DataflowError):
    """A search for a plan that the user ended before it was over."""


class InterruptedTrainingError(DataflowError):
    """A training that the user ended before it was over; the message says how to go on."""


class CheckpointError(DataflowError):
    """A checkpoint that cannot be read or written, or that is of another training."""


class WeightsError(DataflowError):
    """A file of weights that cannot be read or written, or weights that are nowhere to be found."""


class BackendError(DataflowError):
    """A backend that is unknown or lacks what a task needs."""


class OptionError(DataflowError):
    """Something asked of a run that makes no sense."""


class DataError(DataflowError):
    """Input data that is missing or is not what it claims to be."""


class ResidencyError(DataflowError):
    """A task that would read a tensor which is not in its processor's memory."""


class OutOfMemoryError(DataflowError):
    """A tensor that does not fit into a simulated memory.

    memory, tensor: their names. needed_bytes, capacity_bytes: of the moment.
    holders: (tensor, bytes) that held the memory then, largest first.
    """

    def __init__(
        self,
        message: str,
        *,
        memory: str,
        tensor: str,
        needed_bytes: int,
        capacity_bytes: int,
        holders: Sequence[tuple[str, int]],
    ) -> None:
        super().__init__(message)
        self.memory = memory
        self.tensor = tensor
        self.needed_bytes = needed_bytes
        self.capacity_bytes = capacity_bytes
        self.holders = tuple(holders)


class FitError(DataflowError):
    """A plan whose code, stack or tensors do not fit on the cores it names, or that these cannot compute.

    The message is a table of what needs how much of what there is, and how far over that it is.
    reason: the first of these in a few words.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class DeadlockError(DataflowError):
    """A simulation in which nothing can happen any more although tasks wait."""


class NumericError(DataflowError):
    """A tensor whose values are not finite."""


class CheckError(DataflowError):
    """A product of a stage that breaks its rules; lists all the faults at once."""

    def __init__(self, product: str, faults: Sequence[str]) -> None:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{product}: {count}\n{listed}")
        self.faults = tuple(faults)


class ReportError(DataflowError):
    """A report that cannot be read or written."""


class StudyError(DataflowError):
    """A study of which a variant cannot be trained or timed."""
