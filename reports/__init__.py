"""Reports of a run: console tables, report.md, report.json, trace.json and pictures.

Everything here reads a ``dataflow.result.Result`` or a report.json, never a live
simulation. The facade is lazy, so that importing it costs nothing:

    summary(result)                   the console summary of a run
    write(result, folder)             report.md, report.json, trace.json, pictures, communication.csv
    report_json(result)               what report.json holds; ``report_schema()`` its schema
    read_report(path)                 a report.json again
    report_markdown(result)           what report.md holds
    perfetto_trace(result)            what trace.json holds, for ui.perfetto.dev
    timeline_png, memory_png, communication_png     the pictures
    check_writable(folder)            whether write could
    show_verification, verification_json      how far every tensor is from the reference
    compare, compare_json             two reports side by side
    show_scaling, scaling_json, write_scaling   one experiment at several sizes
    show_network, show_hardware, show_plan    tables of what was described, before any run
    network_json, hardware_json, plan_json    the same as JSON
    draw_network, draw_hardware       and as pictures
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.communication_picture import communication_png
    from reports.comparison import compare, compare_json
    from reports.console import summary
    from reports.document import report_json, report_schema
    from reports.folder import check_writable, write
    from reports.hardware_picture import draw_hardware
    from reports.hardware_table import hardware_json, show_hardware
    from reports.markdown import report_markdown
    from reports.memory_chart import memory_png
    from reports.network_picture import draw_network
    from reports.network_table import network_json, show_network
    from reports.perfetto import perfetto_trace
    from reports.plan_file import plan_yaml
    from reports.plan_search_table import plan_search_json, show_plan_search
    from reports.plan_table import plan_json, show_plan
    from reports.reading import read_report
    from reports.scaling_files import write_scaling
    from reports.scaling_table import scaling_json, show_scaling
    from reports.timeline import timeline_png
    from reports.verification_table import show_verification, verification_json

_HOMES = {
    "check_writable": "folder",
    "communication_png": "communication_picture",
    "compare": "comparison",
    "compare_json": "comparison",
    "draw_hardware": "hardware_picture",
    "draw_network": "network_picture",
    "hardware_json": "hardware_table",
    "memory_png": "memory_chart",
    "network_json": "network_table",
    "perfetto_trace": "perfetto",
    "plan_json": "plan_table",
    "plan_search_json": "plan_search_table",
    "plan_yaml": "plan_file",
    "read_report": "reading",
    "report_json": "document",
    "report_markdown": "markdown",
    "report_schema": "document",
    "scaling_json": "scaling_table",
    "show_hardware": "hardware_table",
    "show_network": "network_table",
    "show_plan": "plan_table",
    "show_plan_search": "plan_search_table",
    "show_scaling": "scaling_table",
    "show_verification": "verification_table",
    "summary": "console",
    "timeline_png": "timeline",
    "verification_json": "verification_table",
    "write": "folder",
    "write_scaling": "scaling_files",
}

__all__ = [
    "check_writable",
    "communication_png",
    "compare",
    "compare_json",
    "draw_hardware",
    "draw_network",
    "hardware_json",
    "memory_png",
    "network_json",
    "perfetto_trace",
    "plan_json",
    "plan_search_json",
    "plan_yaml",
    "read_report",
    "report_json",
    "report_markdown",
    "report_schema",
    "scaling_json",
    "show_hardware",
    "show_network",
    "show_plan",
    "show_plan_search",
    "show_scaling",
    "show_verification",
    "summary",
    "timeline_png",
    "verification_json",
    "write",
    "write_scaling",
]


def __getattr__(name: str) -> object:
    """Imports what is asked for when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'reports' has no attribute {name!r}")
    return getattr(import_module(f"reports.{_HOMES[name]}"), name)
