"""Searches that are kept in a file: interrupted and gone on with, and files that cannot be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dataflow.errors import InterruptedSearchError, PlanError
from dataflow.experiment import Experiment
from dataflow.plan import Plan
from dataflow.planning import AutoPlan
from dataflow.planning.search import search_plan
from dataflow.planning.trial import Evaluator, Outcome
from tests.engine.worlds import RELU, conv, experiment, fc, machine, network

NET = network({"c": conv(4, 3, pad=1), "r": RELU, "f": fc(8), "g": fc(2)}, image=(2, 8, 8))
WORLD = experiment(NET, machine(2, flops=1e10, link_bytes_per_s=2e9), batch=4)
TRIALS = 24


def after(count: int) -> Callable[[int, int], None]:
    """A progress that presses Ctrl-C after so many plans."""

    def progress(done: int, total: int) -> None:
        assert done <= total == TRIALS
        if done == count:
            raise KeyboardInterrupt

    return progress


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that are simulated, as they are."""
    plans: list[Plan] = []
    outcome = Evaluator.outcome

    def counted(self: Evaluator, plan: Plan) -> Outcome:
        plans.append(plan)
        return outcome(self, plan)

    monkeypatch.setattr(Evaluator, "outcome", counted)
    return plans


@pytest.mark.parametrize("count", [1, 5, 17])
def test_an_interrupted_search_goes_on(tmp_path: Path, simulated: list[Plan], count: int) -> None:
    """After an interruption no plan is simulated again, and the result is that of a search in one go."""
    in_one_go = search_plan(WORLD, AutoPlan(trials=TRIALS))
    plans = list(simulated)
    simulated.clear()
    kept = AutoPlan(trials=TRIALS, storage=str(tmp_path / "trials.db"))
    told = f"search interrupted after {count} of {TRIALS} plans; best so far .* ms .*kept in .*trials.db.*on"
    with pytest.raises(InterruptedSearchError, match=told):
        search_plan(WORLD, kept, after(count))
    assert simulated == plans[:count]
    assert search_plan(WORLD, kept) == in_one_go
    assert simulated == plans
    assert search_plan(WORLD, kept) == in_one_go
    assert simulated == plans


def test_without_a_file_nothing_is_kept() -> None:
    """An interrupted search without a file says how the next could be gone on with."""
    with pytest.raises(
        InterruptedSearchError, match=r"after 3 of 24 plans.*with a storage file \(plan.auto.stor"
    ):
        search_plan(WORLD, AutoPlan(trials=TRIALS), after(3))


def test_more_trials_go_on_from_fewer(tmp_path: Path, simulated: list[Plan]) -> None:
    """What a shorter search has simulated, a longer one need not."""
    kept = AutoPlan(trials=6, storage=str(tmp_path / "trials.db"))
    search_plan(WORLD, kept)
    longer = search_plan(WORLD, replace(kept, trials=TRIALS))
    assert len(simulated) == len({repr(plan) for plan in simulated})
    assert longer == search_plan(WORLD, AutoPlan(trials=TRIALS))


def test_one_file_for_several_experiments(tmp_path: Path, simulated: list[Plan]) -> None:
    """The trials of another batch or another machine are not taken for this one's."""
    kept = AutoPlan(trials=3, storage=str(tmp_path / "trials.db"))
    others: tuple[Experiment, ...] = (
        WORLD,
        replace(WORLD, training=replace(WORLD.training, batch=6)),
        replace(WORLD, hardware=machine(2, flops=1e9)),
        replace(WORLD, training=replace(WORLD.training, steps=2)),
    )
    for each in others:
        assert search_plan(each, kept) == search_plan(each, AutoPlan(trials=3))
    assert len(simulated) == 2 * 3 * len(others)


def refused(path: Path, told: str) -> None:
    """The file cannot be used, for the reason told."""
    with pytest.raises(PlanError, match=told):
        search_plan(WORLD, AutoPlan(trials=2, storage=str(path)))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A file in no folder cannot be made."""
    refused(tmp_path / "no" / "trials.db", "plan storage .*: there is no folder '.*no'; make it first")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder is refused."""
    refused(tmp_path, "plan storage .* is a folder; name a file in it")


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    """A file that is no database is refused, and left as it is."""
    path = tmp_path / "trials.db"
    path.write_text("kind: experiment\n" * 100)
    refused(
        path, "plan storage .* cannot be used: file is not a database; let another search .* name another"
    )
    assert path.read_text() == "kind: experiment\n" * 100


def test_a_file_that_another_writes_to(tmp_path: Path) -> None:
    """A file that another process has locked is refused within seconds."""
    path = tmp_path / "trials.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    refused(path, "plan storage .* cannot be used: database is locked; let another search that uses it end")
    other.close()


def test_a_file_of_a_stranger(tmp_path: Path) -> None:
    """A database whose tables are not Optuna's is refused."""
    path = tmp_path / "trials.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE studies (name TEXT)")
    other.commit()
    other.close()
    refused(path, "plan storage .* cannot be used: .*studies")
