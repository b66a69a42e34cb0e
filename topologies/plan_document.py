"""Plans as YAML writes them: who does which part of which layer, and in what order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict

from dataflow.layers import Count
from dataflow.plan import CollectiveRule, Control, Order, Pipeline, Plan, Rule, Split
from dataflow.planning import AutoPlan
from topologies.hardware_document import STRICT, Name
from topologies.tree import describe
from topologies.units import Measure

Made = TypeVar("Made", Plan, Rule, Split)


def _listed(value: object) -> tuple[object, ...]:
    """A list, or one processor for a list of one."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and value:
        return tuple(value)
    if isinstance(value, list | tuple):
        raise ValueError("names no processor; leave it out for the whole mesh")
    raise ValueError(f"must be the name of a processor or a list of names, got {describe(value)}")


def _algorithm(value: object) -> object:
    """The name of an algorithm, for a rule that says nothing else."""
    return {"algorithm": value} if isinstance(value, str) else value


Processors = Annotated[
    tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])
]
_BUCKET = Measure("size", "byte", "MB", whole=True, zero=True)


@dataclass(frozen=True, kw_only=True)
class SplitDocument(Split):
    """Which processors do a layer's work, and which slice of it each does.

    shard: dimension (such as ``channel``, ``batch``, ``height``, or ``group`` and ``head`` for
    whole ones) to mesh axis, or to several. at: mesh axis to coordinate: only the processors
    there. on: one processor or several, in place of the mesh; several form an axis ``on``.
    """

    on: Processors = ()


@dataclass(frozen=True, kw_only=True)
class RuleDocument(Rule):
    """How layers are placed.

    shard, at, on: who does their work and which slice of it. gradient, update: the same for
    these tasks, where they are placed apart from the forward tasks. microbatches: the batch in
    so many parts, one after the other. store: ``parameter``, ``gradient`` or ``velocity`` to a
    mesh axis along which it is kept in shards (ZeRO). recompute: whether activations are
    computed again for the gradients rather than kept.
    """

    on: Processors = ()
    gradient: SplitDocument | None = None
    update: SplitDocument | None = None


_SPACING = Measure("time", "picosecond", "us", whole=True)


@dataclass(frozen=True, kw_only=True)
class ControlDocument:
    """Who says when a task starts.

    kind: ``dataflow``, as soon as what it reads is there; ``static``, a controller signals each task then;
    ``dynamic``, the controller hands it to whichever core is free. spacing: with ``static``, forward tasks
    are signalled so far apart, whether what they read is there or not (race dropout).
    """

    kind: Literal["dataflow", "static", "dynamic"] = "dataflow"
    spacing: Annotated[int, _SPACING] | None = None


_Collective = Annotated[
    CollectiveRule, BeforeValidator(_algorithm, json_schema_input_type=str | CollectiveRule)
]


@dataclass(frozen=True, kw_only=True)
class PlanDocument:
    """A mesh of processors and a rule for each layer; of the patterns that match, the last wins.

    mesh: axis name to length, the last axis fastest. processors: those of the mesh, in order;
    all of the hardware's when left out. shares: axis to the proportions in which it is shared.
    layers: name pattern (``*``, ``conv?``) to rule. pipeline: stages along an axis; cuts: the first
    layer of each later one. microbatches: parts of the batch, one after the other. order: of
    micro-batches, ``gpipe`` or ``1f1b``. bucket: parameter gradients are exchanged together until
    they are so large. collectives: kind, such as ``all-reduce``, or ``*``, to an algorithm. auto: has
    the layers, and the mesh and the pipeline if they are left out, chosen by a search. control: who says
    when a task starts. buffers: samples that a buffer between two processors of a hardware pipeline
    holds. banks: tensor or pattern to the bank, or kind of bank, that it is kept in.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    mesh: Mapping[Name, Count] = field(default_factory=dict)
    processors: tuple[str, ...] = ()
    shares: Mapping[str, tuple[Count, ...]] = field(default_factory=dict)
    layers: Mapping[str, RuleDocument] = field(default_factory=dict)
    pipeline: Pipeline | None = None
    microbatches: Count = 1
    order: Order = "1f1b"
    bucket: Annotated[int, _BUCKET] = 0
    collectives: Mapping[str, _Collective] = field(default_factory=dict)
    control: ControlDocument = field(default_factory=ControlDocument)
    buffers: Count = 2
    banks: Mapping[str, str] = field(default_factory=dict)
    auto: AutoPlan | None = None


def plan_of(document: PlanDocument) -> Plan:
    """The engine's plan that a document describes."""
    given: dict[str, Any] = {
        each.name: getattr(document, each.name)
        for each in fields(document)
        if each.name not in ("bucket", "auto")
    }
    rules = {pattern: _rule(rule) for pattern, rule in document.layers.items()}
    control = Control(kind=document.control.kind, spacing_ps=document.control.spacing)
    return Plan(**given | {"layers": rules, "bucket_bytes": document.bucket, "control": control})


def _rule(document: RuleDocument) -> Rule:
    gradient = None if document.gradient is None else _engine(Split, document.gradient)
    update = None if document.update is None else _engine(Split, document.update)
    given = {each.name: getattr(document, each.name) for each in fields(Rule)}
    return Rule(**given | {"gradient": gradient, "update": update})


def _engine(made: type[Made], document: Made) -> Made:
    """An object of the engine's own class with the fields of a document derived from it."""
    return made(**{each.name: getattr(document, each.name) for each in fields(made)})
