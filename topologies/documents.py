"""Networks, plans and experiments as YAML writes them.

Their fields are those of the engine's own dataclasses, which stay the one definition;
here stands only what YAML writes in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, TypeAdapter

from dataflow.experiment import Training
from dataflow.layers import Count, LayerSpec
from dataflow.network import Network
from dataflow.plan import Plan, Rule
from topologies.find import Kind
from topologies.hardware_document import STRICT, HardwareDocument, Name, Source
from topologies.tree import describe

Made = TypeVar("Made", Network, Plan, Rule)
Checked = TypeVar("Checked", bound="Document")

FolderName = Annotated[str, Field(pattern=r"^[^/\\.][^/\\]*$")]
"""A name that a folder may have: no path, nor hidden."""


def _listed(value: object) -> tuple[object, ...]:
    """A list, or one processor for a list of one."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError(f"must be the name of a processor or a list of names, got {describe(value)}")


@dataclass(frozen=True, kw_only=True)
class NetworkDocument(Network):
    """A neural network: layers in order; each reads the one before unless it names its ``input``.

    input: (channels, height, width) of one image. classes: how many labels there are.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Source
    layers: Mapping[Name, Annotated[LayerSpec, Discriminator("op")]]


@dataclass(frozen=True, kw_only=True)
class RuleDocument(Rule):
    """How layers are placed: loops sharded over mesh axes, or the processors they run ``on``.

    shard: dimension (such as ``channel``, ``batch``, ``height``) to mesh axis. on: one
    processor or several, in place of the whole mesh; several form an axis called ``on``.
    """

    on: Annotated[
        tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])
    ] = ()


@dataclass(frozen=True, kw_only=True)
class PlanDocument(Plan):
    """A mesh of processors and a rule for each layer; of the patterns that match, the last wins.

    mesh: axis name to length, the last axis fastest. processors: those of the mesh, in
    order; all of the hardware's when left out. layers: name pattern (``*``, ``conv?``) to rule.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    mesh: Mapping[Name, Count] = field(default_factory=dict)
    layers: Mapping[str, RuleDocument] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ExperimentDocument:
    """A network, a machine, a plan, and how to train. name: also that of its report's folder."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: FolderName
    network: NetworkDocument
    hardware: HardwareDocument
    plan: PlanDocument = field(default_factory=PlanDocument)
    training: Training = field(default_factory=Training)
    backend: Source = "numpy"
    description: str = ""


Document = ExperimentDocument | NetworkDocument | HardwareDocument
_CLASSES: dict[Kind, type[Document]] = {
    "experiment": ExperimentDocument,
    "network": NetworkDocument,
    "hardware": HardwareDocument,
}


@cache
def _adapter(kind: Kind) -> TypeAdapter[Any]:
    return TypeAdapter(_CLASSES[kind])


def checked(made: type[Checked], text: str) -> Checked:
    """The document of class ``made`` in a text of JSON. Raises pydantic's ValidationError."""
    kind = next(kind for kind, document in _CLASSES.items() if document is made)
    document: Checked = _adapter(kind).validate_json(text)
    return document


@cache
def plain_schema(kind: Kind) -> dict[str, Any]:
    """The JSON schema of a document of this kind, when all that it refers to is put in place."""
    return _adapter(kind).json_schema()


def network_of(document: NetworkDocument) -> Network:
    """The engine's network that a document describes."""
    return _engine(Network, document)


def plan_of(document: PlanDocument) -> Plan:
    """The engine's plan that a document describes."""
    rules = {pattern: _engine(Rule, rule) for pattern, rule in document.layers.items()}
    return Plan(mesh=document.mesh, processors=document.processors, layers=rules)


def _engine(made: type[Made], document: Made) -> Made:
    """An object of the engine's own class with the fields of a document derived from it."""
    return made(**{each.name: getattr(document, each.name) for each in fields(made)})
