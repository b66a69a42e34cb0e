"""Recompute what was fitted of the machines with several GPUs from the measurements beside this file.

Run ``python -m benchmarks.calibration.machines``: it prints every fitted constant of
``topologies/hardware/*.yaml`` but the GTX 580's (``gtx580.py``), and how far the fits are from the
rows. What is published as it is, such as a card's memory bandwidth, has its source in the YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from benchmarks.calibration.all_reduce import (
    SINGLE_SOCKET,
    TWO_SOCKETS,
    k80_ring,
    links,
    ring_step,
    samples,
)
from benchmarks.calibration.gtx580 import PASSES, Row, geometric_mean, memory, rows, sgemm_rates
from benchmarks.calibration.nets import FLOAT, Layer, Work, alexnet, resnet50, vgg16

NETS: Mapping[str, tuple[Layer, ...]] = {
    "alexnet": tuple(alexnet((96, 256, 384, 384, 256), 2, norm=True)),
    "alexnet-owt": tuple(alexnet((64, 192, 384, 256, 256))),
    "alexnet-tf": tuple(alexnet((64, 192, 384, 384, 256))),
    "vgg16": tuple(vgg16()),
    "resnet50": tuple(resnet50()),
}
LARGE_BYTES = 50e6


@dataclass(frozen=True)
class Card:
    """What is published of a card: FLOP/s and bytes/s."""

    peak_flops: float
    bandwidth: float


CARDS = {
    "titanx": Card(6.611e12, 336.5e9),
    "titan-black": Card(5.645e12, 336e9),
    "p100-pcie": Card(9.526e12, 732.2e9),
    "p100": Card(10.6e12, 732.2e9),
    "titanx-pascal": Card(10.97e12, 480e9),
    "k80": Card(4.37e12, 240.6e9),
    "k80-theano": Card(4.37e12, 240.6e9),
    "k20": Card(3.524e12, 208e9),
}


def fully_connected(card: str) -> tuple[float, float]:
    """Fractions of peak of C(m x 128) = A B and of A'B, the forward and the gradient passes at batch 128."""

    def fraction(transposed: str) -> float:
        chosen = [r for r in rows("gemm_batch_128") if (r["card"], r["transposed"]) == (card, transposed)]
        return geometric_mean(
            2 * int(r["m"]) * int(r["n"]) * int(r["k"]) / (float(r["ms"]) * 1e-3) / CARDS[card].peak_flops
            for r in chosen
        )

    return fraction("0"), fraction("1")


def pointwise_memory(card: str) -> float:
    """Fraction of the memory bandwidth of convolutions of 1 x 1, every pass: what they read and write.

    From the rows that move 50 MB or more, as layers do in training; smaller ones leave a card half empty.
    """
    found: list[float] = []
    for row in rows("pointwise_convolution"):
        pixels = int(row["batch"]) * (1 + (int(row["size"]) - 1) // int(row["stride"])) ** 2
        moved = FLOAT * pixels * (int(row["in_channels"]) + int(row["channels"]))
        if row["card"] == card and moved >= LARGE_BYTES:
            times = [float(row[f"{name}_ms"]) * 1e-3 for name in PASSES]
            found += [moved / seconds / CARDS[card].bandwidth for seconds in times]
    return geometric_mean(found)


@cache
def kepler_fully_connected() -> tuple[float, float]:
    """The Titan X's fractions, times SGEMM's fraction of peak on the Kepler K40 over that on the Titan X.

    The rate of the Titan Black in ``sgemm.csv`` is the K40's, scaled by clock; so is its peak here.
    """
    rates = sgemm_rates()
    ratio = (
        rates["TitanBlack"] / CARDS["titan-black"].peak_flops / (rates["TitanX"] / CARDS["titanx"].peak_flops)
    )
    forward, gradient = fully_connected("titanx")
    return forward * ratio, gradient * ratio


def seconds(card: Card, work: Iterable[tuple[Work, tuple[float, float]]]) -> float:
    """Roofline times of what has these fractions of peak and of bandwidth."""
    return sum(
        max(each.flop / (card.peak_flops * compute), each.moved_bytes / (card.bandwidth * moved))
        for each, (compute, moved) in work
    )


@cache
def memory_fractions() -> Mapping[str, float]:
    """Of the GTX 580's derivation, which has them from a Titan X: ReLU, pooling and LRN layers."""
    return memory()


Fractions = Callable[[Work], tuple[float, float]]


def fractions(
    convolution: tuple[float, float], dense: tuple[float, float], pointwise: float, norm: float = 1.0
) -> Fractions:
    """Fractions by kind and pass: of convolution (forward, gradients), fully connected and the rest."""
    moved = memory_fractions()

    def of(work: Work) -> tuple[float, float]:
        gradient = work.pass_name != "forward"
        if work.kind == "convolution":
            return convolution[gradient], pointwise
        if work.kind == "fully_connected":
            return dense[gradient], moved["default"]
        if work.kind == "batch_normalization":
            return 1.0, norm
        named = {"max_pooling": "pooling"}.get(work.kind, work.kind)
        key = f"{named}.{work.pass_name}"
        return 1.0, moved.get(key, moved["default"])

    return of


def image_seconds(card: str, net: str, batch: int, of: Fractions, passes: str = "") -> float:
    """The time of an image. passes: ``forward``, ``backward`` or both when empty."""
    work = [
        each
        for layer in NETS[net]
        for each in layer.passes(batch)
        if not passes or (passes == "forward") == (each.pass_name == "forward")
    ]
    return seconds(CARDS[card], ((each, of(each)) for each in work))


def solve(measured: float, model: Callable[[float], float]) -> float:
    """The fraction at which a time that falls with it is the measured one, by bisection."""
    low, high = 0.01, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if model(middle) > measured else (low, middle)
    return (low + high) / 2


def _measured(card: str, nets: tuple[str, ...]) -> list[Row]:
    return [row for row in rows("images_per_s") if row["card"] == card and row["net"] in nets]


def convolution_of_nets(card: str, dense: tuple[float, float], pointwise: float) -> float:
    """One fraction for every pass of convolution, from AlexNet and VGG16, whose convolutions decide."""
    found = [
        solve(
            1 / float(row["images_per_s"]),
            lambda fraction, row=row: image_seconds(
                card, row["net"], int(row["batch"]), fractions((fraction, fraction), dense, pointwise)
            ),
        )
        for row in _measured(card, ("alexnet", "alexnet-tf", "vgg16"))
    ]
    return geometric_mean(found)


def normalization_of_nets(
    card: str, convolution: float, dense: tuple[float, float], pointwise: float
) -> float:
    """What ResNet-50 leaves for batch normalization: fraction of the memory bandwidth."""
    found = [
        solve(
            1 / float(row["images_per_s"]),
            lambda fraction, row=row: image_seconds(
                card,
                row["net"],
                int(row["batch"]),
                fractions((convolution, convolution), dense, pointwise, fraction),
            ),
        )
        for row in _measured(card, ("resnet50",))
    ]
    return geometric_mean(found)


def convolution_of_passes(card: str, dense: tuple[float, float], pointwise: float) -> tuple[float, float]:
    """Fractions of the forward and of the gradient passes, from whole AlexNets at batch 128."""
    found: dict[str, list[float]] = {"forward": [], "backward": []}
    for row in rows("alexnet_passes"):
        for name in found if row["card"] == card else ():
            found[name].append(
                solve(
                    float(row[f"{name}_ms"]) * 1e-3 / 128,
                    lambda fraction, name=name: image_seconds(
                        card, "alexnet-owt", 128, fractions((fraction, fraction), dense, pointwise), name
                    ),
                )
            )
    return geometric_mean(found["forward"]), geometric_mean(found["backward"])


def processors() -> dict[str, float]:
    """Constants of processors, by file and path."""
    table: dict[str, float] = {}
    kepler = kepler_fully_connected()

    def put(model: str, kind: str, compute: tuple[float, float], moved: float | None = None) -> None:
        path = f"{model}.compute.efficiency.{kind}"
        table[f"{path}.forward.compute"] = compute[0]
        for gradient in ("input_gradient", "weight_gradient"):
            table[f"{path}.{gradient}.compute"] = compute[1]
        if moved is not None:
            table[f"{path}.memory"] = moved

    maxwell, pascal = pointwise_memory("titanx"), pointwise_memory("p100-pcie")
    dense = fully_connected("titanx")
    put("deepbench-maxwell.models.titanx", "fully_connected", dense)
    put(
        "deepbench-maxwell.models.titanx",
        "convolution",
        convolution_of_passes("titanx", dense, maxwell),
        maxwell,
    )
    put("k20x8.models.k20", "fully_connected", kepler)
    put("k20x8.models.k20", "convolution", convolution_of_passes("titan-black", kepler, maxwell), maxwell)
    for file, card, fitted, moved in (
        ("k80x8", "k80", kepler, maxwell),
        ("k80x8", "k80-theano", kepler, maxwell),
        ("dgx1-p100", "p100", fully_connected("p100-pcie"), pascal),
    ):
        convolution = convolution_of_nets(card, fitted, moved)
        path = f"{file}.models.{card}.compute.efficiency"
        put(f"{file}.models.{card}", "fully_connected", fitted)
        table[f"{path}.convolution.compute"] = convolution
        table[f"{path}.convolution.memory"] = moved
        table[f"{path}.batch_normalization.memory"] = normalization_of_nets(card, convolution, fitted, moved)
    put("deepbench-pascal.models.titanx-pascal", "fully_connected", fully_connected("titanx-pascal"))
    return table


def constants() -> dict[str, float]:
    """Every fitted constant by file and path, in SI units, unrounded."""
    return links() | processors()


def main() -> None:
    """Print the constants, then how far each all-reduce is from its fit."""
    for name, value in constants().items():
        print(f"{name:80s} {value:.4g}")
    for card in (*SINGLE_SOCKET, *TWO_SOCKETS):
        step = ring_step(card)
        errors = [100 * ((2 * step.latency + s / step.bandwidth) / t - 1) for s, t in samples(card)]
        print(
            f"{card:15s} a {step.latency * 1e6:.1f} us, B {step.bandwidth / 1e9:.2f} GB/s, errors %",
            *(f"{e:+.1f}" for e in errors),
        )
    print("K80 rings, GB/s:", {gpus: round(rate / 1e9, 2) for gpus, rate in k80_ring().items()})


if __name__ == "__main__":
    main()
