"""Experiments trained: many steps with real data, values as placed, time as simulated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

import backends
from dataflow.backend import Backend
from dataflow.data.options import DataOptions
from dataflow.errors import DataflowError, InterruptedTrainingError, OptionError
from dataflow.experiment import Experiment
from dataflow.features.kernels import Kernels, has_kernels, kernels_of
from dataflow.measurement import inference_latency
from dataflow.metrics import Latencies
from dataflow.placement import PlacedGraph
from dataflow.planning.planned import planned
from dataflow.session.checkpoints import check_kept, checkpoint_file, notes_on_resuming
from dataflow.session.comparing import AGAINST, check_against, on_one_processor
from dataflow.session.computing import check_learns, computing_backend
from dataflow.session.examples import examples_of, with_input
from dataflow.session.fitting import naming_the_batch_that_fits
from dataflow.session.lockstep import Lockstep, lockstep_of
from dataflow.session.options import Progress, named
from dataflow.session.placing import place_experiment
from dataflow.session.precision import counted
from dataflow.session.serving import answering_in
from dataflow.session.simulating import result_of, versions
from dataflow.session.weights import weights_of
from dataflow.training.cadence import Cadence
from dataflow.training.checkpoint import Checkpoint, identity_of, save_checkpoint
from dataflow.training.curve import Curve
from dataflow.training.data_set import DataSet, open_data_set
from dataflow.training.evaluation import Evaluator
from dataflow.training.folder import begun, training_folder
from dataflow.training.loop import Loop, Moment, Position, curve_of, train
from dataflow.training.state import State
from dataflow.training.step_losses import LossRecorder, StepLosses, losses_beside
from dataflow.training.stepping import stepper_of
from dataflow.training.timing import UNTIMED, StepTiming, time_steps
from dataflow.training.trained import Comparison, Trained

Tell = Callable[[Moment], None]


@dataclass(frozen=True)
class TrainingOptions:
    """What a training may be asked for beyond its experiment.

    epochs: in all, None for the experiment's ``training.epochs``. data: which examples, and how they are
    read. seeds: one training for each; none for the experiment's own. weights: the file of those to
    begin with, None for initial values. resume: go on from the checkpoints in the folder.
    checkpoint_every: how often one is written. against: one of AGAINST, in which way the same is trained to
    compare with, None for no comparison. limits: whether to say what limits a step. again: what a user is to
    type to go on when this one is stopped.
    """

    epochs: int | None = None
    data: DataOptions = field(default_factory=DataOptions)
    seeds: tuple[int, ...] = ()
    weights: str | None = None
    resume: bool = False
    checkpoint_every: Cadence = field(default_factory=Cadence)
    against: str | None = None
    limits: bool = True
    again: str | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise OptionError(f"training: epochs {self.epochs} must be at least 1")
        if self.against is not None and self.against not in AGAINST:
            raise OptionError(f"against {self.against!r} is none of: {', '.join(AGAINST)}")
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

    tell: is told of every step. stop: asked before every step, between the batches of a test and between
    the parts of what comes before; when it says so a checkpoint of what has been learned is written and
    InterruptedTrainingError raised. Where steps repeat in time a few are simulated, and all are
    computed in the order of one of them. Raises what the stages raise; NumericError when a value is not
    finite.
    """
    check_learns(experiment)
    backend = computing_backend(experiment, "nothing is learned")
    check_against(options.against, experiment)
    seeds = options.seeds or (experiment.training.seed,)
    check_kept(options.weights, Path(folder), seeds, options.against)
    asking = _asking(progress, stop)
    with closing(open_data_set(experiment, options.data, named(asking, "reading all images once"))) as data:
        experiment = planned(experiment, named(asking, "searching for a plan"))
        experiment, unprepared = with_input(experiment, data)
        placed = place_experiment(experiment)
        with naming_the_batch_that_fits(experiment):
            timing, run = time_steps(placed)
        session = _Session(experiment, options, data, tell, stop)
        session.notes += unprepared
        latency = session.latency()
        with training_folder(Path(folder)) as place:
            curves, against = session.train(backend, timing, place)
    result = result_of(experiment, run, backend.name, computed=True, limits=options.limits)
    return Trained(
        result=replace(result, precision=counted(placed, backend)),
        timing=timing,
        epochs=session.epochs,
        steps=session.steps,
        examples=examples_of(data, experiment.training.batch),
        curves=curves,
        against=against,
        notes=(*data.notes, *session.notes),
        latency=latency,
        kernels=session.kernels,
    )


def _asking(progress: Progress | None, stop: Callable[[], bool]) -> Progress:
    """A progress of what comes before the first step, which raises InterruptedTrainingError to stop it."""

    def tell(what: str, done: int, total: int) -> None:
        if progress is not None:
            progress(what, done, total)
        if stop() and done < total:
            raise InterruptedTrainingError(
                f"interrupted while {what} ({done:,} of {total:,}); give the same command again"
            )

    return tell


def _kernels(experiment: Experiment, placed: PlacedGraph, position: Position) -> Kernels:
    """Those of the first layer that learns, after the last step."""
    assert position.state is not None
    source = f"seed {experiment.training.seed} after step {position.step:,}"
    found = kernels_of(placed, position.state, experiment=experiment.name, source=source)
    return replace(found, weights=np.array(found.weights))


def _digest(weights: State) -> str:
    """What tells weights from others."""
    found = sha256()
    for name in sorted(weights):
        found.update(name.encode())
        found.update(np.ascontiguousarray(weights[name]).tobytes())
    return found.hexdigest()[:12]


class _Session:
    """The trainings of one call. notes: what the user should know of them."""

    def __init__(
        self,
        experiment: Experiment,
        options: TrainingOptions,
        data: DataSet,
        tell: Tell,
        stop: Callable[[], bool],
    ) -> None:
        self.experiment = experiment
        self.options = options
        self.data = data
        self.tell = tell
        self.stop = stop
        self.notes: list[str] = []
        self.kernels: Kernels | None = None
        self.epochs = experiment.training.epochs if options.epochs is None else options.epochs
        self.steps = self.epochs * (data.train.count // experiment.training.batch)
        self._loaded: dict[str, State] = {}
        self._weights(experiment)

    def latency(self) -> Latencies | None:
        """How long the network takes for one image, as it is placed for training."""
        try:
            return inference_latency(place_experiment(answering_in("inference", self.experiment, batch=1)))
        except DataflowError as error:
            reason = " ".join(line.strip(" -") for line in str(error).splitlines()[:2])
            self.notes.append(f"no latency of one inference: {reason}")
            return None

    def train(
        self, backend: Backend, timing: StepTiming, place: Path
    ) -> tuple[tuple[Curve, ...], Comparison | None]:
        """Every seed's training, each followed by the one that it is compared with."""
        curves, compared, losses = list[Curve](), list[Curve](), list[StepLosses]()
        against = self.options.against
        for seed in self.options.seeds or (self.experiment.training.seed,):
            seeded = replace(self.experiment, training=replace(self.experiment.training, seed=seed))
            beside = lockstep_of(against, seeded, self.data, self.steps)
            own = LossRecorder(self._telling(beside))
            file = checkpoint_file(place, seed)
            curves.append(self._curve(seeded, backend, timing, file, own, beside))
            if beside is not None:
                losses.append(losses_beside(seed, own.losses, beside.losses))
                self._note_uncompared(losses[-1])
            elif against is not None:
                file = checkpoint_file(place, seed, against)
                plain = on_one_processor(seeded, against)
                computing = backends.get(plain.backend)
                compared.append(self._curve(plain, computing, UNTIMED, file, self._tell_beside))
        if against is None:
            return tuple(curves), None
        return tuple(curves), Comparison(against, tuple(compared), tuple(losses))

    def _telling(self, beside: Lockstep | None) -> Tell:
        """Tells of a training, and has what goes along with it take the same step."""
        if beside is None:
            return self.tell

        def tell(moment: Moment) -> None:
            beside.take(moment)
            self.tell(moment)

        return tell

    def _tell_beside(self, moment: Moment) -> None:
        """Of a training on one processor, whose time means nothing."""
        self.tell(replace(moment, dtype=f"{moment.dtype} on one processor", simulated_s=None))

    def _note_uncompared(self, losses: StepLosses) -> None:
        missing = self.steps - len(losses.steps)
        if missing:
            self.notes.append(
                f"seed {losses.seed}: the losses of {missing:,} of {self.steps:,} steps are not compared, "
                "for these were taken before it was resumed"
            )

    def _weights(self, experiment: Experiment) -> State | None:
        """What an experiment begins with, in its format; None for initial values."""
        source, dtype = self.options.weights, experiment.training.dtype
        if source is None:
            return None
        if dtype not in self._loaded:
            self._loaded[dtype] = weights_of(experiment, source)
        return self._loaded[dtype]

    def _curve(
        self,
        experiment: Experiment,
        backend: Backend,
        timing: StepTiming,
        file: Path,
        tell: Tell,
        beside: Lockstep | None = None,
    ) -> Curve:
        """One training, from its checkpoint if it was begun, to its end."""
        weights = self._weights(experiment)
        identity = identity_of(experiment, self.data.identity)
        if weights is not None:
            identity = {**identity, "weights": _digest(weights)}
        found = begun(file, identity, self.steps, resume=self.options.resume)
        if self.options.resume:
            self.notes += notes_on_resuming(found, file)
        placed = place_experiment(experiment)
        loop = Loop(
            experiment=experiment,
            placed=placed,
            backend=backend,
            evaluator=Evaluator(experiment, backends.get(experiment.backend)),
            stepper=stepper_of(placed, timing),
            data=self.data,
            epochs=self.epochs,
            tell=tell,
            stop=self.stop,
            save=lambda position: save_checkpoint(
                Checkpoint(identity, position, self.steps, versions()), file
            ),
            save_every=self.options.checkpoint_every,
            weights=weights,
            beside=beside,
        )
        position = train(loop, Position() if found is None else found.position)
        if position.tested < self.steps:
            again = self.options.again
            raise InterruptedTrainingError(
                f"interrupted after step {position.step:,} of {self.steps:,}; checkpoint is {str(file)!r}; "
                + ("the same with --resume goes on from there" if again is None else f"go on with: {again}")
            )
        if self.kernels is None and has_kernels(experiment.network):
            self.kernels = _kernels(experiment, placed, position)
        return curve_of(loop, position)
