"""Studies read: each variant becomes an experiment of its own, with faults where the study says it."""

from __future__ import annotations

from collections.abc import Sequence

from dataflow.errors import TopologyError
from dataflow.experiment import Experiment
from dataflow.override import Override
from dataflow.studies.study import Study, Variant
from topologies.find import find, is_path
from topologies.override import Setting
from topologies.reading import Reading, read_experiment
from topologies.study_document import StudyDocument, study_faults
from topologies.tree import Fault, Node, dotted


def read_study(name: str, overrides: Sequence[Override]) -> Study:
    """The study of a name or path; see ``topologies.load_study``."""
    reading = Reading(name, "study", ())
    document = reading.checked(StudyDocument)
    reading.faults += [
        Fault(reading.root.nearest(path).place, f"{dotted(path)}: {text}")
        for path, text in study_faults(document)
    ]
    reading.stop_at_faults()
    variants: list[Variant] = []
    refused: dict[str, str] = {}
    for variant, described in document.variants.items():
        node = reading.root.mapping["variants"].mapping[variant]
        try:
            variants.append(_variant(variant, described.description, node, reading.root, overrides))
        except TopologyError as fault:
            refused.setdefault(str(fault), variant)
    if refused:
        raise TopologyError(
            "\n".join(f"{reading.shown}: variant {variant!r}: {text}" for text, variant in refused.items())
        )
    return Study(
        name=document.name,
        variants=tuple(variants),
        measure=document.measure,
        epochs=document.epochs,
        seeds=document.seeds_asked,
        train_error=document.until.train_error if document.until else None,
        description=document.description,
    )


def _variant(name: str, description: str, node: Node, root: Node, overrides: Sequence[Override]) -> Variant:
    settings = [Setting(path, value) for path, value in node.mapping["set"].mapping.items()]
    return Variant(
        name=name,
        experiment=_experiment(node.mapping.get("base", root.mapping["base"]), overrides, settings),
        description=description,
        settings=tuple(setting.told for setting in settings),
    )


def _experiment(base: Node, overrides: Sequence[Override], settings: Sequence[Setting]) -> Experiment:
    """The base with what is set for the whole study, then for the variant."""
    named = str(base.content)
    path = find(named, "experiment", base.base, str(base.place))
    if is_path(named):
        if not path.exists():
            raise TopologyError(f"{base.place}: there is no such file: {path}")
        named = str(path)
    return read_experiment(named, overrides, settings)
