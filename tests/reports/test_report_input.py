"""What reports say of hosts that make batches of files."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

import reports
import topologies
from dataflow.override import Override
from dataflow.result import Result
from dataflow.session import simulate_experiment
from dataflow.simulation.resources import input_of
from reports.timeline_rows import timeline_of
from reports.window import window_of

SLOW = ("training.input=jpeg", "hardware.hosts.host.input.cores=1", "training.steps=2", "training.batch=16")


def result(*settings: str) -> Result:
    """LeNet-5 on a GTX 580, with fields set."""
    overrides = [Override(*setting.split("=", 1)) for setting in settings]
    return simulate_experiment(topologies.load("lenet5-1x-gtx580", overrides))


@pytest.fixture(scope="module")
def bound() -> Result:
    """Training that waits for a host of one slow core."""
    return result(*SLOW, "hardware.hosts.host.input.decode=1 Mpixel/s")


def told(of: Result) -> str:
    """The summary as a wide console shows it."""
    console = Console(file=StringIO(), width=400)
    console.print(reports.summary(of))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_json_says_that_training_is_input_bound(bound: Result) -> None:
    """16 images of 37 x 37 stored pixels, decoded at a million a second: 16 (1,369 us + 1,024 / 165 us)."""
    found = reports.report_json(bound)["input"]
    assert found["bound"]
    host = found["hosts"]["host"]
    assert host["prepare_s"] == pytest.approx(16 * (1369e-6 + 1024 / 165e6))
    assert host["prepare_s"] == pytest.approx(reports.report_json(bound)["step_time_s"])
    assert found["images_per_s"] == pytest.approx(16 / host["prepare_s"])
    assert found["needed_images_per_s"] > found["images_per_s"]
    assert reports.report_json(result())["input"] is None


def test_the_summary_and_report_md_say_so(bound: Result) -> None:
    """In a sentence, beside how long an epoch takes, and with a column of what processors waited."""
    text = told(bound)
    assert "input-bound: 'host' prepares" in text
    assert "1 core busy 100 % of the step" in text
    assert "to prepare and load the first batch" in text
    assert "idle for batches to be prepared: input" in text
    assert "input path: twice as fast" in text
    page = reports.report_markdown(bound)
    assert "## Input" in page
    assert "preparation of batches on host" in page
    free = told(result("training.input=jpeg"))
    assert "not input-bound: 'host' prepares" in free
    assert "input-bound" not in told(result())


def test_the_timeline_has_a_row_for_the_cores_of_the_host(bound: Result) -> None:
    """With a bar for each batch."""
    window = window_of(bound.trace, 2)
    (row,) = [row for row in timeline_of(bound, window).rows if row.label == "host cores"]
    assert row.beside == "busy 100 %"
    assert [bar.labels for bar in row.bars] == [("batch",)] * len(row.bars)
    assert len(row.bars) >= 2


def test_the_trace_for_perfetto_has_a_track_for_them(bound: Result) -> None:
    """In a process of its own, whose spans lead to loads by arrows."""
    events = reports.perfetto_trace(bound)["traceEvents"]
    (track,) = [e for e in events if e["name"] == "thread_name" and e["args"]["name"] == input_of("host")]
    (process,) = [e for e in events if e["name"] == "process_name" and e["pid"] == track["pid"]]
    assert process["args"]["name"] == "hosts"
    spans = [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == (track["pid"], track["tid"])]
    assert [span["args"]["step"] for span in spans] == [-1, 0, 1]
    arrows = [e for e in events if e["ph"] == "s" and (e["pid"], e["tid"]) == (track["pid"], track["tid"])]
    assert arrows
    plain = reports.perfetto_trace(result())["traceEvents"]
    assert not [e for e in plain if e["name"] == "process_name" and e["args"]["name"] == "hosts"]


def test_show_tells_how_many_images_a_host_can_prepare() -> None:
    """Four cores, each 256 x 256 / 100 M + 224 x 224 / 165 M seconds an image; a port prepares none."""
    document = reports.hardware_json(topologies.load_hardware("gtx580"))
    assert document["inputs"]["host"]["images_per_s"] == pytest.approx(4 / (65536 / 100e6 + 50176 / 165e6))
    console = Console(file=StringIO(), width=200)
    console.print(reports.show_hardware(topologies.load_hardware("gtx580")))
    assert isinstance(console.file, StringIO)
    assert "4,169" in console.file.getvalue()
    assert reports.hardware_json(topologies.load_hardware("agilio-cx"))["inputs"] == {}


def test_a_setting_that_nothing_asks_for_is_told() -> None:
    """Cores of the host mean nothing where batches lie there ready."""
    (warning,) = result("hardware.hosts.host.input.cores=2").warnings
    assert "training.input=jpeg has hosts make them of files" in warning
