"""Writing what ``dataflow packets`` found: all of its files or none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataflow.packets import PacketExperiment, PacketRate
from reports.folder import json_text, write_files, write_text

FILES = ("packets.json", "packets.csv", "packets.png")
"""What a folder of packet rates holds."""


def write_packets(
    experiment: PacketExperiment, rates: Sequence[PacketRate], folder: str | Path
) -> tuple[Path, ...]:
    """Writes FILES into a folder, as ``reports.write`` does. Raises ReportError when it cannot be written."""
    from reports.packet_picture import packets_png
    from reports.packet_table import packets_csv, packets_json

    writers = {
        "packets.json": lambda path: write_text(path, json_text(packets_json(experiment, rates), indent=2)),
        "packets.csv": lambda path: write_text(path, packets_csv(experiment, rates)),
        "packets.png": lambda path: packets_png(experiment, rates, path),
    }
    return write_files(writers, Path(folder))
