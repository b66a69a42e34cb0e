"""The timeline of many processors and of micro-batches: lanes, representatives, the staircase."""

from __future__ import annotations

from dataclasses import replace

from dataflow.placement import TaskKind
from dataflow.result import Result
from dataflow.trace import Trace
from reports.timeline import timeline_figure
from reports.timeline_bars import NUMBERS, Timeline, busy_bars, joined_bars, microbatches
from reports.timeline_rows import timeline_of
from reports.window import window_of
from tests.engine.pipelines import in_order
from tests.engine.traces import compute, transfer
from tests.reports.made import US, made, ring, staircase
from tests.reports.worlds import alexnet_result


def timeline(result: Result) -> Timeline:
    """What is drawn of a result."""
    return timeline_of(result, window_of(result.trace))


def test_few_processors_have_rows_of_their_own() -> None:
    """Two GPUs: processors, copy engines and links, no lanes."""
    drawn = timeline(alexnet_result())
    assert not drawn.compact
    assert drawn.key == "dx: gradient of a layer's input, dw: of its weights, sum: of parts of one"


def test_processors_that_do_the_same() -> None:
    """A ring of 64 is one lane with its layers' names, and below it its transfers."""
    drawn = timeline(ring(64))
    assert [row.label for row in drawn.rows] == ["gpu0 and 63 alike", ""]
    lane, transfers = drawn.rows
    assert [bar.labels[0] for bar in lane.bars[:4]] == ["l0", "l1", "l2", "l3"]
    (exchange,) = transfers.bars
    assert (exchange.phase, exchange.start_ps, exchange.end_ps) == ("exchange", 400 * US, 1030 * US)
    (wait,) = lane.waits
    assert (wait.start_ps, wait.end_ps, wait.transfer is not None) == (400 * US, 1030 * US, True)
    assert drawn.note == "64 processors, those alike drawn once"


def test_64_processors_are_64_lanes() -> None:
    """Those that differ have a lane each with a name one can read, on a picture of sane height."""
    figure = timeline_figure(lonely(64, 64))
    names = [label for label in figure.axes[0].get_yticklabels() if label.get_text()]
    assert [name.get_text() for name in names] == [f"gpu{number}" for number in range(64)]
    assert min(name.get_fontsize() for name in names) >= 7
    assert figure.get_figheight() < 18


def test_what_follows_in_one_phase_is_one_bar() -> None:
    """The four layers of a ring's 64 lanes, each phase run together."""
    spans = ring(64).trace.spans
    own = [span for span in spans if span.processor == "gpu0"]
    assert [(bar.phase, bar.end_ps - bar.start_ps) for bar in joined_bars(own, {}, 0)] == [
        ("forward", 200 * US),
        ("gradient", 200 * US),
        ("update", 50 * US),
    ]


def lonely(count: int, kinds: int) -> Result:
    """So many GPUs that compute without one another, each one of so many lengths of time."""
    spans = [compute(0, (100 + number % kinds) * US, on=f"gpu{number}") for number in range(count)]
    return made(in_order(spans), count, "lonely")


def test_those_alike_are_drawn_once() -> None:
    """96 processors of three kinds are three lanes, and the title says so."""
    drawn = timeline(lonely(96, 3))
    assert [row.label for row in drawn.rows if row.label] == [
        *("gpu0 and 31 alike", "gpu1 and 31 alike", "gpu2 and 31 alike")
    ]
    assert drawn.note == "96 processors, those alike drawn once"
    title = timeline_figure(lonely(96, 3)).axes[0].get_title(loc="left")
    assert title.endswith("(96 processors, those alike drawn once)")


def test_representatives_of_still_more() -> None:
    """Of 80 that all differ 64 are shown, evenly chosen."""
    drawn = timeline(lonely(80, 80))
    labels = [row.label for row in drawn.rows if row.label]
    assert len(labels) == 64
    assert labels[:5] == ["gpu0", "gpu1", "gpu2", "gpu3", "gpu5"]
    assert drawn.note == "64 of 80 processors, evenly chosen"
    assert timeline(lonely(64, 64)).note == ""


def test_staircase() -> None:
    """Each stage starts one forward pass and one transfer after the one before; bars have their numbers."""
    drawn = timeline(staircase(4, 3))
    assert drawn.key == NUMBERS
    stages = [row for row in drawn.rows if row.label in ("gpu0", "gpu1", "gpu2", "gpu3")]
    assert [row.bars[0].start_ps // US for row in stages] == [0, 12, 24, 36]
    for row in stages:
        assert [(bar.phase, *bar.labels, bar.shaded) for bar in row.bars] == [
            (phase, str(number), number == 1) for phase in ("forward", "gradient") for number in range(3)
        ]


def test_staircase_of_64_stages() -> None:
    """The same on lanes."""
    drawn = timeline(staircase(64, 4))
    assert (drawn.compact, drawn.key, len(drawn.rows)) == (True, NUMBERS, 128)
    starts = [row.bars[0].start_ps // US for row in drawn.rows if row.label]
    assert starts == [12 * stage for stage in range(64)]


def test_microbatches_are_told_by_what_is_done_twice() -> None:
    """Two tasks alike in one step are two micro-batches; the same in two steps is one in each."""
    twice = in_order([compute(0, 5), compute(5, 9, 0), compute(9, 12, 1, layer="b")])
    assert microbatches(twice) == {0: 0, 1: 1}
    steps = in_order([compute(0, 5), compute(5, 9, 0, step=1)])
    assert microbatches(replace(steps, step_ends_ps=(5, 9))) == {}


def bars(measured: Trace, least_gap_ps: int) -> list[tuple[int, int]]:
    """Start and end of the joined bars of a trace."""
    return [(bar.start_ps, bar.end_ps) for bar in joined_bars(measured.spans, {}, least_gap_ps)]


def test_gaps_that_cannot_be_seen_are_closed() -> None:
    """A gap of 2 is drawn unless 2 is less than a pixel."""
    measured = in_order([compute(0, 5), compute(7, 9, layer="b"), compute(9, 12, 1, layer="c")])
    assert bars(measured, 1) == [(0, 5), (7, 12)]
    assert bars(measured, 2) == [(0, 12)]


def test_sums_go_with_the_micro_batch_before_them() -> None:
    """What is added up after a gradient task is part of its bar."""
    first, second = compute(0, 5), compute(7, 9, 1)
    added = replace(compute(5, 7, 0), kind=TaskKind.SUM, layer="b")
    measured = in_order([first, added, second])
    drawn = joined_bars(measured.spans, microbatches(measured), 0)
    assert [(bar.start_ps, bar.end_ps, bar.labels) for bar in drawn] == [(0, 7, ("0",)), (7, 9, ("1",))]


def test_transfers_that_overlap_are_one_bar() -> None:
    """0-6 and 2-8 on one link are drawn as 0-8, exchanges after loads."""
    spans = [transfer(0, 6), transfer(2, 8), transfer(10, 12)]
    assert [(bar.start_ps, bar.end_ps) for bar in busy_bars(spans)] == [(0, 8), (10, 12)]
