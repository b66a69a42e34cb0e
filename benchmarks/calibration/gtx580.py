"""Recompute the constants of the GTX 580's roofline from the published measurements beside this file.

Run ``python -m benchmarks.calibration.gtx580``: it prints every constant of
``topologies/hardware/gtx580.yaml``. ``docs/calibration.md`` explains the derivation, and
``outcome.py`` shows what follows from the constants; nothing here knows the outcome.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, log
from pathlib import Path

MEASUREMENTS = Path(__file__).parent / "measurements"
PASSES = ("forward", "input_gradient", "weight_gradient")
BATCH = 128
FLOAT = 4
TITAN_X_BANDWIDTH = 336.5e9
"""B/s: hothardware.com's review of the GeForce GTX Titan X (384 bit at 7.01 GHz effective)."""

Row = dict[str, str]


def rows(name: str) -> list[Row]:
    """The rows of one CSV of measurements."""
    with (MEASUREMENTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def geometric_mean(values: Iterable[float]) -> float:
    """The geometric mean of at least one positive number."""
    logs = [log(value) for value in values]
    return exp(sum(logs) / len(logs))


def card() -> dict[str, float]:
    """The published parameters of the GTX 580 (SI units), with ``peak_flops`` and ``cublas``.

    peak_flops: two operations a core and shader clock. cublas: the fraction of it that
    CUBLAS attains on large matrices (Lai and Seznec 2013: bound, times achieved, over CUBLAS).
    """
    given = {row["parameter"]: float(row["value"]) for row in rows("gtx580")}
    cublas = given["sgemm_upper_bound"] * given["sgemm_achieved"] / given["sgemm_over_cublas"]
    return given | {"peak_flops": 2 * given["cuda_cores"] * given["shader_clock"], "cublas": cublas}


def sgemm_rates() -> dict[str, float]:
    """The best FLOP/s that the vendor's SGEMM is known to reach on each card."""
    best: dict[str, float] = {}
    for row in rows("sgemm"):
        flop = 2 * int(row["m"]) * int(row["n"]) * int(row["k"])
        rate = flop / (float(row["ms"]) * 1e-3) * float(row["clock_ratio"])
        best[row["card"]] = max(best.get(row["card"], 0.0), rate)
    return best


# -- convolution ---------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One pass of one layer by one library on one card, as a fraction of that card's SGEMM."""

    card: str
    library: str
    layer: str
    pass_name: str
    fraction: float


def layer_flop() -> dict[str, float]:
    """FLOP of one pass of each layer of ``conv_layer_shapes.csv``."""
    flop: dict[str, float] = {}
    for row in rows("conv_layer_shapes"):
        shape = {key: int(value) for key, value in row.items() if key != "layer"}
        out = (shape["in_size"] + 2 * shape["padding"] - shape["kernel"]) // shape["stride"] + 1
        macs = out**2 * shape["channels"] * shape["in_channels"] * shape["kernel"] ** 2
        flop[row["layer"]] = 2.0 * shape["batch"] * macs
    return flop


Times = dict[tuple[str, str, str], Row]
"""The rows of ``conv_layers.csv`` by card, library and pass."""


def pass_ms(times: Times, card_name: str, library: str, layer: str) -> tuple[float, float, float]:
    """Milliseconds of the three passes of a layer.

    The weight gradient is the backward time less the input gradient. On the Titan X only the
    sum was published; it is split as the same library splits the same layer on the Titan Black.
    """
    column = f"{layer}_ms"
    share = float(times["TitanBlack", library, "input_gradient"][column]) / float(
        times["TitanBlack", library, "backward"][column]
    )
    forward = float(times[card_name, library, "forward"][column])
    backward = float(times[card_name, library, "backward"][column])
    return forward, share * backward, (1 - share) * backward


def convolution_samples() -> list[Sample]:
    """Every pass of every layer by the cuda-convnet family on both cards."""
    flop, sgemm = layer_flop(), sgemm_rates()
    times = {(r["card"], r["library"], r["pass"]): r for r in rows("conv_layers")}
    return [
        Sample(name, library, layer, p, flop[layer] / (ms * 1e-3) / sgemm[name])
        for name, library in sorted({(c, lib) for c, lib, _ in times})
        for layer in flop
        for p, ms in zip(PASSES, pass_ms(times, name, library, layer), strict=True)
    ]


def computed_in_training(sample: Sample) -> bool:
    """False for the input gradient of L1: no net computes the gradient of its images."""
    return not (sample.layer == "L1" and sample.pass_name == "input_gradient")


def convolution(select: Callable[[Sample], bool] = computed_in_training) -> dict[str, float]:
    """Fraction of the GTX 580's peak for each pass: mean fraction of SGEMM times CUBLAS's fraction."""
    chosen = [sample for sample in convolution_samples() if select(sample)]
    return {
        p: card()["cublas"] * geometric_mean(s.fraction for s in chosen if s.pass_name == p) for p in PASSES
    }


# -- everything else -----------------------------------------------------------------

TITAN_X_LAYERS = {  # one-tower AlexNet: features in and out, or channels, input and output size
    "fc6": (9216, 4096),
    "fc7": (4096, 4096),
    "fc8": (4096, 1000),
    "conv1_relu": (64, 55, 55),
    "conv2_relu": (192, 27, 27),
    "conv3_relu": (384, 13, 13),
    "conv4_relu": (256, 13, 13),
    "conv5_relu": (256, 13, 13),
    "pool1": (64, 55, 27),
    "pool2": (192, 27, 13),
    "pool5": (256, 13, 6),
}


def titan_x_ms(layer: str, column: str) -> float:
    """The measured time of a layer of the one-tower AlexNet on a Titan X (Caffe, cuDNN)."""
    return next(float(r[f"{column}_ms"]) for r in rows("caffe_titanx_layers") if r["layer"] == layer)


def fully_connected() -> dict[str, float]:
    """Fraction of peak for each pass; both gradients share the backward time equally."""
    fractions: dict[str, float] = {}
    for column, passes in (("forward", 1), ("backward", 2)):
        rates = [
            passes * 2 * BATCH * TITAN_X_LAYERS[fc][0] * TITAN_X_LAYERS[fc][1] / titan_x_ms(fc, column) * 1e3
            for fc in ("fc6", "fc7", "fc8")
        ]
        fractions[column] = card()["cublas"] * geometric_mean(rates) / sgemm_rates()["TitanX"]
    return dict(zip(PASSES, (fractions["forward"], *[fractions["backward"]] * 2), strict=True))


def memory() -> dict[str, float]:
    """Fraction of the bandwidth: ``default``, and pooling's and LRN's passes."""

    def fraction(layer: str, column: str, elements: float) -> float:
        return BATCH * elements * FLOAT / (titan_x_ms(layer, column) * 1e-3) / TITAN_X_BANDWIDTH

    relu: list[float] = []
    pool: dict[str, list[float]] = {"forward": [], "backward": []}
    for layer, shape in TITAN_X_LAYERS.items():
        if layer.endswith("relu"):
            size = shape[0] * shape[1] * shape[2]
            relu += [fraction(layer, "forward", 2 * size), fraction(layer, "backward", 3 * size)]
        elif layer.startswith("pool"):
            both = shape[0] * (shape[1] ** 2 + shape[2] ** 2)
            pool["forward"].append(fraction(layer, "forward", both))
            pool["backward"].append(fraction(layer, "backward", 2 * both))
    default = geometric_mean(relu)
    norm = {  # arrays that LRN moves over the two that a ReLU moves, over the ratio of their times
        p: default
        * geometric_mean(
            arrays / 2 * float(r["relu_forward_ms"]) / float(r[f"norm_{p}_ms"])
            for r in rows("caffe_jetson_tx2_lrn")
        )
        for p, arrays in (("forward", 3), ("backward", 4))
    }
    return {
        "default": default,
        "pooling.forward": geometric_mean(pool["forward"]),
        "pooling.input_gradient": geometric_mean(pool["backward"]),
        "local_response_normalization.forward": norm["forward"],
        "local_response_normalization.input_gradient": norm["backward"],
    }


def constants() -> dict[str, float]:
    """Every constant by its path in the hardware file, in SI units, unrounded."""
    given, moved = card(), memory()
    table = {
        "compute.peak": given["peak_flops"],
        "compute.launch_overhead": 1 / given["kernel_launches"],
        "memory.capacity": given["memory"] * 2**30,
        "memory.bandwidth": given["memory_bandwidth"],
        "copy.engines": given["copy_engines"],
        "copy.overhead": given["copy_overhead"],
        "pcie.bandwidth": given["pcie_bandwidth"],
        "default.memory": moved["default"],
    }
    for kind, fractions in (("convolution", convolution()), ("fully_connected", fully_connected())):
        for p, value in fractions.items():
            table[f"{kind}.{p}.compute"] = value
            table[f"{kind}.{p}.memory"] = moved["default"]
    for p in ("forward", "input_gradient"):
        for kind in ("max_pooling", "average_pooling"):
            table[f"{kind}.{p}.memory"] = moved[f"pooling.{p}"]
        norm = f"local_response_normalization.{p}"
        table[f"{norm}.memory"] = moved[norm]
    return table


def main() -> None:
    """Print the table."""
    for name, value in constants().items():
        print(f"{name:50s} {value:.4g}")


if __name__ == "__main__":
    main()
