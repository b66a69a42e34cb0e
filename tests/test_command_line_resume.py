"""``dataflow train`` stopped, killed and resumed, as a user meets it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataflow.training.evaluation import Evaluator, Score
from dataflow.training.folder import training_folder
from dataflow.training.loop import Moment
from tests.test_command_line import called, python
from tests.test_command_line_train import SMALL, TRAIN, document, state


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command runs beside a small experiment of a perceptron that reads digits."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)


def test_two_and_two_epochs_are_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of two epochs and its resumption to four leave what four epochs at once do, bit for bit."""
    assert called(monkeypatch, *TRAIN, "--epochs", "4", "--out", "whole") == 0
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "parts") == 0
    assert called(monkeypatch, *TRAIN, "--epochs", "4", "--out", "parts", "--resume") == 0
    whole, parts = document("whole"), document("parts")
    (note,) = parts.pop("notes")
    assert note == "resumed from 'parts/checkpoint-seed0.npz' at step 42"
    assert {**whole, "notes": []} == {**parts, "notes": []}
    one, other = state("whole"), state("parts")
    assert list(one) == list(other)
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_two_and_two_epochs_of_integers_on_many_cores_are_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stochastic rounding too goes on where it stopped."""
    chosen = (
        *("train", "digits-cnn-agilio", "--no-limits", "--batch", "400"),
        *("--set", "training.arithmetic.rounding=stochastic"),
    )
    assert called(monkeypatch, *chosen, "--epochs", "4", "--out", "whole") == 0
    assert called(monkeypatch, *chosen, "--epochs", "2", "--out", "parts") == 0
    assert called(monkeypatch, *chosen, "--epochs", "4", "--out", "parts", "--resume") == 0
    one, other = state("whole"), state("parts")
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert document("whole")["curves"] == document("parts")["curves"]


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It stops after the step under way, with a checkpoint that goes on to the same end."""
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "whole") == 0
    tell = Moment.__init__

    def interrupted(moment: Moment, **told: Any) -> None:
        tell(moment, **told)
        if moment.step == 30:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Moment, "__init__", interrupted)
        assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "parts") == 130
    said = capsys.readouterr().err
    assert "interrupted after step 30 of 42; checkpoint is 'parts/checkpoint-seed0.npz'" in said
    assert "go on with: dataflow train small.yaml --no-limits --epochs 2 --out parts --resume" in said
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert {path.name for path in Path("parts").iterdir()} == {"checkpoint-seed0.npz"}
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "parts") == 2
    assert "of a training that is not over (step 30 of 42)" in capsys.readouterr().err
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "parts", "--resume") == 0
    one, other = state("whole"), state("parts")
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert document("whole")["curves"] == document("parts")["curves"]


def test_a_killed_process_leaves_its_last_checkpoint() -> None:
    """Another process, killed without warning, is resumed to the end."""
    code = (
        "import os, signal, sys\n"
        "from dataflow.training.loop import Moment\n"
        "from dataflow.cli import main\n"
        "tell = Moment.__init__\n"
        "def killed(moment, **told):\n"
        "    tell(moment, **told)\n"
        "    if moment.step == 50: os.kill(os.getpid(), signal.SIGKILL)\n"
        "Moment.__init__ = killed\n"
        "sys.argv = ['dataflow', 'train', 'small.yaml', '--epochs', '3', '--out', 'killed', '--no-limits']\n"
        "main()\n"
    )
    assert python("-c", code).returncode == -signal.SIGKILL
    resumed = ("train", "small.yaml", "--epochs", "3", "--out", "killed", "--no-limits", "--resume")
    ended = python("-m", "dataflow", *resumed)
    assert ended.returncode == 0, ended.stderr
    assert document("killed")["notes"][0].endswith("at step 42")
    whole = python("-m", "dataflow", "train", "small.yaml", "--epochs", "3", "--out", "whole", "--no-limits")
    assert whole.returncode == 0
    assert document("killed")["curves"] == document("whole")["curves"]


def test_two_trainings_in_one_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second is refused while the first goes on."""
    with training_folder(Path("busy")):
        assert called(monkeypatch, *TRAIN, "--epochs", "1", "--out", "busy") == 2
    assert "folder 'busy': another training is under way in it" in capsys.readouterr().err
    assert called(monkeypatch, *TRAIN, "--epochs", "1", "--out", "busy") == 0


def test_checkpoints_that_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another batch, fewer epochs, a broken file: each is told, and nothing is lost."""
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "r") == 0
    before = Path("r", "checkpoint-seed0.npz").read_bytes()
    resume = (*TRAIN, "--out", "r", "--resume")
    assert called(monkeypatch, *resume, "--epochs", "3", "--batch", "32") == 2
    assert "is of another training: its training.batch is 64, here it is 32" in capsys.readouterr().err
    assert called(monkeypatch, *resume, "--epochs", "1") == 2
    assert "has come to step 42, but the training is to have 21" in capsys.readouterr().err
    assert Path("r", "checkpoint-seed0.npz").read_bytes() == before
    Path("r", "checkpoint-seed0.npz").write_bytes(before[:1000])
    assert called(monkeypatch, *resume, "--epochs", "3") == 2
    assert "is broken or no checkpoint of a training" in capsys.readouterr().err


def test_resuming_without_a_checkpoint_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a script may always say --resume; the output says what happened."""
    assert called(monkeypatch, *TRAIN, "--epochs", "1", "--out", "n", "--resume") == 0
    assert "no checkpoint 'n/checkpoint-seed0.npz' to resume: begun anew" in capsys.readouterr().out


def same(one: str, other: str) -> bool:
    """Whether two folders have the same curves and the same tensors, bit for bit."""
    first, second = state(one), state(other)
    return (
        list(first) == list(second)
        and all(np.array_equal(first[name], second[name]) for name in first)
        and document(one)["curves"] == document(other)["curves"]
    )


@pytest.mark.parametrize(("test", "step"), [(0, 0), (1, 21), (2, 42)])
def test_ctrl_c_in_a_test(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], test: int, step: int
) -> None:
    """The test is broken off and made again when resumed, with the same curve; no step is lost."""
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "whole") == 0
    begun: list[int] = []
    score = Evaluator.score

    def interrupted(evaluator: Evaluator, *arguments: Any, **named: Any) -> Score:
        begun.append(test)
        if len(begun) == test + 1:
            os.kill(os.getpid(), signal.SIGINT)
        return score(evaluator, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Evaluator, "score", interrupted)
        assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "parts") == 130
    said = capfd.readouterr().err
    assert "\nstopping after this step; Ctrl-C again stops at once\n" in said
    assert f"interrupted after step {step} of 42; checkpoint is 'parts/checkpoint-seed0.npz'" in said
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "parts") == 2
    assert f"of a training that is not over (step {step} of 42)" in capfd.readouterr().err
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "parts", "--resume") == 0
    assert same("whole", "parts")


def test_killed_in_a_test_no_epoch_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint of an epoch is written before its test, which is made again."""
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "whole") == 0
    code = (
        "import os, signal, sys\n"
        "from dataflow.training.evaluation import Evaluator\n"
        "from dataflow.cli import main\n"
        "score, begun = Evaluator.score, []\n"
        "def killed(*arguments, **named):\n"
        "    begun.append(1)\n"
        "    if len(begun) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return score(*arguments, **named)\n"
        "Evaluator.score = killed\n"
        "sys.argv = ['dataflow', 'train', 'small.yaml', '--epochs', '2', '--out', 'killed', '--no-limits']\n"
        "main()\n"
    )
    assert python("-c", code).returncode == -signal.SIGKILL
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "killed", "--resume") == 0
    assert document("killed")["notes"] == ["resumed from 'killed/checkpoint-seed0.npz' at step 21"]
    assert same("whole", "killed")


def pictures() -> tuple[str, ...]:
    """A folder of two classes of twelve pictures, and how a training on it is asked for."""
    random = np.random.default_rng(0)
    for number in range(24):
        file = Path("pictures", "ab"[number % 2], f"{number}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(file)
    return (*TRAIN, "--images", "pictures", "--batch", "8", "--workers", "0", "--epochs", "2", "--out", "p")


def stopped(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """A training that is stopped after its second step."""
    tell = Moment.__init__

    def interrupted(moment: Moment, **told: Any) -> None:
        tell(moment, **told)
        if moment.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Moment, "__init__", interrupted)
        assert called(monkeypatch, *arguments) == 130


def test_a_folder_whose_images_are_others(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One more, one broken and skipped, one touched: going on is refused; as it was, or moved, it goes on."""
    chosen = (*pictures(), "--broken", "skip")
    stopped(monkeypatch, *chosen)
    said = capfd.readouterr().err
    assert "reading all images once: 24 in all" in said
    file = Path("pictures", "a", "2.png")
    kept, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)

    def refused() -> bool:
        assert called(monkeypatch, *chosen, "--resume") == 2
        said = capfd.readouterr().err
        return "is of another training: its data is 24 images of names, sizes, times and labels " in said

    Path("pictures", "b", "new.png").write_bytes(kept)
    assert refused()
    Path("pictures", "b", "new.png").unlink()
    file.write_bytes(b"none")
    assert refused()
    file.write_bytes(kept)
    assert refused()
    os.utime(file, ns=times)
    Path("pictures").rename("elsewhere")
    moved = ["elsewhere" if word == "pictures" else word for word in chosen]
    assert called(monkeypatch, *moved, "--resume") == 0


def test_ctrl_c_while_images_are_read(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The look at all images is broken off after a part of them."""
    monkeypatch.setattr("dataflow.data.survey._TOGETHER", 8)
    asked = pictures()
    opened = Image.open

    def interrupted(file: str, *arguments: Any) -> Image.Image:
        if file.endswith("12.png"):
            os.kill(os.getpid(), signal.SIGINT)
        return opened(file, *arguments)

    monkeypatch.setattr(Image, "open", interrupted)
    assert called(monkeypatch, *asked) == 130
    said = capfd.readouterr().err
    assert "interrupted while reading all images once (8 of 24); give the same command again" in said
    assert not Path("p").exists() or not list(Path("p").iterdir())


@pytest.mark.parametrize("seeds", [("--seed", "1"), ("--seeds", "0..1")])
def test_weights_in_the_checkpoint_that_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seeds: tuple[str, str]
) -> None:
    """They would be overwritten by the first checkpoint: refused, whatever the path is called."""
    chosen = (*TRAIN, "--epochs", "1", "--out", "w")
    assert called(monkeypatch, *chosen, "--seed", "1") == 0
    before = Path("w", "checkpoint-seed1.npz").read_bytes()
    again = (*chosen, *seeds, "--weights", "w/../w/checkpoint-seed1.npz")
    assert called(monkeypatch, *again) == 2
    said = capsys.readouterr().err
    assert "--weights w/../w/checkpoint-seed1.npz: this training writes its own checkpoint to that" in said
    assert Path("w", "checkpoint-seed1.npz").read_bytes() == before
    assert called(monkeypatch, *chosen, "--seed", "2", "--weights", "w/checkpoint-seed1.npz") == 0


def test_noise_is_the_same_for_every_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed beside others is trained and tested with what it is alone."""
    chosen = (*TRAIN, "--images", "noise", "--epochs", "1")
    assert called(monkeypatch, *chosen, "--seeds", "0,1", "--out", "both") == 0
    for seed in ("0", "1"):
        assert called(monkeypatch, *chosen, "--seed", seed, "--out", "one") == 0
        (alone,) = document("one")["curves"]
        assert alone == document("both")["curves"][int(seed)]
