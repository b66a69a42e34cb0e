"""Writing what ``dataflow packets`` found: all of its files or none."""

from __future__ import annotations

from pathlib import Path

from dataflow.packets import PacketPrediction
from reports.folder import json_text, write_files, write_text

FILES = ("packets.json", "packets.csv", "packets.png")
"""What a folder of packet rates holds."""


def write_packets(prediction: PacketPrediction, folder: str | Path) -> tuple[Path, ...]:
    """Writes FILES into a folder, as ``reports.write`` does. Raises ReportError when it cannot be written."""
    from reports.packet_picture import packets_png
    from reports.packet_table import packets_csv, packets_json

    writers = {
        "packets.json": lambda path: write_text(path, json_text(packets_json(prediction), indent=2)),
        "packets.csv": lambda path: write_text(path, packets_csv(prediction)),
        "packets.png": lambda path: packets_png(prediction, path),
    }
    return write_files(writers, Path(folder))
