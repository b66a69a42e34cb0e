"""Cores that share an address space: where their time goes, what is stored where, what control costs."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from dataflow.memory_map import Stored
from dataflow.metrics import ControlUse
from dataflow.plan import Plan
from dataflow.session.simulating import result_of
from dataflow.simulation import simulate
from reports import core_tables, headline, report_json, report_markdown, write
from reports.cores_csv import cores_csv
from reports.cores_picture import cores_figure
from reports.document import report_of
from reports.folder import FILES
from reports.grid import Grid
from reports.memory_map_picture import memory_map_figure
from reports.schema import Report
from reports.timeline import timeline_figure
from tests.engine.signals import Given, chain, laid
from tests.engine.signals import card as engine_card
from tests.reports.cores import card, on_cards
from tests.reports.worlds import tiny_result


def rows(grid: Grid) -> dict[str, tuple[str, ...]]:
    """The rows of a grid by their first cell."""
    return {row[0]: row[1:] for row in grid.rows}


def test_a_cores_time_is_divided_by_cause() -> None:
    """Core 1 of a step of 19.75 us: 4 us in tasks, a quarter waiting for memory and an eighth for engines."""
    shares = core_tables.shares(report_of(on_cards(60)))["core1"]
    rest = 15.75 / 19.75
    assert shares == pytest.approx(
        {
            "compute": 2.5 / 19.75,
            "memory": 1 / 19.75,
            "engine": 0.5 / 19.75,
            "signal": rest / 8,
            "input": rest / 4,
            "idle": rest * 5 / 8,
        }
    )
    assert sum(shares.values()) == pytest.approx(1)


def test_shares_of_a_pipeline_are_of_its_whole_run() -> None:
    """Stages of 100 and 300 ps take 6 samples in 8 + 100 + 6 x 300 = 1908 ps, 318 a sample, not 300.

    Core 1 computes for 1800 and waits for the first sample for 108; core 0 computes for 600, waits for the
    first load for 8 and for room or with nothing more to do for the other 1300.
    """
    world = chain(engine_card(Given(100), Given(300)), Plan(buffers=2), mode="pipeline", steps=6)
    run = simulate(laid(world), 6)
    report = report_of(result_of(world, run, "null", computed=False, limits=False))
    assert report.step_time_s == pytest.approx(300e-12)
    shares = core_tables.shares(report)
    assert [sum(parts.values()) for parts in shares.values()] == pytest.approx([1, 1])
    assert (shares["core1"]["compute"], shares["core1"]["input"]) == pytest.approx((1800 / 1908, 108 / 1908))
    assert shares["core0"]["compute"] == pytest.approx(600 / 1908)
    assert core_tables.cores(report).title == "Where the cores' time goes, of 1.908 ns for 6 samples"
    seconds = {line["core"]: line for line in csv.DictReader(StringIO(cores_csv(report)))}
    assert float(seconds["core1"]["compute_s"]) == pytest.approx(300e-12)
    assert float(seconds["core1"]["input_s"]) == pytest.approx(18e-12)


def test_inferences_whose_latencies_vary_say_so() -> None:
    """Percentiles of 200 that were drawn; of cores that always take as long those of the run itself."""
    told: list[str] = []
    for model in (Given(100, spread_ps=80), Given(100)):
        world = chain(engine_card(model, model), steps=3)
        report = report_of(result_of(world, simulate(laid(world), 3), "null", computed=False, limits=False))
        told.append(headline.latency(report))
    assert told[0].startswith("of 200 inferences, one after the other: median ")
    assert told[0].endswith("; latencies drawn within their published ranges")
    assert told[1] == (
        "of 3 inferences, one after the other: median 208.0 ps, 99th percentile 208.0 ps, longest 208.0 ps"
    )


def test_cores_that_are_alike_are_one_row() -> None:
    """60 cores in nine kinds: the mean, then each kind, and of two rows that are asked for the busiest."""
    report = report_of(on_cards(60))
    every = core_tables.cores(report)
    assert len(every.rows) == 1 + 9
    assert every.rows[0][0] == "mean of 60"
    assert every.rows[1][0] == "core0"
    assert sum(1 + int(row[0].partition(" +")[2] or 0) for row in every.rows[1:]) == 60
    two = core_tables.cores(report, 2)
    assert [row[0] for row in two.rows] == ["mean of 60", "core0", "core15 +2"]
    assert "56 less busy cores in report.json" in two.note


def test_cores_without_tasks_are_only_counted() -> None:
    """Where half of the cores do nothing the mean is that of the others."""
    result = on_cards(60)
    metrics = result.metrics
    uses = {
        name: replace(use, busy_s=0.0) if number >= 30 else use
        for number, (name, use) in enumerate(metrics.processors.items())
    }
    half = report_of(replace(result, metrics=replace(metrics, processors=uses)))
    assert core_tables.cores(half).rows[0][0] == "mean of 30"
    assert "30 cores have no task" in core_tables.cores(half).note
    assert headline.cores(half).startswith("30 with tasks, 30 without: on average ")


def test_control_in_one_line() -> None:
    """Signals, what they take, and what the cores lose: 3.2 us of 60 cores' 19.75 us."""
    result = on_cards(60)
    assert core_tables.control(report_of(result)) == (
        "static: 73.00 signals a step, controller busy with them for 14.60 us (73.0 %), cores lose "
        "3.200 us together (0.270 % of their time)"
    )
    by_themselves = ControlUse("dataflow", 20, 1e-6, 0.001, 1e-6)
    others = replace(result, metrics=replace(result.metrics, control=by_themselves))
    assert core_tables.control(report_of(others)).startswith(
        "dataflow: 20.00 semaphore operations a step, cores busy"
    )
    assert core_tables.control(report_of(tiny_result())) == ""


def test_memory_map_has_each_kind_of_bank_once() -> None:
    """Banks that hold as much of the same tensors are one row, what each holds beside it."""
    grid = core_tables.memory_map(report_of(on_cards(60)))
    assert rows(grid) == {
        "core0.local +15": ("82 B", "4.096 kB", "2.00 %", "its core", "conv.weight 50 B, conv 32 B"),
        "core16.local +9": ("32 B", "4.096 kB", "0.781 %", "its core", "fc.weight 32 B"),
        "island0.ctm +2": ("163.8 kB", "262.1 kB", "62.5 %", "12 cores each", "data 131 kB, relu 32.8 kB"),
        "emem": ("64 B", "2.147 GB", "< 0.01 %", "all 60", "labels 64 B"),
    }
    assert "36 of 66 banks hold nothing" in grid.note


def test_slices_of_a_tensor_in_a_bank_are_told_together() -> None:
    """Two slices and three parts of sums; what does not fit into the cell is counted."""
    result = on_cards(12)
    bank = result.metrics.memory_map[-1]
    of = type(bank.stored[0])
    stored = (
        *(of("w", f"[{row}]", "parameter", 100) for row in range(2)),
        *(of(f"w.grad.part{number}", "", "parameter gradient", 50, part_of="w.grad") for number in range(3)),
        of("x", "[0:2]", "activation", 7),
    )
    full = replace(bank, stored=stored)
    report = report_of(replace(result, metrics=replace(result.metrics, memory_map=(full,))))
    assert core_tables.memory_map(report).rows[0][-1] == (
        "w 200 B in 2 slices, w.grad.parts 150 B in 3 slices, x[0:2] 7 B"
    )
    assert core_tables.memory_map(report, tensors=1).rows[0][-1] == "w 200 B in 2 slices, 2 more 157 B"


def test_what_is_in_the_cache_of_a_bank_is_told() -> None:
    """All, or how much, and which tensors or slices of them are not."""
    result = on_cards(12)
    bank = result.metrics.memory_map[-1]
    slices = (Stored("w", "[0]", "parameter", 300), Stored("w", "[1]", "parameter", 300, misses=True))
    others = (Stored("x", "", "activation", 200, misses=True), Stored("y", "", "activation", 100))

    def told(*stored: Stored) -> Grid:
        use = replace(bank, stored=stored, cache_bytes=500)
        return core_tables.memory_map(
            report_of(replace(result, metrics=replace(result.metrics, memory_map=(use,))))
        )

    full = told(*slices, *others)
    assert full.rows[0][-1] == (
        "400 B in its cache of 500 B: w 600 B in 2 slices, 1 uncached, x 200 B uncached, y 100 B"
    )
    assert "uncached: the bank's cache has no room for it" in full.note
    small = told(slices[0])
    assert small.rows[0][-1] == "all in its cache of 500 B: w[0] 300 B"
    assert "uncached" not in small.note


def test_banks_in_json_are_all_there() -> None:
    """Every bank with its capacity, readers and tensors, however many are alike."""
    document = report_json(on_cards(60))
    assert len(document["memory_map"]) == 66
    once = {"copies": 1, "misses": False, "part_of": ""}
    assert document["memory_map"][0] == {
        "memory": "nic",
        "name": "core0.local",
        "kind": "local",
        "capacity_bytes": 4096,
        "cache_bytes": 0,
        "used_bytes": 82,
        "cached_bytes": 0,
        "reached_by": ["core0"],
        "stored": [
            {"tensor": "conv.weight", "region": "", "kind": "parameter", "bytes": 50, **once},
            {"tensor": "conv", "region": "[:,0]", "kind": "activation", "bytes": 32, **once},
        ],
    }
    assert document["control"]["signals"] == 73
    assert document["idleness"].keys() == card(60).processors.keys()


def test_page_and_console_say_it() -> None:
    """report.md has the tables and pictures; a run on a machine without cores has neither."""
    page = report_markdown(on_cards(60))
    for title in (
        "## Where the cores' time goes",
        "## Memory map",
        "## Banks",
        "(cores.png)",
        "(memory_map.png)",
    ):
        assert title in page
    assert "| control | static: 73.00 signals" in page
    plain = report_markdown(tiny_result())
    for title in ("cores.png", "## Memory map", "pipeline.png", "| control"):
        assert title not in plain


def test_files_come_and_go_with_what_there_is(tmp_path: Path) -> None:
    """The pictures of cores are written; a later report without cores takes them away again."""
    folder = tmp_path / "run"
    names = {path.name for path in write(on_cards(12), folder)}
    assert names == {*FILES, "cores.png", "cores.csv", "memory_map.png"}
    (folder / "mine.txt").write_text("kept")
    write(tiny_result(), folder)
    assert {path.name for path in folder.iterdir()} == {*FILES, "mine.txt"}


def test_csv_adds_up_to_the_step() -> None:
    """A line for each core; but for busy_s its seconds add up to the step time."""
    report = report_of(on_cards(12))
    lines = list(csv.DictReader(StringIO(cores_csv(report))))
    assert [line["core"] for line in lines] == list(report.processors)
    for line in lines:
        seconds = [float(value) for name, value in line.items() if name not in ("core", "busy_s")]
        assert sum(seconds) == pytest.approx(report.step_time_s)


def bars(report: Report) -> int:
    """How many bars of one cause the picture of cores has."""
    return len(cores_figure(report).axes[0].containers[0])


def test_pictures_stay_readable_of_many() -> None:
    """60 cores are 60 bars; of 240 those alike are one, and 26 banks in use are two rows."""
    assert bars(report_of(on_cards(60))) == 60
    assert bars(report_of(on_cards(240))) < 60
    axes = memory_map_figure(report_of(on_cards(60))).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "core0.local +15",
        "core16.local +9",
        "island0.ctm +2",
        "emem",
    ]
    assert any("local  (60 banks, 26 in use)" in text.get_text() for text in axes.texts)


def test_timeline_has_the_controller_above_the_cores() -> None:
    """A row for the controller's signals, then one for each of 12 cores, without rows of copy engines."""
    labels = [tick.get_text() for tick in timeline_figure(on_cards(12)).axes[0].get_yticklabels()]
    assert labels == ["controller", *(f"core{number}" for number in range(12))]


def test_timeline_draws_many_cores_that_do_alike_once() -> None:
    """60 cores that all start with four others and differ: each is drawn, without rows for transfers."""
    labels = [tick.get_text() for tick in timeline_figure(on_cards(60)).axes[0].get_yticklabels()]
    assert labels[0] == "controller"
    assert len(labels) <= 61
    assert "" not in labels
