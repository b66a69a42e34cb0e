"""Studies carried out: each training is that of ``train_experiment``, however they are run or stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import topologies
from dataflow.data.folder_pictures import workers_for
from dataflow.data.options import DataOptions
from dataflow.data.workers import cores
from dataflow.errors import InterruptedTrainingError, OptionError, StudyError
from dataflow.session import (
    StudyOptions,
    TrainingOptions,
    carry_out_study,
    simulate_experiment,
    train_experiment,
)
from dataflow.studies.outcome import Outcome
from dataflow.training.curve import Curve
from reports import show_study, study_json, write_study
from tests.studies.described import BASE, STUDY
from tests.test_command_line import called

TIMES = """\
kind: study
name: machines
base: tiny-2x-gtx580
measure: time
variants:
  two: {set: {}}
  one: {set: {hardware: gtx580, plan: {}}}
  none: {set: {hardware: gtx580, plan: {}, training.batch: 400000}}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the small study and its base."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(BASE)
    Path("study.yaml").write_text(STUDY)
    Path("times.yaml").write_text(TIMES)


def never() -> bool:
    """Nobody stops."""
    return False


def after(count: int) -> Callable[[], bool]:
    """Stops when asked for the so manieth time, and from then on."""
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > count

    return stop


def outcome_of(options: StudyOptions, folder: str, stop: Callable[[], bool] = never) -> Outcome:
    """The small study carried out."""
    return carry_out_study(topologies.load_study("study.yaml"), options, folder, stop)


def timeless(curve: Curve) -> Curve:
    """The curve without what depends on how fast this machine is."""
    return replace(curve, points=tuple(replace(point, wall_s=0.0) for point in curve.points))


def curves_of(outcome: Outcome) -> list[list[Curve]]:
    """Of each variant those of each seed."""
    return [[timeless(curve) for curve in trained.curves] for trained in outcome.trained]


def test_a_study_is_its_trainings() -> None:
    """Each variant from each seed as ``train_experiment`` trains it, whatever else goes on in the study."""
    study, expected = topologies.load_study("study.yaml"), []
    for variant in study.variants:
        options = TrainingOptions(epochs=2, seeds=(3, 4), limits=False)
        trained = train_experiment(variant.experiment, options, f"own/{variant.name}", lambda _: None, never)
        expected.append([timeless(curve) for curve in trained.curves])
    outcome = outcome_of(StudyOptions(), "out")
    assert curves_of(outcome) == expected
    assert [trained.steps_per_epoch for trained in outcome.trained] == [10, 10]
    assert outcome.trained[0].examples.train == 1347
    assert expected[0] != expected[1]
    folders = {str(path.parent.relative_to("out")) for path in Path("out").glob("**/checkpoint-*.npz")}
    assert folders == {"relu/seed-3", "relu/seed-4", "tanh/seed-3", "tanh/seed-4"}


def test_trainings_at_a_time_change_nothing() -> None:
    """Two processes come to the same curves in the same order, and leave nothing else in the folder."""
    assert curves_of(outcome_of(StudyOptions(jobs=2), "two")) == curves_of(outcome_of(StudyOptions(), "one"))
    assert sorted(path.name for path in Path("two").iterdir()) == ["relu", "tanh"]


def test_a_study_that_was_stopped_goes_on() -> None:
    """Stopped in its second training; then only what is left is trained, to the same curves."""
    study, epochs = topologies.load_study("study.yaml"), list[int]()

    def tell(_what: str, done: int, _total: int) -> None:
        epochs.append(done)

    def stop() -> bool:
        return 3 in epochs

    with pytest.raises(
        InterruptedTrainingError, match="after 1 of 4 trainings; the same command with --resume"
    ):
        carry_out_study(study, StudyOptions(), "out", stop, tell)
    assert epochs.count(3) == 1
    epochs.clear()
    outcome = carry_out_study(study, StudyOptions(resume=True), "out", never, tell)
    # Ten steps an epoch: of the second training's second epoch, before which three were over, nine are left.
    assert [epochs.count(done) for done in range(8)] == [0, 0, 0, 9, 10, 10, 10, 10]
    assert curves_of(outcome) == curves_of(outcome_of(StudyOptions(), "unbroken"))


def test_trainings_in_other_processes_stop_too() -> None:
    """All of them before their end, with checkpoints to go on from."""
    with pytest.raises(InterruptedTrainingError, match="interrupted after 0 of 4 trainings"):
        outcome_of(StudyOptions(jobs=2), "out", after(0))
    assert curves_of(outcome_of(StudyOptions(resume=True), "out")) == curves_of(
        outcome_of(StudyOptions(), "unbroken")
    )


def test_an_unfinished_study_is_not_lost_by_accident() -> None:
    """Without --resume its checkpoints are left alone, and the variant is named."""
    with pytest.raises(InterruptedTrainingError):
        outcome_of(StudyOptions(), "out", after(5))
    with pytest.raises(StudyError, match=r"variant 'relu': checkpoint .* is of a training that is not over"):
        outcome_of(StudyOptions(), "out")


def test_a_killed_process_is_said_in_words() -> None:
    """Whose training it was, and how to go on, which comes to the same curves."""

    def killing() -> bool:
        for child in active_children():
            child.kill()
        return False

    with pytest.raises(
        StudyError,
        match=r"variant 'relu', seed [34]: its process was killed, .*; go on with fewer --jobs and --resume",
    ):
        outcome_of(StudyOptions(jobs=2), "out", killing)
    assert not Path("out/.stop").exists()
    assert curves_of(outcome_of(StudyOptions(resume=True), "out")) == curves_of(
        outcome_of(StudyOptions(), "unbroken")
    )


def test_trainings_at_a_time_share_the_cores() -> None:
    """Their readers of images are no more than the cores, unless the user says how many each has."""
    for sharing in (1, 2, 3, 256):
        assert sharing * workers_for(DataOptions(sharing=sharing), 10_000) <= cores()
    assert workers_for(DataOptions(), 10_000) == cores()
    assert workers_for(DataOptions(workers=5, sharing=2), 10_000) == 5


def test_without_epochs_nothing_is_trained() -> None:
    """A study made in Python may have none."""
    study = replace(topologies.load_study("study.yaml"), epochs=None)
    with pytest.raises(OptionError, match=r"study 'activations' says no epochs; give them \(--epochs 10\)"):
        carry_out_study(study, StudyOptions(), "out", never)


@pytest.mark.parametrize("options", [StudyOptions(jobs=2), StudyOptions(data=DataOptions("noise"))])
def test_times_need_no_examples(options: StudyOptions) -> None:
    """What is for trainings alone is refused, not left unused."""
    with pytest.raises(
        OptionError, match=r"study 'machines' measures time.*leave out --jobs, --resume and what says which"
    ):
        carry_out_study(topologies.load_study("times.yaml"), options, "out", never)


def test_jobs_are_counted() -> None:
    """None and too many are refused."""
    with pytest.raises(OptionError, match="jobs 0 must be 1 to 256"):
        StudyOptions(jobs=0)


def test_times_are_those_of_the_simulation() -> None:
    """Of what cannot be simulated the reason is part of the outcome."""
    study = topologies.load_study("times.yaml")
    two, one, none = carry_out_study(study, StudyOptions(), "out", never).timed
    for timed in (two, one):
        metrics = simulate_experiment(timed.variant.experiment).metrics
        assert timed.metrics == metrics
        assert timed.training_s == pytest.approx(90 * 1_200_000 / metrics.images_per_s)
        assert timed.epoch_s == pytest.approx(1_200_000 / metrics.images_per_s)
        assert timed.limiting == max(metrics.limits, key=lambda limit: limit.gain)
    assert (none.metrics, none.training_s, none.limiting) == (None, None, None)
    assert none.reason is not None
    assert none.reason.startswith("memory of 'host' is full")


def printed(renderable: Any) -> str:
    """What a console of 140 columns shows."""
    from rich.console import Console

    console = Console(width=140, record=True, file=StringIO())
    console.print(renderable)
    return console.export_text()


def test_the_command_trains_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables, page, curves and picture; numbers in the table are those of the JSON."""
    assert called(monkeypatch, "study", "study.yaml", "--set", "training.batch=256") == 0
    shown = capsys.readouterr().out
    folder = Path("results/activations-study")
    found = json.loads((folder / "study.json").read_text())
    relu, tanh = found["variants"]
    error, less = tanh["test_error"], tanh["less_the_first"]["test_error"]
    assert f"{100 * error['mean']:.2f} ± {100 * (error['high'] - error['mean']):.2f} %" in shown
    assert f"{100 * less['mean']:+.2f} ± {100 * (less['high'] - less['mean']):.2f}" in shown
    assert "few seeds (2) say little" in shown
    assert (relu["less_the_first"], found["seeds"], found["epochs"]) == (None, [3, 4], 2)
    assert tanh["set"] == [{"path": "network.layers.act.op", "value": "tanh"}]
    rows = (folder / "study.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 2 * 3
    assert rows[1].startswith("relu,3,0,0,0.0,,,")
    assert (folder / "study.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "study.md").read_text()
    assert "| tanh | tanh in its place | small | gtx580 | `network.layers.act.op=tanh` |" in page


def test_the_command_answers_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One seed has no interval; what comes to standard output is JSON alone."""
    assert (
        called(monkeypatch, "study", "study.yaml", "--seeds", "5", "--epochs", "1", "--json", "--out", "o")
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(Path("o/study.json").read_text())
    assert found["variants"][0]["test_error"]["low"] is None
    assert [each["seed"] for each in found["variants"][1]["seeds"]] == [5]


def test_the_command_reads_a_folder_of_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken one is refused or left out, as asked; the cache is kept where it should be."""
    for number in range(24):
        file = Path(f"pictures/{'ab'[number % 2]}/{number}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12, 12), 10 * number).save(file)
    Path("pictures/a/bad.png").write_text("no picture")
    asked = ("study", "study.yaml", "--set", "network.classes=2", "--set", "training.batch=8", "--json")
    asked += ("--images", "pictures", "--cache", "kept", "--workers", "0")
    assert called(monkeypatch, *asked) == 2
    assert "bad.png" in capsys.readouterr().err
    assert called(monkeypatch, *asked, "--broken", "skip") == 0
    data = json.loads(capsys.readouterr().out)["variants"][1]["data"]
    assert data["description"].endswith("pictures")
    assert (data["train"], data["test"]) == (22, 2)
    assert list(Path("kept").iterdir())


def test_notes_of_seeds_are_told_once() -> None:
    """Those that differ in names of files and numbers alone."""
    notes = study_json(outcome_of(StudyOptions(resume=True), "out"))["notes"]
    assert [note for note in notes if note.startswith("tanh: ")] == [
        (
            "tanh: no checkpoint 'out/tanh/seed-3/checkpoint-seed3.npz' to resume: begun anew "
            "(and 1 more like it)"
        )
    ]


def test_times_are_shown_with_reasons() -> None:
    """Of what is not possible the reason has a table of its own."""
    outcome = carry_out_study(topologies.load_study("times.yaml"), StudyOptions(), "out", never)
    shown = printed(show_study(outcome))
    assert "not possible" in shown
    assert "What is not possible" in shown
    assert {path.name for path in write_study(outcome, "out")} == {
        *("study.md", "study.json", "study.csv", "study.png"),
    }
    two, _, none = study_json(outcome)["variants"]
    assert two["images_per_s"] == pytest.approx(8 / two["step_time_s"])
    assert (none["training_s"], none["reason"]) == (None, outcome.timed[2].reason)
    assert len(Path("out/study.csv").read_text().splitlines()) == 4
