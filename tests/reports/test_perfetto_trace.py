"""trace.json: a legal trace of events that says what the run's trace says."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from dataflow.result import Result
from reports import perfetto_trace
from tests.reports.cores import on_cards
from tests.reports.worlds import alexnet_result, tiny_result

RESULTS = pytest.mark.parametrize("result", [alexnet_result(), tiny_result()], ids=["alexnet", "tiny"])
REQUIRED = {
    "M": {"name", "pid", "tid", "args"},
    "X": {"name", "cat", "ts", "dur", "pid", "tid", "args"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
    "C": {"name", "ts", "pid", "tid", "args"},
}


def events(result: Result, phase: str = "") -> list[dict[str, Any]]:
    """The events of one phase, or all."""
    return [e for e in perfetto_trace(result)["traceEvents"] if not phase or e["ph"] == phase]


def track_names(result: Result) -> dict[tuple[int, int], str]:
    """(process, thread) to name."""
    return {
        (e["pid"], e["tid"]): e["args"]["name"] for e in events(result, "M") if e["name"] == "thread_name"
    }


@RESULTS
def test_events_have_what_their_kind_needs(result: Result) -> None:
    """Required keys are there, the whole is strict JSON, and time does not run backwards."""
    json.dumps(perfetto_trace(result), allow_nan=False)
    found = events(result)
    assert all(event.keys() >= REQUIRED[event["ph"]] for event in found)
    times = [event["ts"] for event in found if event["ph"] != "M"]
    assert times == sorted(times)
    assert all(time >= 0 for time in times)


@RESULTS
def test_every_track_and_process_is_named(result: Result) -> None:
    """Each span is on a track with a name, in a process with a name."""
    names = track_names(result)
    assert all((e["pid"], e["tid"]) in names for e in events(result, "X"))
    processes = {e["args"]["name"] for e in events(result, "M") if e["name"] == "process_name"}
    assert processes == {"processors", "copy engines", "links", "memories"}


def test_tracks_of_two_gpus() -> None:
    """One a processor, one a copy engine, one a link direction."""
    assert sorted(track_names(alexnet_result()).values()) == sorted(
        [
            *("gpu0", "gpu1", "gpu0.copy", "gpu1.copy"),
            *("gpu0->switch", "switch->gpu0", "gpu1->switch", "switch->gpu1", "host->switch", "switch->host"),
        ]
    )


@RESULTS
def test_nothing_overlaps_on_a_track(result: Result) -> None:
    """Spans of one track follow one another, in whole nanoseconds."""
    by_track: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for event in events(result, "X"):
        start = round(event["ts"] * 1000)
        by_track[event["pid"], event["tid"]].append((start, start + round(event["dur"] * 1000)))
    for spans in by_track.values():
        spans.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@RESULTS
def test_every_span_is_there_with_its_facts(result: Result) -> None:
    """A computation is on one track; a transfer on a copy engine and on each link of its route."""
    hardware = result.experiment.hardware
    found = defaultdict(list)
    for event in events(result, "X"):
        found[event["args"]["task"], event["args"]["step"]].append(event)
    for span in result.trace.spans:
        tracks = 1
        if span.source is not None and span.destination is not None:
            tracks += len(hardware.route(span.source, span.destination))
        drawn = found[span.name, span.step]
        assert len(drawn) == tracks
        facts = drawn[0]["args"]
        assert (facts["layer"], facts["phase"], facts["flop"], facts["bytes"], facts["bound"]) == (
            *(span.layer, span.phase.label, span.flop, span.bytes, span.bound),
        )


@RESULTS
def test_arrows_are_pairs_inside_spans(result: Result) -> None:
    """Each start has one end, later than it, and both lie in a span of their track."""
    starts = {event["id"]: event for event in events(result, "s")}
    ends = {event["id"]: event for event in events(result, "f")}
    assert starts
    assert starts.keys() == ends.keys()
    assert len(starts) == len(events(result, "s"))
    spans = events(result, "X")
    for number, start in starts.items():
        assert start["ts"] <= ends[number]["ts"]
        for end in (start, ends[number]):
            assert any(
                (s["pid"], s["tid"]) == (end["pid"], end["tid"])
                and s["ts"] <= end["ts"] <= s["ts"] + s["dur"]
                for s in spans
            )


def test_arrows_of_the_tiny_world() -> None:
    """Step 0: act on cpu1 is sent to out on cpu0, and out's gradient back to act on cpu1."""
    result = tiny_result()
    drawn: dict[int, list[str]] = defaultdict(list)
    spans = events(result, "X")
    for arrow in (*events(result, "s"), *events(result, "f")):
        inside = next(
            s
            for s in spans
            if (s["pid"], s["tid"]) == (arrow["pid"], arrow["tid"])
            and s["ts"] <= arrow["ts"] < s["ts"] + s["dur"]
        )
        drawn[arrow["id"]].append(f"{inside['name']} {inside['args']['step']}")
    arrows = {tuple(ends) for ends in drawn.values()}
    assert ("act forward 0", "out cpu1->cpu0 0") in arrows
    assert ("out cpu1->cpu0 0", "out forward 0") in arrows
    assert ("out cpu0->cpu1 0", "act input gradient 0") in arrows


@RESULTS
def test_counters_follow_the_memories(result: Result) -> None:
    """Never negative; the highest value is the peak that was measured."""
    highest: dict[str, int] = defaultdict(int)
    for event in events(result, "C"):
        assert event["args"]["bytes"] >= 0
        highest[event["name"]] = max(highest[event["name"]], event["args"]["bytes"])
    for name, use in result.metrics.memories.items():
        assert highest[f"{name} memory"] <= use.peak_bytes
        last = [e.used_bytes for e in result.trace.memory_events if e.memory == name][-1]
        assert [e for e in events(result, "C") if e["name"] == f"{name} memory"][-1]["args"]["bytes"] == last


def test_a_controller_has_a_track_with_arrows_to_the_cores_it_signals() -> None:
    """Signals are spans of a process of their own; each arrow from there ends on a core, when it starts."""
    result = on_cards(12)
    named = {e["pid"]: e["args"]["name"] for e in events(result, "M") if e["name"] == "process_name"}
    control = next(pid for pid, name in named.items() if name == "control")
    signals = [e for e in events(result, "X") if e["pid"] == control]
    assert len(signals) == 3
    starts = {e["id"]: e for e in events(result, "s")}
    ends = {e["id"]: e for e in events(result, "f")}
    arrows = [number for number, event in starts.items() if event["pid"] == control]
    assert [named[ends[number]["pid"]] for number in arrows] == ["processors"] * 12


def test_cores_have_no_empty_tracks_for_copy_engines() -> None:
    """In an address space the copy engines are the memory's, and shown when they are used."""
    names = [e["args"]["name"] for e in events(on_cards(12), "M") if e["name"] == "thread_name"]
    assert not any(name.startswith("core") and name.endswith(".copy") for name in names)
