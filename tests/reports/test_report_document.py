"""report.json: what is in it, its schema, and that it is strict JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import jsonschema
import pytest

from dataflow.errors import ReportError
from dataflow.result import Result
from reports import report_json, report_schema
from tests.reports.worlds import alexnet_result, tiny_result, verification

DOCS = Path(__file__).parents[2] / "docs"

PROMISED = {
    "bubble": {"fraction", "span_s", "processors"},
    "network": {"name", "parameters", "examples", "macs_per_image", "forward_flop_per_image"},
    "verification": {
        "passed",
        "reference",
        "worst_tensor",
        "max_relative_error",
        "tolerance",
        "tensors",
    },
}
PROMISED_OF_EACH = {
    "processors": {"busy_s", "utilisation", "peak_memory_bytes", "communication_exposed_s"},
    "links": {"bytes", "busy_s", "utilisation", "movements"},
    "traffic": {"source", "destination", "transfers", "bytes", "loaded_bytes", "busy_s", "movements"},
    "collectives": {"name", "transfers", "bytes", "busy_s", "exposed_s"},
    "dimensions": {"name", "transfers", "bytes", "busy_s", "exposed_s"},
    "transfers": {"layer", "phase", "source", "destination", "bytes", "start_s", "end_s"},
    "layers": {"name", "phase", "time_s", "flop", "bytes", "exposed_s", "hidden_s"},
    "critical_path": {"what", "time_s", "share"},
    "constants": {"path", "value", "source", "where"},
}
PLAIN = {
    *("version", "experiment", "step_time_s", "images_per_s", "seed", "versions", "training_days"),
    *("cold_start_s", "losses", "batch", "steps", "dtype", "backend", "phases", "memories"),
    *("transfer_latency", "limits", "overrides", "warnings"),
}


def strict(result: Result) -> str:
    """The report as text; fails on what JSON cannot write."""
    return json.dumps(report_json(result), allow_nan=False)


def test_every_promised_field_is_there() -> None:
    """The names others rely on are in the report of a real run."""
    document = report_json(alexnet_result())
    assert document.keys() >= PLAIN | PROMISED.keys() | PROMISED_OF_EACH.keys()
    for field, names in PROMISED.items():
        assert document[field].keys() >= names
    for field, names in PROMISED_OF_EACH.items():
        found = document[field]
        entries = found.values() if isinstance(found, dict) else found
        assert entries
        assert all(entry.keys() >= names for entry in entries), field


def test_numbers_are_those_of_the_network_and_the_metrics() -> None:
    """AlexNet's counts, and the exchanges of the two towers in bytes."""
    result = alexnet_result()
    document = report_json(result)
    assert document["network"]["parameters"] == 60_965_224
    assert document["network"]["macs_per_image"] == 724_406_816
    assert document["step_time_s"] == result.metrics.step_time_s
    assert document["links"]["gpu0->switch"]["bytes"] == 30_015_488
    sent = {(pair["source"], pair["destination"]): pair["bytes"] for pair in document["traffic"]}
    assert sent["gpu0", "gpu1"] == sent["gpu1", "gpu0"] == 30_015_488
    assert len(document["transfers"]) == len(result.metrics.transfers)
    use = document["processors"]["gpu0"]
    assert use["attained_flops"] == use["flop"] / document["step_time_s"]


def test_holdings_are_the_largest_and_the_rest_is_counted() -> None:
    """Shown holdings and the others add up to the peak."""
    memory = report_json(alexnet_result())["memories"]["gpu0"]
    shown = [holding["bytes"] for holding in memory["holdings"]]
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) + memory["other_bytes"] == memory["peak_bytes"] == sum(memory["by_kind"].values())


def test_published_schema_is_the_models() -> None:
    """docs/report.schema.json is what the models say; ``reports.report_schema()`` prints it."""
    assert json.loads((DOCS / "report.schema.json").read_text()) == report_schema()


@pytest.mark.parametrize("result", [alexnet_result(), tiny_result()], ids=["alexnet", "tiny"])
def test_real_reports_fit_the_schema(result: Result) -> None:
    """A report that was written to text and read again is valid."""
    jsonschema.validate(json.loads(strict(result)), report_schema())


def test_every_field_is_documented() -> None:
    """docs/report.md names each top-level field."""
    text = (DOCS / "report.md").read_text()
    assert [name for name in report_json(tiny_result()) if f"`{name}`" not in text] == []


def test_report_is_the_same_each_time() -> None:
    """Field order and values do not depend on anything but the result."""
    assert strict(tiny_result()) == strict(tiny_result())
    assert list(report_json(tiny_result()))[:2] == ["version", "experiment"]


def test_what_is_not_finite_is_null() -> None:
    """A loss or an error that is not a number is written as null, and does not pass."""
    checked = verification({"good@0": 1e-9, "bad@0": nan, "worse@0": inf})
    document = json.loads(strict(replace(tiny_result(), losses=(nan, 1.0), verification=checked)))
    assert document["losses"] == [None, 1.0]
    assert document["verification"]["passed"] is False
    assert document["verification"]["worst_tensor"] == "worse@0"
    assert document["verification"]["max_relative_error"] is None
    jsonschema.validate(document, report_schema())


def test_metric_that_is_not_finite_is_an_error() -> None:
    """A step time of infinity is refused with its name."""
    result = tiny_result()
    broken = replace(result, metrics=replace(result.metrics, step_time_s=inf))
    with pytest.raises(ReportError, match=r"report of 'tiny': inf \(Report step_time_s\) cannot be written"):
        report_json(broken)


def test_run_without_values_or_verification() -> None:
    """A simulation alone has no losses and no verification."""
    document = report_json(replace(tiny_result(), backend="null", losses=None, verification=None))
    assert (document["losses"], document["verification"], document["backend"]) == (None, None, "null")


def test_verification_of_nothing_has_no_worst_tensor() -> None:
    """Nothing compared is no pass and has no worst tensor."""
    document = report_json(replace(tiny_result(), verification=verification({})))
    assert document["verification"]["worst_tensor"] is None
    assert document["verification"]["passed"] is False
