"""``dataflow load`` as a user meets it: table, files, arrivals of one's own, what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_command_line import TINY, called


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command runs in a folder of its own, for it writes to ``results`` there."""
    monkeypatch.chdir(tmp_path)


FEW = ("load", TINY, "--requests", "40", "--loads", "0.2,0.8")
FILES = {"load.json", "load.csv", "load.png"}


def test_load(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An experiment that trains becomes a pipeline of one image a request, which is said."""
    assert called(monkeypatch, *FEW) == 0
    printed = capsys.readouterr().out
    assert "tiny-2x-gtx580 on gtx580x2: latency against offered load" in printed
    assert "note: the experiment's mode is training; here requests of 1 image stream" in printed
    folder = Path("results", "tiny-2x-gtx580-load")
    assert {path.name for path in folder.iterdir()} == FILES
    document = json.loads((folder / "load.json").read_text())
    assert [point["load"] for point in document["points"]] == [0.2, 0.8]
    low, high = document["points"]
    assert high["mean_s"] > low["mean_s"] >= document["service_s"]
    assert (document["mode"], document["images"], document["seed"]) == ("pipeline", 1, 0)


def test_load_in_inference_mode(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One request after the other is served at the rate of one alone; a batch is one request."""
    settings = ("--set", "mode=inference", "--batch", "4", "--seed", "3", "--json", "--out", "o")
    assert called(monkeypatch, *FEW, *settings) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document == json.loads(Path("o", "load.json").read_text())
    assert (document["mode"], document["images"], document["seed"]) == ("inference", 4, 3)
    assert document["capacity_per_s"] == pytest.approx(1 / document["service_s"])
    assert document["notes"] == []
    assert "Load curve written to o (load.json, load.csv, load.png)" in captured.err


def test_arrivals_from_a_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """At their own rate, with a queue: of requests that all but come at once most are lost."""
    Path("times.txt").write_text("0\n" * 30 + "1 us\n" * 10)
    chosen = ("--arrivals", "times.txt", "--loads", "recorded", "--queue", "3", "--json", "--out", "o")
    assert called(monkeypatch, "load", TINY, *chosen) == 0
    document = json.loads(capsys.readouterr().out)
    (point,) = document["points"]
    assert (document["arrivals"], document["requests"], document["queue"]) == ("recorded", 40, 3)
    assert point["loss_share"] > 0.8
    assert point["load"] > 1


def test_a_batch_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is kept when an experiment that trains is switched."""
    assert called(monkeypatch, *FEW, "--batch", "2", "--json", "--out", "o") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["images"] == 2
    assert document["notes"][0].startswith(
        "the experiment's mode is training; here requests of 2 images stream"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--loads", "high"), "'high' is not a list of shares of the capacity such as 0.1,0.5,0.9"),
        (("--loads", "-1"), "loads: -1 is no load"),
        (("--loads", "recorded"), "loads: only arrivals from a file have a rate of their own"),
        (("--queue", "0"), "'0' is not a whole number from 1, nor 'none'"),
        (("--requests", "5"), "requests: 5 are too few for percentiles; ask for at least 10"),
        (("--arrivals", "none.txt"), "arrivals 'none.txt': cannot be read: No such file or directory"),
        (("--arrivals", "a.txt", "--requests", "20"), "requests: the file 'a.txt' says how many there are"),
        (("--out", ""), "--out: the folder's name is empty"),
    ],
)
def test_what_cannot_be(
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who, which value, which rule; no traceback, nothing written."""
    assert called(monkeypatch, "load", TINY, *arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not list(Path().iterdir())


def test_micro_batches_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan with 16 micro-batches of 64 images serves one image at a time through its four stages."""
    chosen = ("--requests", "20", "--loads", "0.5", "--arrivals", "fixed", "--json", "--out", "o")
    assert called(monkeypatch, "load", "vgg16-4x-titanx-gpipe", *chosen) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["mode"], document["images"]) == ("pipeline", 1)
    # Four stages of unequal length: more than one is busy at a time, and not all always.
    assert 1 < document["service_s"] * document["capacity_per_s"] < 4
    assert document["points"][0]["p99_s"] == document["service_s"]
