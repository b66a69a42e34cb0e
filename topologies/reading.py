"""The stages of reading: find, parse, expand, override, check, build."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from dataflow.errors import TopologyError
from dataflow.experiment import Experiment
from dataflow.hardware import Hardware
from dataflow.network import Network
from dataflow.override import Override
from dataflow.packets import PacketExperiment
from topologies.build_hardware import hardware_of
from topologies.documents import Checked, ExperimentDocument, NetworkDocument, checked, network_of
from topologies.engine_faults import network_faults, plan_faults, training_faults
from topologies.expand import expanded_file
from topologies.faults import faults_of
from topologies.find import Kind, find, shown
from topologies.hardware_document import HardwareDocument
from topologies.override import Setting, overridden
from topologies.packets_document import PacketsDocument, packets_faults, packets_of
from topologies.plan_document import plan_of
from topologies.training_document import training_of
from topologies.tree import Fault, Node, dotted, faults_error


class Reading:
    """One document being read: its tree, and what was found wrong so far."""

    def __init__(self, name: str, kind: Kind, overrides: Sequence[Override | Setting]) -> None:
        path = find(name, kind, Path())
        self.kind: Kind = kind
        self.shown = shown(path)
        self.faults: list[Fault] = []
        self.root = overridden(expanded_file(path, kind, self.faults), kind, overrides, self.faults)

    def checked(self, made: type[Checked]) -> Checked:
        """The document as an object of its class. Raises TopologyError listing every fault."""
        try:
            document = checked(made, json.dumps(self.root.plain()))
        except ValidationError as error:
            self.faults += faults_of(error, self.kind, self.root)
            raise self.error() from None
        self.stop_at_faults()
        return document

    def stop_at_faults(self) -> None:
        """Raises TopologyError when anything was found wrong."""
        if self.faults:
            raise self.error()

    def error(self) -> TopologyError:
        """The error that lists what was found wrong."""
        return faults_error(self.shown, self.faults)

    def says(self, *path: str) -> bool:
        """Whether a field is given, in a file or from outside."""
        node: Node | None = self.root
        for key in path:
            node = node.child(key) if node else None
        return node is not None

    def part(self, kind: Kind) -> Node:
        """The tree of the network or hardware in an experiment."""
        return self.root.mapping[kind]


def read_experiment(name: str, overrides: Sequence[Override], settings: Sequence[Setting] = ()) -> Experiment:
    """The experiment of a name or path; see ``topologies.load``.

    settings: what a variant of a study sets, after the overrides.
    """
    reading = Reading(name, "experiment", (*overrides, *settings))
    document = reading.checked(ExperimentDocument)
    network = network_of(document.network)
    plan = plan_of(document.plan)
    batch = document.training.batch
    reading.faults += network_faults(network, batch, reading.part("network"))
    reading.faults += training_faults(document.training.initial, network, reading.root)
    hardware = hardware_of(document.hardware, reading.part("hardware"), reading.faults)
    if hardware is None or reading.faults:
        raise reading.error()
    auto = document.plan.auto
    reading.faults += plan_faults(
        plan, network.ops(batch), hardware, reading.root, automatic=auto is not None
    )
    reading.stop_at_faults()
    return Experiment(
        name=document.name,
        network=network,
        hardware=hardware,
        plan=plan,
        training=training_of(document.training, document.mode, counted=reading.says("training", "steps")),
        mode=document.mode,
        backend=document.backend,
        description=document.description,
        overrides=(*overrides, *(setting.told for setting in settings)),
        origin=name,
        auto=auto,
    )


def read_network(name: str, overrides: Sequence[Override]) -> Network:
    """The network of a name or path; see ``topologies.load_network``."""
    reading = Reading(name, "network", overrides)
    network = network_of(reading.checked(NetworkDocument))
    reading.faults += network_faults(network, 1, reading.root)
    reading.stop_at_faults()
    return network


def read_packets(name: str, overrides: Sequence[Override]) -> PacketExperiment:
    """The packet experiment of a name or path; see ``topologies.load_packets``."""
    reading = Reading(name, "packets", overrides)
    document = reading.checked(PacketsDocument)
    hardware = hardware_of(document.hardware, reading.part("hardware"), reading.faults)
    if hardware is None:
        raise reading.error()
    reading.faults += [
        Fault(reading.root.nearest(path).place, f"{dotted(path)}: {text}")
        for path, text in packets_faults(document, hardware)
    ]
    reading.stop_at_faults()
    return packets_of(document, hardware)


def read_hardware(name: str, overrides: Sequence[Override]) -> Hardware:
    """The machine of a name or path; see ``topologies.load_hardware``."""
    reading = Reading(name, "hardware", overrides)
    hardware = hardware_of(reading.checked(HardwareDocument), reading.root, reading.faults)
    if hardware is None:
        raise reading.error()
    return hardware
