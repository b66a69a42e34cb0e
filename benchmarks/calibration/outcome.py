"""What follows from the GTX 580's constants: the step times of the two AlexNets of 2012.

Run ``python -m benchmarks.calibration.outcome``. A step is the plain sum of the task times of
one GPU and of its transfers, nothing overlapped. Three tables: the two nets, the same with the
convolution constants taken from fewer rows, and a check of those rows against whole nets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

from benchmarks.calibration import gtx580
from benchmarks.calibration.gtx580 import BATCH, FLOAT, PASSES, Sample

PAPER_STEP_S = (0.512, 0.614)
"""Five to six days for 90 epochs of 1.2 million images in batches of 128, on two GPUs."""

EXCHANGED_BYTES = (11_075_584, 2_359_296, 1_048_576, 1_048_576)
"""Sent by one GPU before conv3, fc6, fc7 and fc8; as much comes back as gradients."""


@dataclass(frozen=True)
class Task:
    """One pass of one layer on one GPU."""

    kind: str
    pass_name: str
    flop: float
    elements: float
    """Read and written, each once."""


@dataclass(frozen=True)
class Gpu:
    """What one GPU holds of the net: its channels in each layer, and the inputs they read."""

    conv: tuple[tuple[int, int], ...]
    fc: tuple[tuple[int, int], ...]
    partial: tuple[int, ...] = ()
    """Elements an image of the input gradients of conv3, fc6 and fc7 that it adds up."""


ONE = Gpu(
    ((3, 48), (48, 128), (128, 192), (192, 192), (192, 256)),
    ((9216, 4096), (4096, 4096), (4096, 1000)),
)
TOWER = Gpu(
    ((3, 48), (48, 128), (256, 192), (192, 192), (192, 128)),
    ((9216, 2048), (4096, 2048), (4096, 1000)),
    (128 * 13 * 13, 128 * 6 * 6, 2048),
)
SIZES = ((227, 55, 11), (27, 27, 5), (13, 13, 3), (13, 13, 3), (13, 13, 3))
POOLED = {0: 27, 1: 13, 4: 6}


def weighted(kind: str, macs: int, read: int, made: int, weights: int, bias: int) -> Iterator[Task]:
    """The three passes of a layer with weights, and its update."""
    flop = 2.0 * macs * BATCH
    yield Task(kind, "forward", flop, BATCH * (read + made) + weights + bias)
    yield Task(kind, "input_gradient", flop, BATCH * (read + made) + weights)
    yield Task(kind, "weight_gradient", flop, BATCH * (read + made) + weights + bias)
    yield Task("momentum_sgd", "update", 0, 5 * weights)
    yield Task("momentum_sgd", "update", 0, 5 * bias)


def bandwidth_bound(kind: str, forward: float, gradient: float) -> Iterator[Task]:
    """Both passes of a layer without weights, by the elements an image that they move."""
    yield Task(kind, "forward", 0, BATCH * forward)
    yield Task(kind, "input_gradient", 0, BATCH * gradient)


def tasks(gpu: Gpu) -> Iterator[Task]:
    """Every task of one GPU in one step."""
    for i, ((read, made), (size, out, kernel)) in enumerate(zip(gpu.conv, SIZES, strict=True)):
        weights, area = read * made * kernel**2, out**2
        for task in weighted("convolution", weights * area, read * size**2, made * area, weights, made):
            if i > 0 or task.pass_name != "input_gradient":
                yield task
        yield from bandwidth_bound("relu", 2 * made * area, 3 * made * area)
        if i < 2:
            yield from bandwidth_bound("local_response_normalization", 3 * made * area, 4 * made * area)
        if i in POOLED:
            both = made * (area + POOLED[i] ** 2)
            yield from bandwidth_bound("max_pooling", both, 2 * both)
    for read, made in gpu.fc:
        yield from weighted("fully_connected", read * made, read, made, read * made, made)
        if made != 1000:
            yield from bandwidth_bound("relu", 2 * made, 3 * made)
            yield from bandwidth_bound("dropout", 2.25 * made, 2.25 * made)
    yield from bandwidth_bound("softmax_cross_entropy", 2002, 2001)
    for elements in gpu.partial:
        yield Task("accumulate", "input_gradient", 0, 3 * BATCH * elements)


def seconds(task: Task, table: dict[str, float]) -> float:
    """Launch overhead plus the longer of the arithmetic and the memory traffic."""
    key = f"{task.kind}.{task.pass_name}"
    achieved = table.get(f"{key}.memory", table["default.memory"])
    move = task.elements * FLOAT / (table["memory.bandwidth"] * achieved)
    compute = task.flop / (table["compute.peak"] * table.get(f"{key}.compute", 1.0))
    return table["compute.launch_overhead"] + max(move, compute)


def step_seconds(gpu: Gpu, table: dict[str, float]) -> dict[str, float]:
    """Seconds of one step by kind of op; ``transfer`` only where there are two GPUs."""
    spent: dict[str, float] = {}
    for task in tasks(gpu):
        spent[task.kind] = spent.get(task.kind, 0.0) + seconds(task, table)
    if gpu.partial:
        one_way = sum(n / table["pcie.bandwidth"] + table["copy.overhead"] for n in EXCHANGED_BYTES)
        spent["transfer"] = 2 * one_way
    return spent


CHOICES: dict[str, Callable[[Sample], bool]] = {
    "all rows of layers that are computed (used)": lambda _: True,
    "cuda-convnet only": lambda s: s.library == "cuda-convnet",
    "cuda-convnet2 only": lambda s: s.library == "cuda-convnet2",
    "Titan Black (Kepler) only": lambda s: s.card == "TitanBlack",
    "Titan X (Maxwell) only": lambda s: s.card == "TitanX",
    "without the three-channel layer L1": lambda s: s.layer != "L1",
    "cuda-convnet2 on the Titan Black only": lambda s: (s.card, s.library) == ("TitanBlack", "cuda-convnet2"),
}


def with_rows(select: Callable[[Sample], bool]) -> dict[str, float]:
    """The constants with convolution's taken from the selected rows."""
    chosen = gtx580.convolution(lambda s: gtx580.computed_in_training(s) and select(s))
    return gtx580.constants() | {f"convolution.{p}.compute": value for p, value in chosen.items()}


def one_tower_ms(card: str) -> tuple[float, float]:
    """Convolutions of the one-tower AlexNet by cuda-convnet2 on a card: forward, both gradients.

    From the layer rows of the same library; the K40m is taken to do as the Titan Black.
    """
    layers = ((64, 3, 11, 55), (192, 64, 5, 27), (384, 192, 3, 13), (256, 384, 3, 13), (256, 256, 3, 13))
    flop = 2 * BATCH * sum(prod((made, read, k, k, out, out)) for made, read, k, out in layers)
    like = "TitanX" if card == "TitanX" else "TitanBlack"
    sgemm = gtx580.sgemm_rates()[like] * (875 / 980 if card == "K40m" else 1.0)
    mean = {
        p: gtx580.geometric_mean(
            s.fraction
            for s in gtx580.convolution_samples()
            if (s.card, s.library, s.pass_name) == (like, "cuda-convnet2", p)
        )
        for p in PASSES
    }
    forward, *gradients = (flop / (sgemm * mean[p]) * 1e3 for p in PASSES)
    return forward, sum(gradients)


def main() -> None:
    """Print the three tables."""
    table = gtx580.constants()
    spent = {"one GPU": step_seconds(ONE, table), "two GPUs": step_seconds(TOWER, table)}
    print(f"milliseconds a step{'':23s}" + "".join(f"{name:>12s}" for name in spent))
    for kind in spent["two GPUs"]:
        print(f"  {kind:40s}" + "".join(f"{1e3 * s.get(kind, 0.0):12.2f}" for s in spent.values()))
    print(f"  {'sum':40s}" + "".join(f"{1e3 * sum(s.values()):12.2f}" for s in spent.values()))
    print("the paper, two GPUs: {:.0f} to {:.0f} ms".format(*(1e3 * s for s in PAPER_STEP_S)))
    print("\nconvolution's constants from              forward  input  weight   one GPU  two GPUs (ms)")
    for name, select in CHOICES.items():
        table = with_rows(select)
        values = [table[f"convolution.{p}.compute"] for p in PASSES]
        steps = [1e3 * sum(step_seconds(gpu, table).values()) for gpu in (ONE, TOWER)]
        print(f"  {name:43s}" + "".join(f"{v:7.3f}" for v in values) + "".join(f"{s:10.1f}" for s in steps))
    print("\ncuda-convnet2, one-tower AlexNet: convolutions predicted, whole net measured (ms)")
    for row in gtx580.rows("alexnet_one_tower"):
        predicted = one_tower_ms(row["card"])
        measured = (float(row["forward_ms"]), float(row["backward_ms"]))
        print(f"  {row['card']:12s} forward {predicted[0]:6.1f} {measured[0]:6.1f}", end="")
        print(f"   backward {predicted[1]:6.1f} {measured[1]:6.1f}")


if __name__ == "__main__":
    main()
