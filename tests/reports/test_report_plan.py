"""What a report says of its plan: every field that was set is told, in JSON and in words."""

from __future__ import annotations

from dataclasses import replace

from dataflow.plan import CollectiveRule, Pipeline, Plan, Rule, Split
from reports import report_json, report_markdown
from reports.plan_rules import rules, settings
from reports.plan_schema import PlanEntry
from tests.reports.worlds import tiny_result

PLAN = Plan(
    mesh={"data": 2, "stage": 2},
    shares={"data": (3, 1)},
    layers={
        "*": Rule(shard={"batch": "data"}, microbatches=4, recompute=True),
        "fc*": Rule(
            shard={"channel": ("data", "stage")},
            at={"stage": 1},
            gradient=Split(shard={"batch": "data"}),
            update=Split(on=("gpu1",)),
            store={"velocity": "data"},
        ),
    },
    pipeline=Pipeline(axis="stage", cuts=("fc6",)),
    microbatches=8,
    order="gpipe",
    bucket_bytes=25_000_000,
    collectives={
        "all-reduce": CollectiveRule(algorithm="server", pieces=2, server="host"),
        "*": CollectiveRule(),
    },
)


def test_rules_in_words() -> None:
    """Dimensions with all their axes, places, tasks that are placed apart, stores and recomputation."""
    grid = rules(PlanEntry.model_validate(PLAN))
    assert grid.rows == (
        ("`*`", "batch over data", "the mesh", "4 micro-batches; activations computed again"),
        (
            "`fc*`",
            "channel over data+stage",
            "the mesh at stage 1",
            "gradient batch over data on the mesh; update whole on gpu1; kept in shards: velocity over data",
        ),
    )
    assert grid.note.startswith("mesh {data: 2, stage: 2}")


def test_settings_in_words() -> None:
    """What holds for all layers; a plan that says nothing of it has no such table."""
    assert settings(PlanEntry.model_validate(PLAN)).rows == (
        ("pipeline", "along stage, cut before fc6"),
        ("micro-batches", "8, in the order gpipe"),
        ("shares of data", "3 : 1"),
        ("gradient buckets", "25.00 MB"),
        ("collective all-reduce", "server through host in 2 pieces"),
        ("collective *", "auto"),
    )
    assert settings(PlanEntry.model_validate(Plan())).rows == ()


def test_plan_in_a_report() -> None:
    """report.json has every field, with axes as lists; report.md both tables."""
    result = tiny_result()
    planned = replace(result, experiment=replace(result.experiment, plan=PLAN))
    plan = report_json(planned)["plan"]
    assert plan["layers"]["fc*"]["shard"] == {"channel": ["data", "stage"]}
    assert (plan["pipeline"], plan["microbatches"]) == ({"axis": "stage", "cuts": ["fc6"]}, 8)
    assert PlanEntry.model_validate(PLAN).model_dump().keys() == {
        field for field in vars(PLAN) if not field.startswith("_")
    }
    page = report_markdown(planned)
    assert "## Plan\n" in page
    assert "## Plan of all layers\n" in page
