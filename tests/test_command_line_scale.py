"""``dataflow scale`` as a user meets it: table, files, sizes that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_command_line import TINY, called


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command runs in a folder of its own, for it writes to ``results`` there."""
    monkeypatch.chdir(tmp_path)


DATA = ("scale", "alexnet-2x-gtx580-batch", "--batch", "8")
SCALING = {"scaling.json", "scaling.csv", "scaling.png"}


def test_scale(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two GPUs do the same batch nearly twice as fast; the files are in a folder of their own."""
    assert called(monkeypatch, *DATA, "--over", "data=1,2") == 0
    assert "alexnet-2x-gtx580-batch: strong scaling" in capsys.readouterr().out
    folder = Path("results", "alexnet-2x-gtx580-batch-scaling")
    assert {path.name for path in folder.iterdir()} == SCALING
    document = json.loads((folder / "scaling.json").read_text())
    one, two = document["points"]
    assert (one["processors"], two["processors"]) == (1, 2)
    assert two["speed_up"] == pytest.approx(one["step_time_s"] / two["step_time_s"])
    assert 1.0 < two["speed_up"] <= 2.0
    assert two["efficiency"] == two["speed_up"] / 2
    assert one["limited_by"] == one["limits"][0]["resource"]


def test_scale_weakly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The batch follows the processors, from the experiment's own or with so many images for each."""
    assert called(monkeypatch, *DATA, "--over", "data=1,2", "--weak", "--json", "--out", "w") == 0
    assert [point["batch"] for point in json.loads(capsys.readouterr().out)["points"]] == [8, 16]
    chosen = ("--over", "data=1,2", "--batch-per-processor", "3", "--json", "--out", "w")
    assert called(monkeypatch, *DATA, *chosen) == 0
    document = json.loads(capsys.readouterr().out)
    assert ([point["batch"] for point in document["points"]], document["kind"]) == ([3, 6], "weak")


def test_scale_on_another_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine whose processors the experiment's own mesh does not fill is filled by the last length."""
    over = ("--set", "hardware=k20x8", "--over", "data=2,8", "--no-limits", "--json", "--out", "w")
    assert called(monkeypatch, *DATA, *over) == 0
    assert [point["processors"] for point in json.loads(capsys.readouterr().out)["points"]] == [2, 8]


def test_limits_are_left_out_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without them everything else is as it is with them."""
    assert called(monkeypatch, "simulate", TINY, "--json") == 0
    with_limits = json.loads(capsys.readouterr().out)
    assert called(monkeypatch, "simulate", TINY, "--json", "--no-limits") == 0
    assert json.loads(capsys.readouterr().out) == {**with_limits, "limits": []}
    assert called(monkeypatch, "run", TINY, "--images", "noise", "--no-limits") == 0
    assert "limited by     unknown" in capsys.readouterr().out
    assert called(monkeypatch, *DATA, "--over", "data=1,2", "--no-limits") == 0
    assert "unknown" in capsys.readouterr().out


def test_scale_over_any_field(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A faster GPU by its peak; a batch that no memory holds is named, the others are measured."""
    over = (
        "--over",
        "hardware.models.gtx580.compute.peak=1 TFLOP/s,2 TFLOP/s",
        "--over",
        "training.batch=8,9999",
    )
    assert called(monkeypatch, *DATA, *over, "--json", "--out", "w") == 0
    document = json.loads(capsys.readouterr().out)
    assert [point["batch"] for point in document["points"]] == [8, 8]
    assert document["points"][1]["speed_up"] > 1
    assert [unfit["batch"] for unfit in document["unfit"]] == [9999, 9999]


def test_scale_names_sizes_that_do_not_fit_on_the_cores(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what is short; the others are measured. Where none fits the last one's table is told."""
    store = "hardware.models.fpc.compute.program_store"
    cores = ("scale", "digits-cnn-agilio", "--no-limits", "--json", "--out", "w", "--over")
    assert called(monkeypatch, *cores, f"{store}=100,8192") == 0
    document = json.loads(capsys.readouterr().out)
    assert [point["setting"] for point in document["points"]] == [{store: "8192"}]
    (unfit,) = document["unfit"]
    assert unfit["setting"] == {store: "100"}
    assert unfit["reason"].startswith("program store of core")
    assert unfit["reason"].endswith(" instructions of 100")
    assert called(monkeypatch, *cores, "training.dtype=float32,float64") == 2
    assert "computes in float64, and there is no floating point" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (*DATA, "--over", "model=1,2"),
            "over model: the mesh of 'alexnet-2x-gtx580-batch' has no such axis",
        ),
        ((*DATA, "--over", "data=1,4"), "needs 4 processors, but hardware 'gtx580x2' has 2"),
        ((*DATA, "--over", "data"), "over data=: is not of the form axis=length,length such as data=1,2,4"),
        (
            ("scale", "vgg16-4x-titanx-gpipe", "--over", "stage=2"),
            "over stage=2: vgg16-4x-titanx-gpipe.yaml: 1 fault",
        ),
        ((*DATA, "--over", "data=1", "--strong", "--weak"), "--strong keeps the batch"),
        ((*DATA, "--over", "training.momentum=0.5,2"), "over training.momentum=2: "),
        ((*DATA, "--over", "training.batch=99999,99998"), "memory of 'host' is full"),
    ],
)
def test_sizes_that_cannot_be(
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who, which value, which rule; no traceback, nothing written."""
    assert called(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not list(Path().iterdir())


def test_scale_over_cores(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """More cores leave each fewer images, but sums of gradients that do not shrink: said in so many words."""
    cores = (
        "scale",
        "mlp-digits-agilio",
        "--over",
        "core=4,20,60",
        "--batch",
        "60",
        "--no-limits",
        "--out",
        "w",
    )
    assert called(monkeypatch, *cores) == 0
    assert "what more processors make longer is gradient sums" in " ".join(capsys.readouterr().out.split())
    few, _, many = json.loads(Path("w", "scaling.json").read_text())["points"]
    assert (few["processors"], many["processors"]) == (4, 60)
    assert many["efficiency"] < 0.5 < few["mean_busy"]
    assert many["mean_busy"] < few["mean_busy"]
    assert sum(part["share"] for part in many["critical_path"]) == pytest.approx(1)
    assert many["reason"].startswith(many["busiest"])
