"""Small YAML descriptions to write, break and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dataflow.errors import TopologyError

NETWORK = """\
kind: network
input: [3, 8, 8]
classes: 10
layers:
  conv: {op: convolution, channels: 4, kernel: 3}
  fc: {op: fully_connected, channels: classes}
  loss: {op: softmax_cross_entropy}
"""

HARDWARE = """\
kind: hardware
models:
  chip:
    compute:
      cost: roofline
      peak: {value: "1 TFLOP/s", source: assumed}
      launch_overhead: {value: "3 us", source: assumed}
    memory:
      capacity: {value: "3 GiB", source: assumed}
      bandwidth: {value: "100 GB/s", source: assumed}
    copy:
      engines: {value: 1, source: assumed}
      overhead: {value: "10 us", source: assumed}
processors:
  chip0: {model: chip}
  chip1: {model: chip}
hosts:
  host: {memory: {capacity: {value: "16 GiB", source: assumed}}}
links:
  bus:
    bandwidth: {value: "6 GB/s", source: assumed}
    latency: {value: "0 us", source: assumed}
    duplex: full
    connects: [[chip0, switch], [chip1, switch], [host, switch]]
switches: [switch]
"""

EXPERIMENT = """\
kind: experiment
network: ./net.yaml
hardware: ./machine.yaml
plan:
  mesh: {model: 2}
  layers:
    "*": {shard: {channel: model}}
    fc: {on: chip0}
    loss: {on: chip0}
training:
  batch: 4
"""


def changed(text: str, old: str, new: str) -> str:
    """The text with ``old``, which must be there, replaced by ``new``."""
    assert old in text
    return text.replace(old, new)


def cases(name: str) -> list[tuple[str, ...]]:
    """A table of ``cases``: what to change or set, and what must be said of it."""
    text = (Path(__file__).parent / "cases" / f"{name}.yaml").read_text(encoding="utf-8")
    return [tuple(case.values()) for case in yaml.safe_load(text)]


def write_all(
    folder: Path, network: str = NETWORK, hardware: str = HARDWARE, experiment: str = EXPERIMENT
) -> str:
    """Writes net.yaml, machine.yaml and exp.yaml into a folder, and returns the path of the last."""
    (folder / "net.yaml").write_text(network)
    (folder / "machine.yaml").write_text(hardware)
    (folder / "exp.yaml").write_text(experiment)
    return str(folder / "exp.yaml")


def message(read: Callable[[str], object], path: str | Path) -> str:
    """The message of the TopologyError that reading raises, without the folder of the file."""
    with pytest.raises(TopologyError) as caught:
        read(str(path))
    return str(caught.value).replace(f"{Path(path).parent}/", "")


def faults(read: Callable[[str], object], path: str | Path) -> list[str]:
    """The faults that the TopologyError lists, after a first line that counts them."""
    first, *listed = message(read, path).split("\n")
    assert first == f"{Path(path).name}: {len(listed)} fault{'' if len(listed) == 1 else 's'}"
    return [line.removeprefix("  - ") for line in listed]
