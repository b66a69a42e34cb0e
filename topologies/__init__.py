"""YAML descriptions of networks, hardware, experiments and packet rates, and the one reader of YAML.

A name is that of a description that ships, or a path to a YAML file. What reads YAML is
imported when the first description is loaded, so that importing this costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dataflow.experiment import Experiment
from dataflow.hardware import Hardware
from dataflow.network import Network
from dataflow.override import Override

if TYPE_CHECKING:
    from dataflow.packets import PacketExperiment
    from dataflow.studies.study import Study
    from topologies.find import Kind, Shipped

__all__ = ["kind_of", "load", "load_hardware", "load_network", "load_packets", "load_study", "shipped"]


def load(name_or_path: str, overrides: Sequence[Override] = ()) -> Experiment:
    """The experiment of a name or path, with fields set from outside.

    Raises TopologyError, which lists every fault with its file and line, when a file
    cannot be read or what it describes breaks a rule.
    """
    from topologies.reading import read_experiment

    return read_experiment(name_or_path, overrides)


def load_network(name_or_path: str, overrides: Sequence[Override] = ()) -> Network:
    """The network of a name or path. Raises TopologyError as ``load`` does.

    overrides: their paths start at the network; a leading ``network.`` may stand before.
    """
    from topologies.reading import read_network

    return read_network(name_or_path, overrides)


def load_hardware(name_or_path: str, overrides: Sequence[Override] = ()) -> Hardware:
    """The machine of a name or path. Raises TopologyError as ``load`` does.

    overrides: their paths start at the hardware; a leading ``hardware.`` may stand before.
    """
    from topologies.reading import read_hardware

    return read_hardware(name_or_path, overrides)


def load_packets(name_or_path: str, overrides: Sequence[Override] = ()) -> PacketExperiment:
    """The packet experiment of a name or path. Raises TopologyError as ``load`` does."""
    from topologies.reading import read_packets

    return read_packets(name_or_path, overrides)


def load_study(name_or_path: str, overrides: Sequence[Override] = ()) -> Study:
    """The study of a name or path. Raises TopologyError as ``load`` does, of any of its variants.

    overrides: fields of the base experiment, set before what the variants set.
    """
    from topologies.study_reading import read_study

    return read_study(name_or_path, overrides)


def kind_of(name_or_path: str) -> Kind:
    """Whether a name or path is an ``experiment``, a ``network``, ``hardware``, ``packets`` or a ``study``.

    Of a name that an experiment shares with its network: ``experiment``. Raises
    TopologyError when there is no such description.
    """
    from topologies.find import find_any

    return find_any(name_or_path)[0]


def shipped() -> list[Shipped]:
    """The descriptions that come with Dataflow: experiments, networks, hardware, each by name."""
    from topologies.find import shipped_entries

    return list(shipped_entries())
