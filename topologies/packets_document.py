"""Packet experiments as YAML writes them: programs of cores, and the rates that somebody measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le, Len
from pydantic import ConfigDict

from dataflow.bank import Bank, Engine
from dataflow.hardware import Hardware
from dataflow.near import did_you_mean
from dataflow.packets import PacketExperiment, PacketProgram
from topologies.constants import STRICT, CycleConstant, Multiple, Name, PacketsPerSecond, Source
from topologies.hardware_document import HardwareDocument
from topologies.tree import Keys

Accesses = Annotated[int, Ge(0), Le(4096)]
PORT = "port"


@dataclass(frozen=True, kw_only=True)
class PacketRateConstant:
    """Packets a second."""

    value: PacketsPerSecond
    source: Source


@dataclass(frozen=True, kw_only=True)
class PortDocument:
    """Where packets come in: how many a second it takes."""

    rate: PacketRateConstant


@dataclass(frozen=True, kw_only=True)
class FirmwareDocument:
    """What handles each packet before and after the program."""

    overhead: CycleConstant


@dataclass(frozen=True, kw_only=True)
class PacketProgramDocument:
    """What a core does for each packet. cycles: of its own instructions. reads: accesses that block.

    atomics: atomic additions, which it does not wait for.
    """

    firmware: str
    cycles: CycleConstant | None = None
    reads: Accesses = 0
    atomics: Accesses = 0


@dataclass(frozen=True, kw_only=True)
class MeasuredDocument:
    """Measured rates: of each program [cores, packets a second]."""

    source: Source
    rates: Mapping[Name, tuple[tuple[Multiple, PacketsPerSecond], ...]]


@dataclass(frozen=True, kw_only=True)
class PacketsDocument:
    """Cores of an address space that each handle a stream of packets.

    space: the address space. bank: that programs access. packets: that each core handles.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Source
    hardware: HardwareDocument
    space: str
    bank: str
    port: PortDocument
    firmware: Mapping[Name, FirmwareDocument]
    programs: Annotated[Mapping[Name, PacketProgramDocument], Len(1)]
    cores: Annotated[tuple[Multiple, ...], Len(1)]
    packets: Multiple = 64
    measured: MeasuredDocument | None = None
    description: str = ""


def packets_faults(document: PacketsDocument, hardware: Hardware) -> Iterator[tuple[Keys, str]]:
    """Where a packet experiment names what is not there, and how."""
    memory = hardware.memories.get(document.space)
    if memory is None or not memory.banks:
        spaces = [name for name, each in hardware.memories.items() if each.banks]
        near = did_you_mean(document.space, spaces)
        there = ", ".join(spaces) or "none"
        yield ("space",), f"{hardware.name!r} has no space {document.space!r}{near or ';'} there are: {there}"
        return
    banks = {bank.name: bank for bank in memory.banks}
    if document.bank not in banks:
        near = did_you_mean(document.bank, banks)
        yield (
            ("bank",),
            f"{document.space!r} has no bank {document.bank!r}{near or ';'} such as: {memory.banks[-1].name}",
        )
        return
    yield from _core_faults(document, hardware, banks[document.bank])
    yield from _name_faults(document)


def _core_faults(document: PacketsDocument, hardware: Hardware, bank: Bank) -> Iterator[tuple[Keys, str]]:
    """Cores that there are not, or that do not reach the bank; engines of one name."""
    cores = hardware.processors_in(document.space)
    reached = bank.users
    if not set(cores) <= reached:
        yield (
            ("bank",),
            f"{document.bank!r} is reached by {len(reached)} of {len(cores)} cores; take one for all",
        )
    if PORT in hardware.engines:
        yield ("port",), f"an engine of {hardware.name!r} is called {PORT!r} too; call that otherwise"
    many = [str(count) for count in document.cores if count > len(cores)]
    if many:
        told = f"{', '.join(many)} cores, but {document.space!r} has {len(cores)}"
        yield ("cores",), f"{told}; name numbers up to that, as with --cores {len(cores)}"


def _name_faults(document: PacketsDocument) -> Iterator[tuple[Keys, str]]:
    """Firmware that programs name, and programs that measurements name, but that is not there."""
    for name, program in document.programs.items():
        if program.firmware not in document.firmware:
            near = did_you_mean(program.firmware, document.firmware)
            there = ", ".join(document.firmware) or "none"
            text = f"there is no firmware {program.firmware!r}{near or ';'} there are: {there}"
            yield ("programs", name, "firmware"), text
    for name in document.measured.rates if document.measured else ():
        if name not in document.programs:
            near = did_you_mean(name, document.programs)
            there = ", ".join(document.programs)
            yield ("measured", "rates", name), f"there is no program {name!r}{near or ';'} there are: {there}"


def packets_of(document: PacketsDocument, hardware: Hardware) -> PacketExperiment:
    """The engine's packet experiment that a document describes, which has no faults."""
    banks = {bank.name: bank for bank in hardware.memories[document.space].banks}
    measured = document.measured
    return PacketExperiment(
        name=document.name,
        hardware=hardware,
        space=document.space,
        bank=banks[document.bank],
        port=Engine(PORT, document.port.rate.value),
        programs={name: _program(name, one, document) for name, one in document.programs.items()},
        cores=document.cores,
        packets=document.packets,
        measured={
            (name, cores): rate
            for name, rates in (measured.rates if measured else {}).items()
            for cores, rate in rates
        },
        source=measured.source if measured else "",
        description=document.description,
    )


def _program(name: str, program: PacketProgramDocument, document: PacketsDocument) -> PacketProgram:
    return PacketProgram(
        name=name,
        firmware_cycles=document.firmware[program.firmware].overhead.value,
        own_cycles=program.cycles.value if program.cycles else 0.0,
        reads=program.reads,
        atomics=program.atomics,
    )
