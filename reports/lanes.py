"""Lanes: spans of one resource that overlap, side by side."""

from __future__ import annotations

from collections.abc import Iterable

from dataflow.trace import Span


def lanes(spans: Iterable[Span]) -> list[list[Span]]:
    """The spans in as few lists as keep any two of one list from overlapping, in order of time.

    A resource that does one thing at a time has one lane, a processor with two copy engines two.
    """
    found: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (span.start_ps, span.end_ps, span.index)):
        for lane in found:
            if lane[-1].end_ps <= span.start_ps:
                lane.append(span)
                break
        else:
            found.append([span])
    return found
