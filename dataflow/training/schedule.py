"""The learning rate of an epoch: what the validation errors so far make of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from dataflow.recipe import Schedule


def divisions(schedule: Schedule, errors: Sequence[float]) -> tuple[int, ...]:
    """The epochs, counted from 1, at whose end the learning rate is divided.

    errors: the validation error after each epoch so far. It has improved when it is less than the least
    so far by more than ``improvement``; after ``patience`` epochs in a row in which it has not,
    the rate is divided and the count begins anew, the least error stays. A rule for what the
    2012 paper did by hand: "divide the learning rate by 10 when the validation error rate stopped
    improving with the current learning rate" (section 5).
    """
    least, waited, found = inf, 0, list[int]()
    for epoch, error in enumerate(errors, start=1):
        if error < least - schedule.improvement:
            least, waited = error, 0
            continue
        waited += 1
        if waited == schedule.patience and len(found) < schedule.at_most:
            found.append(epoch)
            waited = 0
    return tuple(found)


def learning_rate(first: float, schedule: Schedule | None, errors: Sequence[float]) -> float:
    """The learning rate of the epoch after those whose validation errors are given.

    first: that of the first epoch, and of all where there is no schedule. It is the same number
    whenever it is asked for, so that a training that is resumed goes on with it.
    """
    if schedule is None:
        return first
    return first / schedule.divide_by ** len(divisions(schedule, errors))
