"""The summary of a run that the console shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dataflow.result import Result
from reports import (
    communication_tables,
    content,
    core_tables,
    headline,
    pipeline_tables,
    precision_tables,
    units,
)
from reports.document import report_of
from reports.grid import Grid
from reports.schema import Report

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROWS = 16
"""Processors, memories or links that a console shows; report.md and report.json have all."""

_FOLDED = 8
"""More rows than this are folded where they differ in their names alone."""

_TENSORS = 8
"""Tensors whose number format is shown."""

_WIDEST_MATRIX = 6
_PAIRS = 8
"""Memories whose matrix is no wider than a narrow console, and pairs that are shown of more."""


def summary(result: Result) -> RenderableType:
    """What a person wants to know of a run first, for ``rich.print``; fits 80 columns, better 100.

    Raises ReportError when a metric is not finite.
    """
    return summary_of(report_of(result))


def summary_of(report: Report) -> RenderableType:
    """The summary of a report that is there already."""
    grids = (
        *_machine(report),
        content.memories(report, kinds=4).folded(_FOLDED).first(_ROWS),
        content.links(report).folded(_FOLDED).first(_ROWS),
        *_communication(report),
        content.layers(report),
        precision_tables.tensors(report, _TENSORS),
    )
    return Group(
        Text.assemble((report.experiment, "bold"), f"  {content.setting(report)}"),
        Padding(_headline(report), (1, 0)),
        *(Padding(grid.rich(), (0, 0, 1, 0)) for grid in grids if grid.rows),
        *_warnings(report),
    )


def _machine(report: Report) -> tuple[Grid, ...]:
    """What processors did: in an address space where their time went, and what is stored where."""
    pipeline = (
        pipeline_tables.stages(report).first(_ROWS),
        pipeline_tables.buffers(report).first(_ROWS),
    )
    if not report.idleness:
        return content.processors(report).folded(_FOLDED).first(_ROWS), *pipeline
    banks = core_tables.memory_map(report, tensors=4).first(_ROWS)
    return core_tables.cores(report, _ROWS), *pipeline, core_tables.bank_kinds(report), banks


def _communication(report: Report) -> tuple[Grid, ...]:
    """The matrix where it fits, and what collectives and mesh axes took where there are any."""
    matrix = communication_tables.matrix(report, _WIDEST_MATRIX, _PAIRS)
    named = [time.name for time in (*report.collectives, *report.dimensions)]
    if set(named) <= {"send", "other", "load"}:
        return (matrix,)
    return (
        matrix,
        communication_tables.collectives(report).first(_ROWS),
        communication_tables.dimensions(report).first(_ROWS),
    )


def _headline(report: Report) -> Table:
    """Label and text, a line each: what most people will read and nothing else."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rate = f"{units.duration(report.step_time_s)}   {content.rate(report)}   "
    training = report.mode == "training"
    told = content.training_time(report) if training else ""
    table.add_row(core_tables.step(report), Text.assemble((rate, "bold"), told))
    if training:
        table.add_row("loss", Text(content.loss(report)))
    for label, text in headline.lines(report):
        table.add_row(label, Text(text))
    table.add_row("limited by", Text(content.limiting(report)))
    table.add_row("critical path", Text(content.critical_path(report)))
    if training and len(report.bubble.processors) > 1:
        table.add_row("bubble", Text(communication_tables.bubble(report)))
    table.add_row("transfers", Text(content.latency(report)))
    how = "load" if report.input is None else "prepare and load"
    cold = f"{units.duration(report.cold_start_s)} to {how} the first batch; in no other number here"
    table.add_row("cold start", Text(cold))
    table.add_row("verification", Text(content.verdict(report.verification), style=_style(report)))
    return table


def _style(report: Report) -> str:
    if report.verification is None:
        return ""
    return "green" if report.verification.passed else "bold red"


def _warnings(report: Report) -> list[Text]:
    told = [Text(f"set: {override.path} = {override.value}", style="dim") for override in report.overrides]
    return told + [Text(f"warning: {warning}", style="yellow") for warning in report.warnings]
