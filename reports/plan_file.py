"""A plan written as the YAML of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from dataflow.plan import CollectiveRule, Plan, Rule, Split
from reports.document import Json

_WIDTH = 110


def plan_document(plan: Plan) -> Json:
    """What an experiment says under ``plan`` for this plan: all that is not what it would be anyway."""
    document = _differing(plan, Plan())
    document["layers"] = {pattern: _rule(rule) for pattern, rule in plan.layers.items()}
    if plan.pipeline is not None:
        document["pipeline"] = {"axis": plan.pipeline.axis, "cuts": list(plan.pipeline.cuts)}
    if plan.bucket_bytes:
        document["bucket"] = f"{document.pop('bucket_bytes')} B"
    if plan.collectives:
        document["collectives"] = {
            name: _differing(rule, CollectiveRule()) for name, rule in plan.collectives.items()
        }
    return document


def plan_yaml(plan: Plan, extends: str | None = None, comment: str = "") -> str:
    """The text of a YAML file with this plan.

    extends: the experiment with an automatic plan that it stands in for, so that the file is an
    experiment of its own; without one it is what to put into another in place of its plan.
    """
    import yaml

    document: Json = {"plan": plan_document(plan)}
    if extends is not None:
        name = extends.replace("\\", "/").rpartition("/")[2].removesuffix(".yaml")
        document["plan"] = {"auto": None, **document["plan"]}
        document = {"kind": "experiment", "name": f"{name}-planned", "extends": extends, **document}
    text: str = yaml.safe_dump(
        document, sort_keys=False, default_flow_style=None, width=_WIDTH, allow_unicode=True
    )
    return "".join(f"# {line}\n" for line in comment.splitlines()) + text


def _rule(rule: Rule) -> Json:
    document = _differing(rule, Rule())
    for name, split in (("gradient", rule.gradient), ("update", rule.update)):
        if split is not None:
            document[name] = _differing(split, Split())
    return document


def _differing(described: Plan | Rule | Split | CollectiveRule, default: object) -> Json:
    """The fields that differ from the default's, as YAML's own kinds of value."""
    return {
        each.name: _plain(getattr(described, each.name))
        for each in fields(described)
        if getattr(described, each.name) != getattr(default, each.name)
    }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
