"""What quantities that are compared are called."""

from __future__ import annotations

TITLES = {
    "run": "Run",
    "phases": "Busy time by phase, all processors together",
    "processors": "Processors",
    "memories": "Memory at its fullest",
    "moved": "Bytes from memory to memory",
    "collectives": "Communication by collective",
    "dimensions": "Communication by dimension",
    "layers": "Layers, all processors together",
    "cores": "Where the cores' time goes, on average",
    "pipeline": "Pipeline",
    "numbers": "Number formats, against float32",
}
WORDS = {
    "step_time_s": "step time",
    "images_per_s": "images/s",
    "training_days": "training",
    "cold_start_s": "cold start",
    "mean_utilisation": "processors busy, mean",
    "communication_exposed_s": "exposed communication",
    "communication_hidden_s": "hidden communication",
    "waiting_for_others_s": "waiting for others",
    "bubble": "bubble",
    "exchanged_bytes": "exchanged",
    "peak_memory_bytes": "peak memory, largest",
    "utilisation": "busy",
    "time_per_example_s": "time per example",
    "control_overhead": "lost to control, of cores' time",
    "signals": "signals",
    "interval_s": "a sample every",
    "balanced_interval_s": "the same if stages were equal",
    "latency_p50_s": "latency, median",
    "latency_p99_s": "latency, 99th percentile",
    "worst_relative_error": "rms error over scale, worst tensor",
    "saturated": "saturated",
    "updates_lost": "updates lost to rounding, worst tensor",
}

_NAMED = ("processors", "layers", "collectives", "dimensions")
"""Sections whose things have several quantities each."""

_UNNAMED = ("pipeline", "numbers")
"""Sections in which the quantity says it all."""


def row_name(section: str, name: str, quantity: str) -> str:
    """What stands before a quantity of a thing."""
    word = WORDS.get(quantity, quantity.removesuffix("_s"))
    if section in _UNNAMED or name == "control":
        return word
    return f"{name} {word}" if section in _NAMED else (name or word)
