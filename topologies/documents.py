"""Networks and experiments as YAML writes them.

Their fields are those of the engine's own dataclasses, which stay the one definition;
here stands only what YAML writes in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Discriminator, Field, TypeAdapter

from dataflow.experiment import Mode
from dataflow.layers import LayerSpec
from dataflow.network import Network
from topologies.find import Kind
from topologies.hardware_document import STRICT, HardwareDocument, Name, Source
from topologies.packets_document import PacketsDocument
from topologies.plan_document import PlanDocument
from topologies.study_document import StudyDocument
from topologies.training_document import TrainingDocument

Checked = TypeVar("Checked", bound="Document")

FolderName = Annotated[str, Field(pattern=r"^[^/\\.][^/\\]*$")]
"""A name that a folder may have: no path, nor hidden."""


@dataclass(frozen=True, kw_only=True)
class NetworkDocument(Network):
    """A neural network: layers in order; each reads the one before unless it names its ``input``.

    input: (channels, height, width) of one image, or ``tokens``, how many one sequence has.
    classes: how many labels there are; of tokens, the vocabulary.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Source
    layers: Mapping[Name, Annotated[LayerSpec, Discriminator("op")]]
    state_dict: Mapping[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ExperimentDocument:
    """A network, a machine, a plan, and how to train. name: also that of its report's folder.

    mode: what a step is: of ``training``; of ``inference``, one sample after the other; or of a
    ``pipeline``, in which samples stream through the processors.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: FolderName
    network: NetworkDocument
    hardware: HardwareDocument
    plan: PlanDocument = field(default_factory=PlanDocument)
    training: TrainingDocument = field(default_factory=TrainingDocument)
    mode: Mode = "training"
    backend: Source = "numpy"
    description: str = ""


Document = ExperimentDocument | NetworkDocument | HardwareDocument | PacketsDocument | StudyDocument
_CLASSES: dict[Kind, type[Document]] = {
    "experiment": ExperimentDocument,
    "network": NetworkDocument,
    "hardware": HardwareDocument,
    "packets": PacketsDocument,
    "study": StudyDocument,
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
    return Network(**{each.name: getattr(document, each.name) for each in fields(Network)})
