"""A hardware pipeline in reports: its pace, its stages and buffers, what balancing would give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dataflow.metrics import Latencies
from reports import compare_json, pipeline_tables, report_json, report_markdown, write
from reports.console import summary_of
from reports.document import report_of
from reports.pipeline_picture import pipeline_figure
from tests.reports.cores import on_cards, pipelined, streaming
from tests.reports.test_report_tables import text


def test_pace_and_bottleneck_in_words() -> None:
    """Stages of 1, 2, 3 and 1 us: the third sets the interval, equal ones would take 7/4 us."""
    report = report_of(pipelined(4))
    assert pipeline_tables.pace(report) == (
        "a batch of 4 every 3.000 us, fill 7.000 us, drain 10.50 us; latency median 9.000 us, "
        "99th percentile 11.00 us of 100"
    )
    assert pipeline_tables.bottleneck(report) == (
        "core2 (layer2); equal stages would give one every 1.750 us (1.71x the rate)"
    )
    assert pipeline_tables.pace(report_of(on_cards())) == ""
    assert pipeline_tables.bottleneck(report_of(on_cards())) == ""


def test_one_sample_only() -> None:
    """No interval, no balance, and no stage that sets what there is not."""
    result = replace(pipelined(4))
    alone = replace(
        streaming(4),
        samples=1,
        interval_s=None,
        balanced_interval_s=None,
        latency=Latencies(1, 7e-6, 7e-6, 7e-6),
    )
    result = replace(result, metrics=replace(result.metrics, pipeline=alone))
    report = report_of(result)
    assert pipeline_tables.pace(report) == (
        "one batch of 4 only, in 7.000 us: nothing overlaps; "
        "with more steps, as --steps 64, there is an interval"
    )
    assert pipeline_tables.bottleneck(report) == ""
    assert {row[-1] for row in pipeline_tables.stages(report).rows} == {""}
    assert "share of the whole time" in pipeline_tables.stages(report).note
    assert pipeline_figure(report).axes[0].get_legend() is None
    assert report_json(result)["pipeline"]["interval_s"] is None
    assert "pipeline" in compare_json(report_json(result), report_json(pipelined(4)))


def test_stages_and_buffers() -> None:
    """A row each, with what the stage computes of the interval and how full the buffer was."""
    report = report_of(pipelined(4))
    assert pipeline_tables.stages(report).rows == (
        ("core0", "layer0", "1.000 us", "33.3 %", ""),
        ("core1", "layer1", "2.000 us", "66.7 %", ""),
        ("core2", "layer2", "3.000 us", "100 %", "sets the interval"),
        ("core3", "layer3", "1.000 us", "33.3 %", ""),
    )
    assert pipeline_tables.buffers(report).rows == (
        ("layer0", "core0", "core1", "2", "1.90", "2", "95.0 %", "100.0 us"),
        ("layer1", "core1", "core2", "2", "1.90", "2", "95.0 %", "100.0 us"),
        ("layer2", "core2", "core3", "2", "0.400", "2", "0 %", "0 s"),
    )


def test_stages_and_buffers_that_are_alike_are_one_row() -> None:
    """Four cores that compute slices of one layer for four others."""
    result = pipelined(4)
    pipeline = streaming(4)
    stages = tuple(replace(stage, layers=("conv",), time_s=3e-6, occupied=1.0) for stage in pipeline.stages)
    buffers = tuple(
        replace(
            pipeline.buffers[0],
            tensor=f"conv[{number}:{number + 1}] on nic",
            holds="conv",
            producer=f"core{number}",
            consumer="core4, core5, core6, core7",
        )
        for number in range(4)
    )
    alike = replace(pipeline, stages=stages, buffers=buffers)
    report = report_of(replace(result, metrics=replace(result.metrics, pipeline=alike)))
    assert pipeline_tables.stages(report).rows == (
        ("core0 +3", "conv", "3.000 us", "100 %", "sets the interval"),
    )
    assert pipeline_tables.buffers(report).rows[0][:3] == ("conv +3", "core0 to core3", "core4 to core7")
    assert "core2 (conv) and 3 that take as long" in pipeline_tables.bottleneck(report)


def test_console_speaks_of_batches_and_not_of_training() -> None:
    """Where nothing is trained there is no loss, no bubble and no time for all epochs."""
    told = text(summary_of(report_of(pipelined(4))))
    assert "batch of 4" in told
    assert "bottleneck" in told
    for word in ("epochs", "loss ", "bubble"):
        assert word not in told


def test_page_and_json() -> None:
    """report.md has both tables and the picture, report.json every field."""
    page = report_markdown(pipelined(4))
    for title in ("## Stages", "## Buffers between stages", "(pipeline.png)", "| batch of 4 time |"):
        assert title in page
    found = report_json(pipelined(4))
    assert found["mode"] == "pipeline"
    assert found["pipeline"]["bottleneck"] == "core2"
    assert found["pipeline"]["stages"][2] == {
        "processor": "core2",
        "layers": ["layer2"],
        "time_s": 3e-6,
        "occupied": 1.0,
    }
    assert len(found["pipeline"]["buffers"]) == 3


def test_picture_of_long_labels() -> None:
    """Layers of a stage take three lines at most, buffers that stand upright one: bars keep their room."""
    result, pipeline = pipelined(8), streaming(8)
    stages = tuple(
        replace(stage, layers=tuple(f"layer{n}" for n in range(40))) for stage in pipeline.stages[:3]
    )
    buffers = tuple(replace(buffer, producer="a" * 60) for buffer in pipeline.buffers)
    many = replace(pipeline, stages=stages, buffers=buffers)
    figure = pipeline_figure(report_of(replace(result, metrics=replace(result.metrics, pipeline=many))))
    upper, lower = [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes]
    assert [len(label.splitlines()) for label in upper] == [4, 4, 4]
    assert all(label.endswith(" ...") for label in (*upper, *lower))
    assert len(lower) == 7
    assert max(map(len, lower)) <= 44


def test_picture_folds_many_stages(tmp_path: Path) -> None:
    """Four stages have a bar each, 60 of one layer and three lengths three."""
    few = pipeline_figure(report_of(pipelined(4)))
    assert len(few.axes[0].patches) == 4
    result = pipelined(60)
    stages = tuple(replace(stage, layers=("conv",)) for stage in streaming(60).stages)
    one_layer = replace(streaming(60), stages=stages)
    many = pipeline_figure(report_of(replace(result, metrics=replace(result.metrics, pipeline=one_layer))))
    assert [label.get_text() for label in many.axes[0].get_xticklabels()] == [
        "core0 +19\nconv",
        "core1 +19\nconv",
        "core2 +19\nconv",
    ]
    assert "pipeline.png" in {path.name for path in write(pipelined(4), tmp_path / "run")}
