"""Trials kept in an SQLite file of Optuna's, so that an interrupted search can go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.errors import PlanError
from dataflow.experiment import Experiment
from dataflow.picoseconds import PS_PER_S
from dataflow.plan import Plan
from dataflow.planning.trial import Outcome
from dataflow.version import __version__

if TYPE_CHECKING:
    from optuna import Study

_PATIENCE_S = 1.0
"""How long to wait for another process that writes to the file."""

_KEY, _PLAN, _STEP, _PEAKS, _EXCHANGED, _FAULT = (
    "key",
    "plan",
    "step_time_ps",
    "peak_bytes",
    "exchanged_bytes",
    "fault",
)


def plan_key(plan: Plan) -> str:
    """A short name for a plan, the same for equal plans."""
    return sha256(repr(plan).encode()).hexdigest()[:24]


def study_name(experiment: Experiment, steps: int) -> str:
    """The name under which an experiment's trials are kept: it changes with all that they depend on."""
    training = experiment.training
    parts = (experiment.network, experiment.hardware, training.batch, training.itemsize, steps, __version__)
    return f"dataflow {experiment.name} {sha256(repr(parts).encode()).hexdigest()[:16]}"


class TrialStorage:
    """The outcomes of the plans that were simulated for one experiment. steps: of each simulation.

    Raises PlanError when the file cannot be read or written, is none of Optuna's, or is locked.
    """

    def __init__(self, path: str, experiment: Experiment, steps: int) -> None:
        self._path = path
        self._check()
        with self._told():
            self._study = self._open(study_name(experiment, steps))
            self.outcomes = dict(self._read())

    def add(self, plan: Plan, described: str, outcome: Outcome) -> None:
        """Keeps an outcome."""
        from optuna.trial import TrialState, create_trial

        attributes = {
            _KEY: plan_key(plan),
            _PLAN: described,
            _STEP: outcome.step_time_ps,
            _PEAKS: dict(outcome.peak_bytes or {}),
            _EXCHANGED: outcome.exchanged_bytes,
            _FAULT: outcome.fault,
        }
        state = TrialState.FAIL if outcome.fault else TrialState.COMPLETE
        value = None if outcome.fault else outcome.step_time_ps / PS_PER_S
        with self._told():
            self._study.add_trial(create_trial(state=state, value=value, user_attrs=attributes))

    def _check(self) -> None:
        """Says what Optuna would take seconds, or many words, to find out."""
        path = Path(self._path)
        if not path.parent.is_dir():
            raise PlanError(
                f"plan storage {self._path!r}: there is no folder {str(path.parent)!r}; make it first"
            )
        if path.is_dir():
            raise PlanError(f"plan storage {self._path!r} is a folder; name a file in it")
        try:
            with closing(sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                connection.execute("ROLLBACK")
        except sqlite3.Error as fault:
            raise PlanError(
                f"plan storage {self._path!r} cannot be used: {fault}; "
                "let another search that uses it end, or name another file"
            ) from None

    def _open(self, name: str) -> Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = optuna.storages.RDBStorage(f"sqlite:///{self._path}")
        return optuna.create_study(storage=storage, study_name=name, load_if_exists=True)

    def _read(self) -> Iterator[tuple[str, Outcome]]:
        for trial in self._study.get_trials(deepcopy=False):
            kept = trial.user_attrs
            if kept.keys() >= {_KEY, _STEP, _PEAKS, _EXCHANGED, _FAULT}:
                peaks: Mapping[str, int] | None = kept[_PEAKS] or None
                yield kept[_KEY], Outcome(kept[_STEP], peaks, kept[_EXCHANGED], kept[_FAULT])

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Has what goes wrong in the file be an error that names it."""
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, StorageInternalError, RuntimeError) as fault:
            text = str(fault.__cause__ or fault).partition("\n")[0]
            raise PlanError(
                f"plan storage {self._path!r} cannot be used: {text}; "
                "let another search that uses it end, or name another file"
            ) from None
