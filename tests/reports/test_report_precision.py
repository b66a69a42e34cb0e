"""Number formats in reports, and the values of small networks."""

from __future__ import annotations

from dataclasses import replace
from math import nan

from reports import precision_tables, report_json, report_markdown, show_values
from reports.document import report_of
from reports.values_table import values
from tests.reports.cores import on_cards
from tests.reports.cores import values as two_tensors
from tests.reports.test_report_tables import text
from tests.reports.worlds import tiny_result


def test_what_the_format_costs_in_one_line() -> None:
    """10 of 1,204 numbers saturated; the weight is off by 0.001 of 0.5 and lost 50 of 200 updates."""
    assert precision_tables.summary(report_of(on_cards())) == (
        "q8.8, int32; worst conv.weight@1, off by 0.200 % of its largest (rms, against float32 on one "
        "processor); 0.831 % of all numbers saturated; updates lost to rounding: most in conv.weight@1, "
        "25.0 %"
    )
    assert precision_tables.summary(report_of(tiny_result())) == ""


def test_tensors_are_worst_first() -> None:
    """By rms error over scale; what has no reference is last."""
    grid = precision_tables.tensors(report_of(on_cards()), 2)
    assert grid.title == "Number formats: the worst 2 of 3 tensors"
    assert grid.rows == (
        ("conv.weight@1", "parameter", "q8.8", "1.0e-03", "4.0e-03", "0.200 %", "\N{MIDDLE DOT}", "25.0 %"),
        ("conv@0", "activation", "q8.8", "2.0e-03", "1.0e-02", "0.0500 %", "1.00 %", "\N{MIDDLE DOT}"),
    )
    every = precision_tables.tensors(report_of(on_cards()), 10)
    assert every.rows[2][:6] == ("labels@0", "batch", "int32", "-", "-", "-")


def test_page_and_json_have_the_formats() -> None:
    """report.md has a section, report.json every number; neither of floating point."""
    page = report_markdown(on_cards())
    assert "## Number formats\n\nQ8.8, int32; worst" in page
    assert "### Number formats, tensor by tensor" in page
    assert "## Values" in page
    found = report_json(on_cards())["precision"]
    assert found["reference"] == "float32 on one processor"
    assert found["tensors"][1]["underflowed"] == 50
    assert report_json(tiny_result())["precision"] is None
    assert "Number formats" not in report_markdown(tiny_result())


def test_every_value_stands_beside_float32s() -> None:
    """A row for each row of a matrix; digits that say nothing are left out."""
    grid = values(report_of(on_cards()))
    assert grid.columns == ("tensor", "kind", "values", "in float32")
    assert grid.rows == (
        ("hidden.weight@0[0]", "parameter, q8.8", "0.5  -0.25  1", "0.501  -0.25  1"),
        ("hidden.weight@0[1]", "", "0.00390625  0  -128", "0.0041  0  -130"),
        ("loss@0", "activation, float32", "0.693147", "-"),
    )


def test_axes_of_length_one_do_not_count() -> None:
    """A weight of shape (2, 3, 1, 1) has two rows; what is not finite is said; tiny values keep digits."""
    weight, _ = two_tensors()
    tensor = replace(weight, shape=(2, 3, 1, 1), values=(1e-7, nan, 1.0, 2.0, 3.0, 4.0), reference=None)
    grid = values(report_of(replace(on_cards(), values=(tensor,))))
    assert grid.columns == ("tensor", "kind", "values")
    assert [row[2] for row in grid.rows] == ["1.000e-07  not finite  1", "2  3  4"]


def test_values_on_the_console() -> None:
    """The table, or why there is none."""
    assert "hidden.weight@0[0]" in text(show_values(on_cards()))
    assert "no values: values are shown of networks whose tensors have few" in text(
        show_values(tiny_result())
    )
