"""Trained networks tested with examples that they have not learned from."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

from dataflow.data.options import DataOptions
from dataflow.errors import OptionError
from dataflow.experiment import Experiment
from dataflow.session.computing import check_learns, computing_backend
from dataflow.session.options import Progress, named
from dataflow.session.parts import check_part, class_names, part_of
from dataflow.session.simulating import versions
from dataflow.session.weights import file_of, weights_of
from dataflow.testing.evaluation import Evaluation
from dataflow.testing.predictions import predictions_of
from dataflow.training.archive import is_archive
from dataflow.training.checkpoint import Checkpoint, identity_of, load_checkpoint
from dataflow.training.data_set import DataSet, open_data_set
from dataflow.training.evaluation import Evaluator

CROPS = (1, 10)
"""Of how many crops of a picture softmax may be averaged."""

_DECISIVE = {"data": "data set", "network": "network", "training.pixels": "scaling of pixels"}
"""Fields of a checkpoint's identity that a test should share with the training."""


@dataclass(frozen=True)
class EvaluationOptions:
    """What a test may be asked for beyond its experiment.

    weights: a file, None for the checkpoint of the experiment's training. crops: one of CROPS. part: one of
    ``parts.PARTS``. data: which examples, and how they are read.
    """

    weights: str | None = None
    crops: int = 1
    part: str = "test"
    data: DataOptions = field(default_factory=DataOptions)

    def __post_init__(self) -> None:
        if self.crops not in CROPS:
            raise OptionError(f"crops {self.crops}: a test is of the centre (1) or of the paper's 10 crops")
        check_part(self.part)


def evaluate_experiment(
    experiment: Experiment, options: EvaluationOptions, progress: Progress | None = None
) -> Evaluation:
    """Tests an experiment's network, in the number formats and by the backend it is trained with.

    No machine is simulated. Raises OptionError for a mode in which nothing is trained, BackendError for a
    backend without values, WeightsError when there are no weights or those of another network, DataError when
    the examples do not suit it, and NumericError when a score is not finite.
    """
    check_learns(experiment)
    backend = computing_backend(experiment, "nothing can be tested")
    file = file_of(experiment, options.weights)
    state = weights_of(experiment, options.weights)
    checkpoint = load_checkpoint(file) if is_archive(file) else None
    surveying = named(progress, "reading all images once")
    with closing(open_data_set(experiment, options.data, surveying)) as data:
        part = part_of(data, options.part)
        evaluator = Evaluator(experiment, backend)
        what = f"testing with {options.crops} crops" if options.crops > 1 else "testing"
        said = predictions_of(evaluator, part, state, options.crops, named(progress, what))
    return Evaluation(
        experiment=experiment,
        backend=backend.name,
        data=data.description,
        part=options.part,
        weights=str(file),
        trained="" if checkpoint is None else _trained(checkpoint),
        classes=class_names(tuple(data.classes), experiment.network.classes),
        likely="score" if evaluator.powers is None else "probability",
        predictions=said,
        notes=(
            *data.notes,
            *([] if checkpoint is None else _what_is_different(checkpoint, experiment, data)),
            *_notes_on_crops(experiment, options.crops, said.crops),
        ),
        versions=versions(),
    )


def _trained(checkpoint: Checkpoint) -> str:
    """Such as ``seed 0, step 42 of 84``."""
    return f"seed {checkpoint.identity['seed']}, step {checkpoint.position.step:,} of {checkpoint.steps:,}"


def _what_is_different(checkpoint: Checkpoint, experiment: Experiment, data: DataSet) -> list[str]:
    """What of the training that the weights are from decides about a test, and is other than here."""
    was, now = checkpoint.identity, identity_of(experiment, data.identity)
    return [
        f"the weights are of a training with another {what}: {was[name]} there, {now[name]} here"
        for name, what in _DECISIVE.items()
        if was.get(name, now[name]) != now[name]
    ]


def _notes_on_crops(experiment: Experiment, wanted: int, shown: int) -> list[str]:
    """Where ten crops are fewer, or of a kind that the network has not been trained with."""
    notes = []
    if shown < wanted:
        different = "is 1 crop" if shown == 1 else f"are {shown} different crops"
        notes.append(f"there {different} of each example, not {wanted}: the network reads too much of it")
    augmentation = experiment.training.augmentation
    if shown > 1 and augmentation is not None and not augmentation.flips:
        notes.append("half of the crops are mirrored, but the training has no flips")
    return notes
