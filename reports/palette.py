"""Colours: one for each phase, each kind of tensor and each family of ops, the same in all pictures."""

from __future__ import annotations

FORWARD = "#4C78A8"
LOSS = "#9D5C9E"
GRADIENT = "#F28E2B"
UPDATE = "#4E9F50"
LOAD = "#A6A6A6"
EXCHANGE = "#D6404E"
SIGNAL = "#222222"

PHASES = {
    "forward": FORWARD,
    "loss": LOSS,
    "gradient": GRADIENT,
    "update": UPDATE,
    "load": LOAD,
    "exchange": EXCHANGE,
    "signal": SIGNAL,
}
"""By phase; a transfer of any phase but ``load`` is an exchange."""

EXPOSED = "#F6C9CD"
WAITING = "#E6E6E6"

EMPTY = "#EFEFEF"
"""Room in a bank or buffer that nothing takes."""

CAUSES = {
    "compute": FORWARD,
    "memory": "#76B7B2",
    "engine": "#9D5C9E",
    "signal": GRADIENT,
    "input": EXCHANGE,
    "idle": WAITING,
}
"""Where a core's time goes."""

KINDS = {
    "parameter": "#2F5D8A",
    "velocity": "#7FA7CF",
    "parameter gradient": "#F28E2B",
    "batch": "#A6A6A6",
    "activation": "#4E9F50",
    "saved": "#A3D39C",
    "mask": "#C9B458",
    "activation gradient": "#D6404E",
}
"""By kind of tensor, in the order they are stacked: what stays at the bottom."""

OTHER_KIND = "#6B6B6B"

OPS = {
    "convolution": "#F28E2B",
    "fully_connected": "#D6404E",
    "max_pooling": "#4C78A8",
    "average_pooling": "#4C78A8",
    "global_pooling": "#4C78A8",
    "linear": "#D6404E",
    "matmul": "#D6404E",
    "attention": "#F28E2B",
    "embedding": "#D6404E",
    "position_embedding": "#D6404E",
    "local_response_normalization": "#4E9F50",
    "batch_normalization": "#4E9F50",
    "batch_normalization_inference": "#4E9F50",
    "layer_normalization": "#4E9F50",
    "add": "#2A9D8F",
    "concat": "#2A9D8F",
    "gelu": "#EDC948",
    "relu": "#EDC948",
    "tanh": "#EDC948",
    "sigmoid": "#EDC948",
    "dropout": "#A6A6A6",
    "softmax_cross_entropy": "#9D5C9E",
}
"""By kind of op: what computes most is warm."""

OTHER_OP = "#8C8C8C"
INK = "#222222"
FAINT = "#777777"


def ink_on(colour: str) -> str:
    """Black or white, whichever is read better on this colour (``#rrggbb``)."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "white"


def lighter(colour: str, share: float = 0.35) -> str:
    """The colour (``#rrggbb``) mixed with so much white."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02X}" for part in parts)
