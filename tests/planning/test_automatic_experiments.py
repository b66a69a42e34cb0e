"""Experiments whose plan is automatic: read from YAML, searched, run, and written as YAML again."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import topologies
from dataflow.cli import main
from dataflow.errors import TopologyError
from dataflow.override import Override
from dataflow.plan import CollectiveRule, Pipeline, Plan, Rule, Split
from dataflow.planning import AutoPlan
from dataflow.planning.auto import DEFAULT_SPLITS
from dataflow.planning.planned import planned
from dataflow.session import Options, place_experiment, run_experiment, simulate_experiment
from reports import plan_yaml

TEXT = """
kind: experiment
name: searched
network: tiny-lenet
hardware: gtx580x2
plan: {auto: AUTO}
training: {batch: 4}
"""


def written(folder: Path, auto: str = "{trials: 5}", plan: str = "") -> str:
    """The path of an experiment with an automatic plan."""
    path = folder / "searched.yaml"
    path.write_text(TEXT.replace("AUTO", auto + plan), encoding="utf-8")
    return str(path)


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of ``dataflow ARGUMENTS``."""
    monkeypatch.setattr(sys, "argv", ["dataflow", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_defaults(tmp_path: Path) -> None:
    """``auto: {}`` is enough."""
    assert topologies.load(written(tmp_path, "{}")).auto == AutoPlan()


def test_every_field(tmp_path: Path) -> None:
    """Every field of ``auto`` can be set in a file, and from outside."""
    auto = "{trials: 7, seed: 1, storage: a.db, splits: [batch, one], "
    auto += "pipeline: false, store: false, recompute: false}"
    override = Override("plan.auto.trials", "9")
    found = topologies.load(written(tmp_path, auto), [override]).auto
    assert found == AutoPlan(
        trials=9,
        seed=1,
        storage="a.db",
        splits=("batch", "one"),
        pipeline=False,
        store=False,
        recompute=False,
    )


def test_what_the_documentation_shows_can_be_read(tmp_path: Path) -> None:
    """The example of docs/planning.md is an experiment."""
    text = (Path(topologies.__file__).parents[1] / "docs" / "planning.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    path = tmp_path / "example.yaml"
    path.write_text(example, encoding="utf-8")
    assert topologies.load(str(path)).auto == AutoPlan(storage="trials.db")
    for name in DEFAULT_SPLITS:
        assert f"`{name}`" in text
    for field in fields(AutoPlan):
        assert f"| `{field.name}`" in text


def test_contradictions_are_told_with_their_lines(tmp_path: Path) -> None:
    """What stands beside ``auto`` and cannot be kept is an error at its line."""
    plan = ', layers: {"*": {on: gpu0}}, mesh: {data: 3}'
    with pytest.raises(TopologyError) as raised:
        topologies.load(written(tmp_path, plan=plan))
    text = str(raised.value)
    assert (
        "searched.yaml:6: plan: 'auto' chooses the plan's 'layers' itself; leave out one of the two" in text
    )
    assert "searched.yaml:6: plan: mesh {data: 3} needs 3 processors, but there are 2; leave it out" in text


def test_every_stage_searches_first(tmp_path: Path) -> None:
    """Placing, simulating and computing an experiment with an automatic plan use the plan that is found."""
    experiment = topologies.load(written(tmp_path))
    found = planned(experiment)
    assert found.auto is None
    assert place_experiment(experiment).plan == found.plan
    told: list[tuple[str, int, int]] = []
    result = run_experiment(
        experiment, Options(images="noise"), lambda what, done, total: told.append((what, done, total))
    )
    assert result.experiment.plan == found.plan
    assert result.verification is not None
    assert result.verification.passed
    assert [each for each in told if each[0] == "searching for a plan"] == [
        ("searching for a plan", done, 5) for done in range(1, 6)
    ]
    assert simulate_experiment(experiment).metrics.step_time_s == result.metrics.step_time_s


def test_an_override_is_compared_under_the_plan_that_was_found(tmp_path: Path) -> None:
    """Whether an override changes anything is asked without another search."""
    overrides = [Override("training.momentum", "0.5"), Override("plan.auto.trials", "4")]
    result = simulate_experiment(topologies.load(written(tmp_path), overrides))
    assert [warning.partition(" changes")[0] for warning in result.warnings] == [
        "--set training.momentum=0.5"
    ]


def test_a_plan_is_written_so_that_it_is_read_as_itself(tmp_path: Path) -> None:
    """Every field of a plan comes back from its YAML."""
    rule = Rule(
        shard={"batch": ("data", "model")}, store={"velocity": "data"}, recompute=True, microbatches=2
    )
    plan = Plan(
        mesh={"stage": 1, "data": 2, "model": 1},
        processors=("gpu0", "gpu1"),
        shares={"data": (1, 2)},
        layers={
            "*": rule,
            "fc3": Rule(at={"data": 0}, gradient=Split(on=("gpu1",))),
            "fc4": Rule(on=("gpu0",), update=Split(at={"data": 1})),
        },
        pipeline=Pipeline(axis="stage", cuts=()),
        microbatches=2,
        order="gpipe",
        bucket_bytes=5_000_001,
        collectives={"all-reduce": CollectiveRule(algorithm="ring", pieces=4), "*": CollectiveRule()},
    )
    path = tmp_path / "planned.yaml"
    head = "kind: experiment\nname: x\nnetwork: tiny-lenet\nhardware: gtx580x2\ntraining: {batch: 4}\n"
    path.write_text(plan_yaml(plan, comment="two\nlines") + head, encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("# two\n# lines\nplan:\n")
    assert topologies.load(str(path)).plan == plan


def test_the_command_prints_why_and_writes_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``dataflow plan`` prints tables, and writes an experiment that is as fast as the table says."""
    path, best = written(tmp_path), tmp_path / "best.yaml"
    kept = ("--storage", str(tmp_path / "trials.db"))
    assert (
        called(monkeypatch, "plan", path, "--trials", "6", "--seed", "3", *kept, "--output", str(best)) == 0
    )
    printed = capsys.readouterr().out
    for text in (
        "Best plans",
        "6 plans simulated",
        "Why",
        "exposed communication",
        "limited by",
        "data parallel",
    ):
        assert text in printed
    assert called(monkeypatch, "plan", path, "--trials", "6", "--seed", "3", *kept, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["simulated"] == len(document["trials"]) == 6
    step_s = simulate_experiment(topologies.load(str(best))).metrics.step_time_s
    assert (
        document["trials"][0]["step_time_s"]
        == document["compared"][_first(document)]["step_time_s"]
        == step_s
    )


def _first(document: dict[str, dict[str, object]]) -> str:
    return next(name for name in document["compared"] if name.startswith("best"))


def test_the_command_is_for_any_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An experiment with a plan of its own is compared with what is found, which can be put in its place."""
    best = tmp_path / "best.yaml"
    assert called(monkeypatch, "plan", "tiny-2x-gtx580", "--trials", "3", "--output", str(best)) == 0
    assert "as described" in capsys.readouterr().out
    assert best.read_text(encoding="utf-8").splitlines()[1] == "plan:"


def test_an_interrupted_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends a search with the exit code of interrupted programs and what to do to go on."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dataflow.planning.trial.Evaluator.outcome", interrupted)
    assert called(monkeypatch, "plan", written(tmp_path)) == 130
    assert "dataflow: search interrupted after 0 of 5 plans; with a storage file" in capsys.readouterr().err


def test_a_folder_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan that could not be written is said before the search."""
    assert called(monkeypatch, "plan", written(tmp_path), "--output", str(tmp_path / "no" / "a.yaml")) == 2
    assert "there is no folder" in capsys.readouterr().err
