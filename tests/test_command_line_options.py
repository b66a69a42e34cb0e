"""What options of several commands mean."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import topologies
from dataflow.cli import dataflow
from dataflow.cli.options import report_folder
from dataflow.errors import OptionError


def test_where_reports_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``--out`` says; else results/NAME, and then what the report is of."""
    monkeypatch.chdir(tmp_path)
    assert report_folder(None, "net") == "results/net"
    assert report_folder(None, "net", "load") == "results/net-load"
    assert report_folder("here", "net", "load") == "here"
    with pytest.raises(OptionError, match="--out: the folder's name is empty"):
        report_folder("", "net")


@pytest.mark.parametrize(
    ("file", "arguments", "folder"),
    [
        ("nfp-packet-rate.yaml", ["packets", "--cores", "1"], "results/nfp-packet-rate"),
        (
            "two-layer-agilio.yaml",
            ["load", "--loads", "0.5", "--requests", "20"],
            "results/two-layer-agilio-load",
        ),
        (
            "two-layer-agilio.yaml",
            ["scale", "--over", "training.batch=1", "--no-limits"],
            "results/two-layer-agilio-scaling",
        ),
    ],
)
def test_a_folder_has_the_name_of_the_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, arguments: list[str], folder: str
) -> None:
    """Of the experiment and not of its file, whatever the command."""
    monkeypatch.chdir(tmp_path)
    (path,) = Path(topologies.__file__).parent.rglob(file)
    shutil.copy(path, "other.yaml")
    command, *options = arguments
    done = CliRunner().invoke(dataflow, [command, "other.yaml", *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert f"written to {folder} (" in done.output
    assert [path.as_posix() for path in Path("results").iterdir()] == [folder]
