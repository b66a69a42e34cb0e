"""The part of a run that a picture shows, and the axis of time it is drawn on."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.trace import Trace

STEPS_SHOWN = 2
"""More steps than this would leave none of them legible, and they look alike."""

STREAMED_STEPS_SHOWN = 6
"""Of steps that stream through a pipeline, several of which are under way at once."""

_COLD_START_SHOWN = 0.25
_UNITS = ((1e12, "s"), (1e9, "ms"), (1e6, "us"), (1e3, "ns"))


@dataclass(frozen=True)
class Window:
    """From start_ps to end_ps; time 0 of the axis is zero_ps, when step 0 could begin."""

    start_ps: int
    end_ps: int
    zero_ps: int
    steps: int
    all_steps: int
    ps_per_unit: float
    unit: str

    def at(self, time_ps: float) -> float:
        """A simulated time on the axis."""
        return (time_ps - self.zero_ps) / self.ps_per_unit

    def length(self, time_ps: float) -> float:
        """A span of time on the axis."""
        return time_ps / self.ps_per_unit

    def has(self, start_ps: int, end_ps: int) -> bool:
        """Whether any of a span is shown."""
        return end_ps > self.start_ps and start_ps < self.end_ps

    @property
    def limits(self) -> tuple[float, float]:
        """Both ends on the axis."""
        return self.at(self.start_ps), self.at(self.end_ps)

    @property
    def told(self) -> str:
        """Which steps are shown, if not all."""
        return "" if self.steps == self.all_steps else f"first {self.steps} of {self.all_steps} steps"


def window_of(trace: Trace, most: int = STEPS_SHOWN) -> Window:
    """At most so many first steps, and the cold start before them unless that would take much room."""
    steps = min(most, trace.steps)
    end_ps = trace.step_ends_ps[steps - 1]
    short = trace.start_ps <= _COLD_START_SHOWN * (end_ps - trace.start_ps)
    start_ps = 0 if short else trace.start_ps
    length_ps = end_ps - start_ps
    worth, unit = next(((worth, unit) for worth, unit in _UNITS[1:] if length_ps >= 2 * worth), _UNITS[-1])
    if length_ps >= 100 * _UNITS[0][0]:
        worth, unit = _UNITS[0]
    return Window(start_ps, end_ps, trace.start_ps, steps, trace.steps, worth, unit)
