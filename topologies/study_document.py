"""Studies as YAML writes them: a base experiment, and what each variant sets in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Len, Lt
from pydantic import AfterValidator, ConfigDict, Field

from dataflow.layers import Count
from dataflow.seeds import seeds_of
from dataflow.studies.study import Measure
from topologies.constants import STRICT, Source
from topologies.tree import Keys

SEEDS = tuple(range(5))
"""Where a study names none."""


def _listed(text: str) -> str:
    """A list of seeds as the command line takes it. Raises ValueError for anything else."""
    seeds_of(text)
    return text


Seeds = tuple[Annotated[int, Ge(0)], ...] | Annotated[str, AfterValidator(_listed)]


@dataclass(frozen=True, kw_only=True)
class UntilDocument:
    """What steps are counted to. train_error: share of the training examples that are misjudged."""

    train_error: Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True, kw_only=True)
class VariantDocument:
    """One experiment of a study.

    set: fields by their dotted paths, to values; ``{}`` for the base as it is. base: another experiment than
    the study's.
    """

    set: Mapping[str, Any]
    base: Source | None = None
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class StudyDocument:
    """Variants of an experiment, each trained from several seeds (``training``) or simulated (``time``).

    base: an experiment: its name, or a path from this file's folder. variants: the others are compared with
    the first. epochs, seeds: of each training; seeds are a list, or such as ``0..4``. until: count steps
    until this is reached.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Annotated[str, Field(pattern=r"^[^/\\.][^/\\]*$")]
    base: Source
    variants: Annotated[Mapping[str, VariantDocument], Len(1)]
    measure: Measure = "training"
    epochs: Count | None = None
    seeds: Seeds | None = None
    until: UntilDocument | None = None
    description: str = ""

    @property
    def seeds_asked(self) -> tuple[int, ...]:
        """The seeds of each training."""
        if self.measure == "time":
            return ()
        if self.seeds is None:
            return SEEDS
        return seeds_of(self.seeds) if isinstance(self.seeds, str) else self.seeds


def study_faults(document: StudyDocument) -> Iterator[tuple[Keys, str]]:
    """Where a study contradicts itself, and how."""
    if document.measure == "training":
        if document.epochs is None:
            yield ("epochs",), "is missing; say how many each training has, as epochs: 10"
        if isinstance(document.seeds, tuple) and (
            not document.seeds or len(set(document.seeds)) < len(document.seeds)
        ):
            yield ("seeds",), "must be one or more, each once, such as 0..4"
    else:
        for name in ("epochs", "seeds", "until"):
            if getattr(document, name) is not None:
                yield (name,), "nothing is trained where time is measured; leave it out, or measure: training"
    yield from _variant_faults(document)


def _variant_faults(document: StudyDocument) -> Iterator[tuple[Keys, str]]:
    found: list[tuple[str, VariantDocument]] = []
    for name, variant in document.variants.items():
        if not name.strip() or name.startswith(".") or "/" in name or "\\" in name:
            rule = "leave out '/' and '\\' and a '.' at its beginning"
            yield ("variants", name), f"{name!r} cannot name a folder of results: {rule}"
        for other, before in found:
            if (variant.set, variant.base) == (before.set, before.base):
                yield ("variants", name), f"sets the same as {other!r}; change one of them or leave it out"
                break
        found.append((name, variant))
