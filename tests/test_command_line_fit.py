"""``dataflow run`` and ``simulate`` of an experiment that does not fit its cores: a report, no crash."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dataflow.cli import main

EXPERIMENT = "digits-cnn-agilio-ebpf"


def called(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    """The exit code of the command line with these arguments, in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["dataflow", *arguments])
    with pytest.raises(SystemExit) as raised:
        main()
    assert isinstance(raised.value.code, int)
    return raised.value.code


@pytest.mark.parametrize("command", ["run", "simulate"])
def test_what_does_not_fit_is_reported(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the time first, the same as ``show`` ends with; exit code 2, one line of error, no files."""
    assert called(monkeypatch, tmp_path, command, EXPERIMENT, "--out", "report") == 2
    told = capsys.readouterr()
    assert told.err == (
        f"dataflow: experiment '{EXPERIMENT}': digits-cnn cannot run on agilio-cx-ebpf as planned, for the "
        "reasons on standard output; nothing was run or written\n"
    )
    first, second, *_ = told.out.splitlines()
    assert first == "digits-cnn cannot run on agilio-cx-ebpf as planned"
    assert second.startswith("- Time, if all of it fitted: ")
    assert "program store" in told.out
    assert list(tmp_path.iterdir()) == []
    assert called(monkeypatch, tmp_path, "show", EXPERIMENT) == 0
    assert capsys.readouterr().out.endswith(told.out)


def test_what_does_not_fit_is_reported_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ``show --json`` has it."""
    assert called(monkeypatch, tmp_path, "simulate", EXPERIMENT, "--json") == 2
    found = json.loads(capsys.readouterr().out)
    assert found["feasibility"]["feasible"] is False
    assert called(monkeypatch, tmp_path, "show", EXPERIMENT, "--json") == 0
    assert json.loads(capsys.readouterr().out)["feasibility"] == found["feasibility"]
