"""Two reports side by side, and reading them again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dataflow.errors import ReportError
from reports import compare, compare_json, read_report, report_json, write
from reports.grid import Grid
from reports.reading import parse_report
from reports.side_by_side import grids
from tests.reports.cores import on_cards, pipelined
from tests.reports.test_report_tables import text
from tests.reports.worlds import alexnet_result, tiny_result

TINY: dict[str, Any] = report_json(tiny_result())
ALEXNET: dict[str, Any] = report_json(alexnet_result())


def test_report_beside_itself() -> None:
    """Every ratio is 1 (or there is nothing to divide), and nothing differs."""
    compared = compare_json(TINY, TINY)
    assert compared["run"]["step_time_s"] == {
        "a": TINY["step_time_s"],
        "b": TINY["step_time_s"],
        "ratio": 1.0,
    }
    ratios = [
        pair["ratio"]
        for section in ("processors", "memories", "moved", "layers")
        for thing in compared[section].values()
        for pair in thing.values()
    ]
    assert set(ratios) <= {1.0, None}
    assert "same experiment, network, hardware and training" in text(compare(TINY, TINY))


def test_ratios_are_b_over_a() -> None:
    """Twice the step time is a ratio of 2; half the throughput one of 0.5."""
    slow = {**TINY, "step_time_s": 2 * TINY["step_time_s"], "images_per_s": TINY["images_per_s"] / 2}
    compared = compare_json(TINY, slow)
    assert compared["run"]["step_time_s"]["ratio"] == 2.0
    assert compared["run"]["images_per_s"]["ratio"] == 0.5
    shown = text(compare(TINY, slow))
    assert "step time" in shown
    assert "2.00x" in shown


def test_what_only_one_has() -> None:
    """Processors and layers of different machines and networks are set against nothing."""
    compared = compare_json(TINY, ALEXNET)
    assert compared["processors"]["cpu0"]["utilisation"]["b"] is None
    assert compared["processors"]["gpu1"]["utilisation"]["a"] is None
    assert compared["layers"]["conv1"]["forward_s"]["ratio"] is None
    assert compared["moved"]["gpu0->gpu1"]["bytes"] == {"a": None, "b": 30_015_488, "ratio": None}
    json.dumps(compared, allow_nan=False)
    shown = text(compare(TINY, ALEXNET))
    assert "they differ in experiment tiny / alexnet-2x-gtx580" in shown
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100


def test_comparing_what_is_no_report() -> None:
    """The one that is none is named A or B."""
    with pytest.raises(ReportError, match=r"report 'B': version is None"):
        compare(TINY, {})


def test_written_report_is_read_again(tmp_path: Path) -> None:
    """By its file and by its folder; what a newer Dataflow may add is passed over."""
    write(tiny_result(), tmp_path / "run")
    assert read_report(tmp_path / "run") == read_report(tmp_path / "run" / "report.json") == TINY
    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps({**TINY, "weather": "fine"}))
    assert read_report(newer) == TINY


WITHOUT = {name: value for name, value in TINY.items() if name not in ("layers", "links")}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (None, r"nothing.json': there is no such file"),
        (b"{", r"is no JSON: line 1, column 2"),
        (b"\xff\xfe", r"is no text in UTF-8"),
        (b"[]", r"is a JSON array, not the object"),
        (
            b'{"version": "0"}',
            r"version is '0', but this Dataflow reads version '2'; run the experiment again",
        ),
        (
            json.dumps(WITHOUT).encode(),
            r"2 fields do not fit docs/report.schema.json\n  - links: field required",
        ),
        (json.dumps({**TINY, "batch": "many"}).encode(), r"1 field does not fit .*\n  - batch: "),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, written: bytes | None, message: str) -> None:
    """Missing, no JSON, another version, fields missing or wrong: each says so and where."""
    path = tmp_path / "nothing.json"
    if written is not None:
        path.write_bytes(written)
    with pytest.raises(ReportError, match=message):
        read_report(path)


def test_cores_pipelines_and_formats_side_by_side() -> None:
    """What only one of two machines has stands beside a dash; processors left out are counted."""
    document = compare_json(report_json(on_cards(60)), report_json(pipelined(4)))
    assert document["cores"]["computes"]["share"]["ratio"] == 1
    assert document["cores"]["control"]["signals"]["a"] == 73
    assert document["pipeline"]["pipeline"]["interval_s"] == {"a": None, "b": 3e-6, "ratio": None}
    assert document["numbers"]["numbers"]["updates_lost"]["a"] == 0.25
    assert document["run"]["training_days"]["b"] is None
    told = text(compare(report_json(on_cards(60)), report_json(tiny_result())))
    assert "60 in A alone and 2 in B alone are left out" in told
    assert "lost to control, of cores' time" in told
    assert "core17" not in told


def test_three_reports_side_by_side() -> None:
    """Each beside the first: values of all, the others' ratios to the first, also of what the first lacks."""
    nic, gpu, stream = report_json(on_cards(60)), TINY, report_json(pipelined(4))
    document = compare_json(nic, gpu, stream)
    step = document["run"]["step_time_s"]
    assert (step["a"], step["b"], step["c"]) == tuple(each["step_time_s"] for each in (nic, gpu, stream))
    assert step["ratio"] == step["b"] / step["a"]
    assert step["ratio_c"] == 1
    assert document["c"]["experiment"] == "pipeline-4"
    fill = document["pipeline"]["pipeline"]["fill_s"]
    assert (fill["a"], fill["b"], fill["c"], fill["ratio_c"]) == (None, None, 7e-6, None)
    told = text(compare(nic, gpu, stream))
    for word in (
        "A  digits-card",
        "B  tiny",
        "C  pipeline-4",
        "C / A",
        "Where the cores' time goes",
        "Pipeline",
    ):
        assert word in told
    assert "core17" not in told
    with pytest.raises(ReportError, match="report 'C': version is None"):
        compare(nic, gpu, {})


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("count", [2, 3, 5, 7])
def test_no_number_is_cropped(count: int, width: int) -> None:
    """However many reports stand beside one another, every word of every cell is there, no line is longer."""
    fast = {**TINY, "images_per_s": 1_053_980.0, "step_time_s": 1.518e-05, "training_days": 1e5}
    documents = [ALEXNET, fast, TINY, fast, ALEXNET, report_json(on_cards(60)), fast][:count]
    reports = [parse_report(document, "any") for document in documents]
    for grid in grids(reports):
        shown = text(grid.rich(), width)
        assert max(map(len, shown.splitlines())) <= width
        cells = [cell for row in (grid.columns, *grid.rows) for cell in row]
        assert not Counter(" ".join(cells).split()) - Counter(shown.split())
    assert "1.054 M" in text(compare(*documents), width)


def test_wide_tables_stand_in_blocks() -> None:
    """Each with the names, of three numbers 3 + 3 x (2 + 9) = 36 wide; what fits nowhere is folded."""
    numbers = tuple(f"1,000,00{digit}" for digit in range(4))
    grid = Grid("T", ("", *"abcd"), (("all", *numbers),), apart=1)

    def lines(width: int) -> list[list[str]]:
        return [line.split()[1:] for line in text(grid.rich(), width).splitlines() if "all" in line]

    assert lines(47) == [[*numbers]]
    assert lines(46) == lines(36) == [[*numbers[:3]], [numbers[3]]]
    assert lines(35) == [[*numbers[:2]], [numbers[2]], [numbers[3]]]
    assert lines(24) == [[number] for number in numbers]
    long = text(Grid("T", ("", "a", "b"), (("x" * 30, "7" * 25, "y" * 30),), left=("b",)).rich(), 40)
    assert (long.count("x"), long.count("7"), long.count("y")) == (60, 25, 30)
