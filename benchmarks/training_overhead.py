"""What training costs on top of the backend's kernels: batches, copies between memories, tests, book-keeping.

    python benchmarks/training_overhead.py [EXPERIMENT STEPS IMAGES] [--profile]

Trains as ``dataflow train`` does, but without checkpoints, and sets the time inside the backend's
``compute`` and ``accumulate`` against that of the steps. The first step, in which memory is got, is not
counted. Without arguments: AlexNet in small on digits, and the full one for two steps of images that are in
memory, since those of files are read by other processes meanwhile. Told by the clock and by the thread's
own time, which what else the machine does leaves alone.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Mapping, Sequence
from time import perf_counter, thread_time

import dataflow
from backends.numpy_backend import NumpyBackend
from dataflow.backend import Array, Site
from dataflow.data.options import DataOptions
from dataflow.ops import Op, Pass
from dataflow.session import place_experiment
from dataflow.training.data_set import open_data_set
from dataflow.training.evaluation import Evaluator
from dataflow.training.loop import Loop, Moment, Position, train
from dataflow.training.stepping import stepper_of
from dataflow.training.timing import time_steps

USUAL = (("alexnet-mini-digits", 63, "digits"), ("alexnet-2x-gtx580", 3, "noise"))


class Timed(NumpyBackend):
    """The NumPy backend with a clock that runs within its kernels."""

    inside_s = inside_thread_s = 0.0

    def count(self, began_s: float, began_thread_s: float) -> None:
        """Adds what has passed since."""
        self.inside_s += perf_counter() - began_s
        self.inside_thread_s += thread_time() - began_thread_s

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """As the backend does."""
        began = perf_counter(), thread_time()
        super().compute(op, direction, reads, writes, site)
        self.count(*began)

    def accumulate(
        self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]], site: Site
    ) -> None:
        """As the backend does."""
        began = perf_counter(), thread_time()
        super().accumulate(total, addends, site)
        self.count(*began)


def main(name: str, steps: int, images: str, profile: bool) -> None:
    """Trains for some steps and prints what they took, inside the kernels and in all."""
    experiment = dataflow.load(name)
    placed = place_experiment(experiment)
    data = open_data_set(experiment, DataOptions(images=images))
    timing, _ = time_steps(placed)
    backend, tests = Timed(), Timed()
    moments: list[tuple[float, float, float, float]] = []

    def tell(_moment: Moment) -> None:
        inside_s = backend.inside_s + tests.inside_s
        inside_thread_s = backend.inside_thread_s + tests.inside_thread_s
        moments.append((perf_counter(), inside_s, thread_time(), inside_thread_s))

    loop = Loop(
        experiment=experiment,
        placed=placed,
        backend=backend,
        evaluator=Evaluator(experiment, tests),
        stepper=stepper_of(placed, timing),
        data=data,
        epochs=1 + steps // max(1, data.train.count // experiment.training.batch),
        tell=tell,
        stop=lambda: len(moments) >= steps,
        save=lambda _: None,
    )
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    train(loop, Position())
    profiler.disable()
    count = len(moments) - 1
    all_s, inside_s, thread_s, inside_thread_s = (
        (last - first) / count for first, last in zip(moments[0], moments[-1], strict=True)
    )
    print(f"{name}, batch {experiment.training.batch}, {len(placed.tasks)} tasks, {count} steps")
    for what, whole_s, part_s in (("clock", all_s, inside_s), ("thread", thread_s, inside_thread_s)):
        print(
            f"  {what}: a step {whole_s:.4f} s, kernels {part_s:.4f} s, overhead {whole_s / part_s - 1:.1%}"
        )
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--profile"]
    asked = [(given[0], int(given[1]), given[2])] if given else USUAL
    for experiment_name, how_many, source in asked:
        main(experiment_name, how_many, source, "--profile" in sys.argv)
