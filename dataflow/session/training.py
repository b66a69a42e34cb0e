"""Experiments trained: many steps with real data, values as placed, time as simulated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import backends
from dataflow.backend import Backend
from dataflow.errors import BackendError, DataflowError, InterruptedTrainingError, OptionError
from dataflow.experiment import DTYPES, Experiment
from dataflow.measurement import inference_latency
from dataflow.metrics import Latencies
from dataflow.numbers.arithmetic import Arithmetic
from dataflow.plan import Plan
from dataflow.planning.planned import planned
from dataflow.session.fitting import naming_the_batch_that_fits
from dataflow.session.options import Progress, named
from dataflow.session.placing import place_experiment
from dataflow.session.precision import counted
from dataflow.session.serving import answering_in
from dataflow.session.simulating import result_of, versions
from dataflow.training.checkpoint import Checkpoint, identity_of, save_checkpoint
from dataflow.training.curve import Curve
from dataflow.training.data_set import DataSet, open_data_set
from dataflow.training.evaluation import Evaluator
from dataflow.training.folder import begun, training_folder
from dataflow.training.loop import Loop, Moment, Position, curve_of, train
from dataflow.training.stepping import stepper_of
from dataflow.training.timing import StepTiming, time_steps
from dataflow.training.trained import Comparison, Examples, Trained
from dataflow.verification.references import one_processor

Tell = Callable[[Moment], None]

_UNTIMED = StepTiming("repeats", (), 0)
"""Of steps whose time on the machine means nothing."""


@dataclass(frozen=True)
class TrainingOptions:
    """What a training may be asked for beyond its experiment.

    epochs: in all. images: a data set's name, None for what suits the network. seeds: one training
    for each; none for the experiment's own. resume: go on from the checkpoints in the folder.
    checkpoint_every: so many epochs. against: a floating-point format in which the same is trained
    on one processor, None for no comparison. limits: whether to say what limits a step.
    """

    epochs: int
    images: str | None = None
    seeds: tuple[int, ...] = ()
    resume: bool = False
    checkpoint_every: int = 1
    against: str | None = None
    limits: bool = True

    def __post_init__(self) -> None:
        for what, count in (("epochs", self.epochs), ("checkpoint_every", self.checkpoint_every)):
            if count < 1:
                raise OptionError(f"training: {what} {count} must be at least 1")
        if self.against is not None and self.against not in DTYPES:
            raise OptionError(f"against {self.against!r} is no floating-point format: {', '.join(DTYPES)}")
        if len(set(self.seeds)) < len(self.seeds):
            raise OptionError(f"seeds {', '.join(map(str, self.seeds))}: each may be given once")


def train_experiment(
    experiment: Experiment,
    options: TrainingOptions,
    folder: str | Path,
    tell: Tell,
    stop: Callable[[], bool],
    progress: Progress | None = None,
) -> Trained:
    """Trains an experiment's network and keeps checkpoints in a folder.

    tell: is told of every step. stop: asked before every step; when it says so a checkpoint is written and
    InterruptedTrainingError raised. Where steps repeat in time a few are simulated, and all are
    computed in the order of one of them. Raises what the stages raise; NumericError when a value is not
    finite.
    """
    backend = _computing(experiment)
    data = open_data_set(experiment, options.images)
    experiment = planned(experiment, named(progress, "searching for a plan"))
    placed = place_experiment(experiment)
    with naming_the_batch_that_fits(experiment):
        timing, run = time_steps(placed)
    session = _Session(options, data, tell, stop)
    latency = session.latency(experiment)
    curves: list[Curve] = []
    compared: list[Curve] = []
    with training_folder(Path(folder)) as place:
        for seed in options.seeds or (experiment.training.seed,):
            seeded = replace(experiment, training=replace(experiment.training, seed=seed))
            curves.append(session.curve(seeded, backend, timing, place / f"checkpoint-seed{seed}.npz"))
            if options.against is not None:
                file = place / f"checkpoint-seed{seed}-{options.against}.npz"
                plain = _on_one_processor(seeded, options.against)
                compared.append(session.curve(plain, backends.get(plain.backend), _UNTIMED, file))
    count, batch = data.train.count, experiment.training.batch
    result = result_of(experiment, run, backend.name, computed=True, limits=options.limits)
    return Trained(
        result=replace(result, precision=counted(placed, backend)),
        timing=timing,
        epochs=options.epochs,
        steps=options.epochs * (count // batch),
        examples=Examples(data.description, count, data.test.count, count % batch),
        curves=tuple(curves),
        against=None if options.against is None else Comparison(options.against, tuple(compared)),
        notes=tuple(session.notes),
        latency=latency,
    )


def _computing(experiment: Experiment) -> Backend:
    """The backend, if there is anything to train with it."""
    backend = backends.get(experiment.backend)
    if experiment.mode != "training":
        raise OptionError(
            f"experiment {experiment.name!r} is of mode {experiment.mode!r}, in which nothing is learned; "
            "train it with --set mode=training"
        )
    if not backend.computes:
        raise BackendError(
            f"backend {experiment.backend!r} computes no values, so nothing is learned; "
            "choose another, such as 'numpy'"
        )
    return backend


def _on_one_processor(experiment: Experiment, dtype: str) -> Experiment:
    """The same training in floating point, unsplit; its times mean nothing."""
    training = replace(
        experiment.training,
        dtype=dtype,
        arithmetic=Arithmetic(),
        gradient="back-propagation",
        loss_scale=1.0,
    )
    return replace(
        experiment,
        hardware=one_processor(),
        plan=Plan(),
        backend="numpy",
        training=training,
    )


class _Session:
    """The trainings of one call. notes: what the user should know of them."""

    def __init__(self, options: TrainingOptions, data: DataSet, tell: Tell, stop: Callable[[], bool]) -> None:
        self.options = options
        self.data = data
        self.tell = tell
        self.stop = stop
        self.notes: list[str] = []

    def latency(self, experiment: Experiment) -> Latencies | None:
        """How long the network takes for one image, as it is placed for training."""
        try:
            return inference_latency(place_experiment(answering_in("inference", experiment, batch=1)))
        except DataflowError as error:
            reason = " ".join(line.strip(" -") for line in str(error).splitlines()[:2])
            self.notes.append(f"no latency of one inference: {reason}")
            return None

    def curve(self, experiment: Experiment, backend: Backend, timing: StepTiming, file: Path) -> Curve:
        """One training, from its checkpoint if it was begun, to its end."""
        steps = self.options.epochs * (self.data.train.count // experiment.training.batch)
        identity = identity_of(experiment, self.data.description)
        found = begun(file, identity, steps, resume=self.options.resume)
        if self.options.resume:
            self._note_resumed(found, file)
        placed = place_experiment(experiment)
        loop = Loop(
            experiment=experiment,
            placed=placed,
            backend=backend,
            evaluator=Evaluator(experiment, backends.get(experiment.backend)),
            stepper=stepper_of(placed, timing),
            data=self.data,
            epochs=self.options.epochs,
            tell=self.tell,
            stop=self.stop,
            save=lambda position: save_checkpoint(Checkpoint(identity, position, steps, versions()), file),
            save_every=self.options.checkpoint_every,
        )
        position = train(loop, Position() if found is None else found.position)
        if position.step < steps:
            raise InterruptedTrainingError(
                f"interrupted after step {position.step:,} of {steps:,}; checkpoint is {str(file)!r}; "
                "the same command with --resume goes on from there"
            )
        return curve_of(loop, position)

    def _note_resumed(self, found: Checkpoint | None, file: Path) -> None:
        if found is None:
            self.notes.append(f"no checkpoint {str(file)!r} to resume: begun anew")
            return
        self.notes.append(f"resumed from {str(file)!r} at step {found.position.step:,}")
        now = versions()
        changed = [
            f"{name} {was} then, {now.get(name)} now"
            for name, was in found.versions.items()
            if now.get(name) != was
        ]
        if changed:
            self.notes.append(
                f"{file.name} was written with other versions ({'; '.join(changed)}): "
                "the rest may differ from an unbroken training in its last bits"
            )
