"""What the simulation costs on top of the bare backend: one process, side by side.

    python benchmarks/simulation_overhead.py [BATCH ...]

A step of alexnet-2x-gtx580 is run with values; the time inside the backend's kernels is set
against the time of the whole step. Making initial weights and crops is neither.
"""

from __future__ import annotations

import sys
from time import perf_counter

import dataflow
from dataflow.data.batches import Batch, BatchSource, open_batches
from dataflow.session import place_experiment
from dataflow.values.executor import Executor

ROUNDS = 3


class Prepared:
    """A batch made beforehand, so that making it is not timed."""

    description = "prepared"

    def __init__(self, source: BatchSource) -> None:
        self.ready = source.batch(0)

    def batch(self, step: int) -> Batch:
        """The same batch for every step."""
        return self.ready


class TimedStep(Executor):
    """An executor that notes when the parameters were in place."""

    began_s = 0.0

    def begins(self, instances) -> None:  # type: ignore[no-untyped-def]
        """Starts the clock once initial values are there."""
        super().begins(instances)
        self.began_s = perf_counter()


def main(batches: list[int]) -> None:
    """Prints the overhead for each batch size, the least of a few rounds."""
    import backends
    from dataflow.simulation import simulate

    backend = backends.get("numpy")
    for batch in batches:
        experiment = dataflow.load("alexnet-2x-gtx580", [dataflow.Override("training.batch", str(batch))])
        placed = place_experiment(experiment)
        source = Prepared(open_batches(experiment))
        rounds = []
        for _ in range(ROUNDS):
            executor = TimedStep(placed, backend, source)
            simulate(placed, 1, executor)
            step_s = perf_counter() - executor.began_s
            rounds.append((step_s / executor.compute_s - 1, step_s, executor.compute_s))
        overhead, step_s, compute_s = min(rounds)
        print(f"batch {batch}: step {step_s:.3f} s, backend alone {compute_s:.3f} s, overhead {overhead:.1%}")


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [16, 128])
