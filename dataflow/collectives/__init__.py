"""Collectives: what ranks do together, as lists of moves; their closed forms; the choice by predicted time.

Knows ranks, bytes and hops alone: nothing of graphs, plans or machines.
"""

from dataflow.collectives.choice import Prediction, best, predictions
from dataflow.collectives.closed_form import closed_form_ps, hierarchical_ps
from dataflow.collectives.lowering import ALGORITHMS, lower
from dataflow.collectives.moves import Collective, Lowering, Move
from dataflow.collectives.prediction import (
    Hop,
    HopCost,
    Sizes,
    Way,
    Ways,
    chunk_bytes,
    message_ps,
    predicted_ps,
)
from dataflow.collectives.ring_order import ring_order

__all__ = [
    "ALGORITHMS",
    "Collective",
    "Hop",
    "HopCost",
    "Lowering",
    "Move",
    "Prediction",
    "Sizes",
    "Way",
    "Ways",
    "best",
    "chunk_bytes",
    "closed_form_ps",
    "hierarchical_ps",
    "lower",
    "message_ps",
    "predicted_ps",
    "predictions",
    "ring_order",
]
