"""Fit what a message costs between GPUs to published all-reduces; ``machines.py`` prints it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.calibration.gtx580 import geometric_mean, rows
from benchmarks.calibration.nets import FLOAT

SINGLE_SOCKET = ("titanx-pascal", "gtx1080ti")
TWO_SOCKETS = ("titanx", "m40", "p100-pcie")


@dataclass(frozen=True)
class RingStep:
    """a and B of T = 2 a + S / B, the ring all-reduce of S bytes on two GPUs; seconds and bytes/s."""

    latency: float
    bandwidth: float


def samples(card: str) -> list[tuple[float, float]]:
    """(bytes, seconds) of all-reduces on two GPUs.

    In the box of two sockets the row of one process is another code, twice as slow at its size, and left out.
    """
    return [
        (FLOAT * int(row["floats"]), float(row["ms"]) * 1e-3)
        for row in rows("allreduce_two_gpus")
        if row["card"] == card and not (card in TWO_SOCKETS and row["single_process"] == "1")
    ]


def ring_step(card: str) -> RingStep:
    """The fit with the least sum of squared relative errors."""
    measured = samples(card)
    matrix = np.array([[2 / seconds, size / seconds] for size, seconds in measured])
    (latency, inverse), *_ = np.linalg.lstsq(matrix, np.ones(len(measured)), rcond=None)
    return RingStep(float(latency), 1 / float(inverse))


def k80_ring() -> dict[int, float]:
    """Bytes/s of each GPU's link in ring all-reduces of AlexNet's gradients: 2 (n - 1) / n S / B a step."""
    size = FLOAT * 60_965_224
    found = {}
    for row in rows("allreduce_k80"):
        gpus = int(row["gpus"])
        seconds = float(row["seconds_per_5120_images"]) / (5120 / (gpus * int(row["images_per_gpu"])))
        found[gpus] = 2 * (gpus - 1) / gpus * size / seconds
    return found


def links() -> dict[str, float]:
    """Constants of links and copies, by file and path."""
    one = [ring_step(card) for card in SINGLE_SOCKET]
    two = {card: ring_step(card) for card in TWO_SOCKETS}
    overhead = geometric_mean(step.latency for step in one)
    crossing = geometric_mean(two[card].latency for card in ("titanx", "m40")) - overhead
    between = geometric_mean(step.bandwidth for step in two.values())
    k80 = k80_ring()
    table = {
        "deepbench-pascal.models.titanx-pascal.copy.overhead": overhead,
        "deepbench-maxwell.models.titanx.copy.overhead": overhead,
        "deepbench-maxwell.models.p100-pcie.copy.overhead": two["p100-pcie"].latency - crossing,
        "deepbench-maxwell.links.qpi.latency": crossing,
        "k80x8.links.pcie.bandwidth": geometric_mean((k80[2], k80[4])),
        "k80x8.links.qpi.bandwidth": k80[8],
    }
    inside = geometric_mean(step.bandwidth for step in one)
    for machine in ("deepbench-maxwell", "deepbench-pascal", "titanx4", "dgx1-p100"):
        table[f"{machine}.links.pcie.bandwidth"] = inside
        table[f"{machine}.links.peer.bandwidth"] = between
    for machine in ("deepbench-maxwell", "dgx1-p100"):
        table[f"{machine}.links.qpi.bandwidth"] = between
    return table
