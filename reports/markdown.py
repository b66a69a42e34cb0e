"""report.md: everything a run has to say, for a person who wants to check it."""

from __future__ import annotations

from collections.abc import Iterator

from dataflow.result import Result
from reports import (
    communication_tables,
    content,
    core_tables,
    headline,
    input_tables,
    pictures,
    pipeline_tables,
    plan_rules,
    precision_tables,
    units,
    values_table,
)
from reports.document import report_of
from reports.grid import Grid
from reports.schema import Report, VerificationEntry

_WORST_TENSORS = 15
_SLOWEST_TRANSFERS = 15

_ROWS = 60
"""Of what there is once for each processor and layer, or pair of memories and layer."""

_TENSORS_IN_FORMATS = 40

_HOW_TO_READ = """\
All times are simulated. Times, bytes and FLOP are those of one step, averaged over the steps that
were run; the cold start (the first batch's load) is in none of them. MB = 1,000,000 bytes.

- **Exposed** communication is time in which a processor was idle because what it needed next was
  on its way; **hidden** communication went on behind its computation and cost nothing.
- The **bubble** is the idle share of the processors that have forward or gradient tasks, from the
  first of these tasks to the end of the last gradient task of a step.
- **Waiting for others** is time in which it was idle because another processor had yet to compute.
- The **critical path** goes from the end of the last task back to the beginning, each time to what
  the task had waited for. Making anything else faster changes nothing, at first.
- **Bound** says what set a layer's time: arithmetic (`compute`), memory bandwidth (`memory`), the
  overhead of starting it (`launch`), a shared engine of the memory (`engine`), or, where it has no
  computation, the `link`.
- `report.json` has all of this for programs; `trace.json` opens in <https://ui.perfetto.dev>."""


def report_markdown(result: Result) -> str:
    """The text of report.md. Raises ReportError when a metric is not finite."""
    return markdown_of(report_of(result))


def markdown_of(report: Report) -> str:
    """The text of report.md from a report that is there already."""
    sections = (
        _head(report),
        "\n\n".join(f"![{what}]({file})" for file, what in pictures.of(report).items()),
        f"## How to read this\n\n{_HOW_TO_READ}",
        "## What limits the step",
        *(_bullets(content.limit_sentences(report))),
        _section(_path(report)),
        *(_section(grid) for grid in _machine_grids(report)),
        _section(content.layers(report)),
        *_transfers(report),
        *_verification(report.verification),
        *_numbers(report),
        *_inputs(report),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _section(grid: Grid) -> str:
    """A grid under its title; nothing when it has no rows."""
    if not grid.rows:
        return ""
    note = f"\n\n{grid.note[0].upper()}{grid.note[1:]}." if grid.note else ""
    return f"## {grid.title}\n\n{grid.markdown()}{note}"


def _bullets(lines: list[str]) -> Iterator[str]:
    if lines:
        yield "\n".join(f"- {line}" for line in lines)


def _head(report: Report) -> str:
    facts = Grid(
        "",
        ("", "of this run"),
        (
            (f"{core_tables.step(report)} time", units.duration(report.step_time_s)),
            ("throughput", content.rate(report)),
            *_training(report),
            ("cold start", units.duration(report.cold_start_s)),
            *headline.lines(report),
            ("limited by", content.limiting(report)),
            ("verification", content.verdict(report.verification)),
            ("network", _network(report)),
        ),
        left=("of this run",),
    )
    description = f"{report.description}\n\n" if report.description else ""
    warnings = "".join(f"\n\n> **Warning:** {warning}" for warning in report.warnings)
    title = f"# {report.experiment}\n\n{description}{content.setting(report)}."
    return f"{title}{warnings}\n\n{facts.markdown()}"


def _training(report: Report) -> Iterator[tuple[str, str]]:
    """What only a training step says."""
    if report.mode == "training":
        yield "training", content.training_time(report)
        yield "loss", content.loss(report)


def _network(report: Report) -> str:
    network = report.network
    return (
        f"{network.name}: {network.parameters:,} parameters, {network.macs_per_image:,} MAC "
        f"({units.flop(network.forward_flop_per_image)}) forward an image"
    )


def _path(report: Report) -> Grid:
    rows = tuple(
        (part.what, units.duration(part.time_s), units.percent(part.share)) for part in report.critical_path
    )
    return Grid("Critical path", ("what", "time", "share"), rows)


def _machine_grids(report: Report) -> Iterator[Grid]:
    yield content.processors(report)
    yield input_tables.hosts(report)
    yield core_tables.cores(report)
    yield pipeline_tables.stages(report)
    yield pipeline_tables.buffers(report).first(2 * _ROWS)
    yield core_tables.bank_kinds(report)
    yield core_tables.memory_map(report).first(2 * _ROWS)
    yield Grid(
        "Exposed communication by layer",
        ("processor", "layer", "phase", "idle"),
        tuple(
            (name, by.layer, by.phase, units.duration(by.time_s))
            for name, use in report.processors.items()
            for by in sorted(use.exposed_by, key=lambda by: -by.time_s)
        ),
        left=("layer", "phase"),
    ).first(_ROWS)
    yield communication_tables.overlap(report)
    yield communication_tables.bubbles(report)
    yield Grid(
        "Busy time by phase",
        ("phase", "all processors together"),
        tuple((phase, units.duration(time_s)) for phase, time_s in report.phases.items()),
    )
    yield content.memories(report)
    yield Grid(
        "Largest tensors at the peak",
        ("memory", "tensor", "kind", "bytes"),
        tuple(
            (name, holding.tensor, holding.kind, f"{holding.bytes:,}")
            for name, use in report.memories.items()
            for holding in use.holdings[:8]
        ),
        left=("tensor", "kind"),
    ).first(2 * _ROWS)
    yield content.links(report)
    yield communication_tables.matrix(report)
    yield communication_tables.collectives(report)
    yield communication_tables.dimensions(report)


def _transfers(report: Report) -> Iterator[str]:
    movements = tuple(
        (f"{pair.source}->{pair.destination}", m.layer, m.phase, f"{m.bytes:,}", units.duration(m.time_s))
        for pair in report.traffic
        for m in pair.movements
    )
    columns: tuple[str, ...] = ("from->to", "layer", "phase", "bytes", "time")
    yield _section(Grid("What moved", columns, movements, left=("layer", "phase")).first(2 * _ROWS))
    slowest = sorted(report.transfers, key=lambda t: t.ready_s - t.end_s)[:_SLOWEST_TRANSFERS]
    rows = tuple(
        (
            f"{t.source}->{t.destination}",
            t.layer,
            t.phase,
            str(t.step),
            units.size(t.bytes),
            units.duration(t.end_s - t.ready_s),
            units.duration(t.start_s - t.ready_s),
        )
        for t in slowest
    )
    columns = ("from->to", "layer", "phase", "step", "bytes", "ready to end", "of it queueing")
    note = f"transfers in all steps: {content.latency(report)}"
    yield _section(Grid("Slowest transfers", columns, rows, left=("layer", "phase"), note=note))


def _verification(verification: VerificationEntry | None) -> Iterator[str]:
    yield "## Verification"
    told = content.verdict(verification)
    yield f"{told[0].upper()}{told[1:]}."
    if verification is None:
        return
    if verification.missing:
        yield f"Missing on one side: {', '.join(verification.missing)}."
    for grid in (content.tensors(verification, _WORST_TENSORS), content.tensor_kinds(verification)):
        yield _section(grid).replace("## ", "### ", 1)


def _numbers(report: Report) -> Iterator[str]:
    """What number formats cost, and where a network is small all of its values."""
    summary = precision_tables.summary(report)
    if summary:
        yield f"## Number formats\n\n{summary[0].upper()}{summary[1:]}."
        yield _section(precision_tables.tensors(report, _TENSORS_IN_FORMATS)).replace("## ", "### ", 1)
    yield _section(values_table.values(report))


def _inputs(report: Report) -> Iterator[str]:
    yield _section(plan_rules.rules(report.plan))
    yield _section(plan_rules.settings(report.plan))
    overrides = tuple((override.path, override.value) for override in report.overrides)
    yield _section(Grid("Set from outside", ("field", "value"), overrides, left=("value",)))
    constants = tuple((c.path, c.value, c.source, c.where) for c in report.constants)
    columns = ("constant", "value", "source", "where")
    yield _section(Grid("Constants", columns, constants, left=("value", "source", "where")))
    versions = tuple(report.versions.items())
    yield _section(Grid("Versions", ("of", "version"), versions, left=("version",)))
