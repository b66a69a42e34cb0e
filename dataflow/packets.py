"""Packet rates: cores that each handle a stream of packets, and the engines and the port that all share.

A packet is a task of its core: instructions and accesses, timed by the core's cycle cost model. Its
operations share engines as those of any task do, by ``dataflow.simulation.flows``; the port is one
more engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from dataflow.bank import Bank, Engine
from dataflow.cycles import Breakdown, Cycles
from dataflow.errors import OptionError
from dataflow.hardware import Hardware
from dataflow.picoseconds import PS_PER_S
from dataflow.simulation.flows import Flow, Flows

CORES = "cores"
"""What limits a rate that more cores would raise."""
_NEARLY = 0.999


@dataclass(frozen=True, kw_only=True)
class PacketProgram:
    """What a core does for each packet.

    firmware_cycles: of what every program of the firmware does. own_cycles: of instructions of its own.
    reads: of DRAM, each of which blocks. atomics: atomic additions, which it does not wait for.
    """

    name: str
    firmware_cycles: float
    own_cycles: float = 0.0
    reads: int = 0
    atomics: int = 0


@dataclass(frozen=True, kw_only=True)
class PacketExperiment:
    """Programs on some numbers of cores of an address space.

    space: whose cores they are. bank: that the programs access. port: where packets come in.
    packets: each core handles so many. measured: packets a second by (program, cores). source: who
    measured them.
    """

    name: str
    hardware: Hardware
    space: str
    bank: Bank
    port: Engine
    programs: Mapping[str, PacketProgram]
    cores: tuple[int, ...]
    packets: int
    measured: Mapping[tuple[str, int], float]
    source: str
    description: str = ""

    @property
    def core(self) -> Cycles:
        """The cost model of its cores."""
        model = self.hardware.processors[self.hardware.processors_in(self.space)[0]].cost
        assert isinstance(model, Cycles)
        return model


@dataclass(frozen=True, slots=True)
class PacketRate:
    """Packets a second of a program on a number of cores.

    limit: what more of would raise it: ``cores``, or the name of an engine. measured: None if nobody did.
    """

    program: str
    cores: int
    packets_per_s: float
    limit: str
    measured: float | None

    @property
    def error(self) -> float | None:
        """How far the prediction is from the measurement, relative to it."""
        return None if self.measured is None else self.packets_per_s / self.measured - 1


@dataclass(frozen=True, slots=True)
class PacketNeeds:
    """What a packet of a program takes.

    cycles: of one core. limit: the engine, or the port, that is busiest with it. saturating_cores: the least
    number of cores that the limit keeps from being any quicker.
    """

    program: PacketProgram
    cycles: float
    limit: str
    saturating_cores: int


@dataclass(frozen=True)
class PacketPrediction:
    """Everything predicted of an experiment.

    needs: of the programs that were asked for. rates: of each on the numbers of cores that were. bends:
    rates where more cores stop to help, between those numbers: a line through all bends there.
    """

    experiment: PacketExperiment
    needs: tuple[PacketNeeds, ...]
    rates: tuple[PacketRate, ...]
    bends: tuple[PacketRate, ...]


def packet_breakdown(experiment: PacketExperiment, program: PacketProgram) -> Breakdown:
    """The cycles of one packet; each thread of a core handles a packet of its own."""
    engines = experiment.bank.engines
    operations = {engines[use]: count for use, count in _uses(program).items() if count and use in engines}
    return experiment.core.program(
        program.firmware_cycles + program.own_cycles,
        blocking={experiment.bank.kind: program.reads},
        posted=program.atomics,
        operations=operations,
    )


def _uses(program: PacketProgram) -> Mapping[str, float]:
    return {"read": program.reads, "atomic": program.atomics}


def needs_ps(experiment: PacketExperiment, program: PacketProgram) -> Mapping[str, float]:
    """How long each engine, the port among them, needs for one packet."""
    rates = {name: engine.operations_per_s for name, engine in experiment.hardware.engines.items()}
    operations = packet_breakdown(experiment, program).operations
    shared = {name: count * PS_PER_S / rates[name] for name, count in operations.items()}
    return {experiment.port.name: PS_PER_S / experiment.port.operations_per_s} | shared


def saturating_cores(experiment: PacketExperiment, program: PacketProgram) -> int:
    """The least number of cores that an engine or the port keeps from being any quicker."""
    alone_ps = experiment.core.picoseconds(packet_breakdown(experiment, program).cycles)
    return max(1, ceil(alone_ps / max(needs_ps(experiment, program).values())))


def predict(
    experiment: PacketExperiment, programs: Sequence[str] = (), cores: Sequence[int] = ()
) -> PacketPrediction:
    """The rates of ``packet_rates`` and what they follow from. Raises as that does."""
    rates = packet_rates(experiment, programs, cores)
    needs = tuple(_needs(experiment, name) for name in programs or experiment.programs)
    bends = tuple(rate for need in needs for rate in _bends(experiment, need, cores or experiment.cores))
    return PacketPrediction(experiment, needs, rates, bends)


def _needs(experiment: PacketExperiment, name: str) -> PacketNeeds:
    program = experiment.programs[name]
    needs = needs_ps(experiment, program)
    return PacketNeeds(
        program=program,
        cycles=packet_breakdown(experiment, program).cycles,
        limit=max(needs, key=lambda each: needs[each]),
        saturating_cores=saturating_cores(experiment, program),
    )


def _bends(experiment: PacketExperiment, needs: PacketNeeds, cores: Sequence[int]) -> tuple[PacketRate, ...]:
    knee = needs.saturating_cores
    around = [count for count in (knee - 1, knee) if min(cores) < count < max(cores)]
    return packet_rates(experiment, [needs.program.name], around) if around else ()


def packet_rates(
    experiment: PacketExperiment, programs: Sequence[str] = (), cores: Sequence[int] = ()
) -> tuple[PacketRate, ...]:
    """The rate of each program on each number of cores; of those of the experiment unless given.

    Raises OptionError for a program or a number of cores that there is not.
    """
    there = len(experiment.hardware.processors_in(experiment.space))
    for name in programs:
        if name not in experiment.programs:
            known = ", ".join(experiment.programs)
            raise OptionError(f"packets {experiment.name}: no program is called {name!r}; there are: {known}")
    for count in cores or experiment.cores:
        if not 1 <= count <= there:
            raise OptionError(
                f"packets {experiment.name}: {count} cores, but {experiment.space!r} of "
                f"{experiment.hardware.name!r} has {there}; name 1 to {there}"
            )
    return tuple(
        _rate(experiment, experiment.programs[name], count)
        for name in programs or tuple(experiment.programs)
        for count in cores or experiment.cores
    )


def with_accesses(experiment: PacketExperiment, reads: int | None, atomics: int | None) -> PacketExperiment:
    """The same with other accesses a packet in all programs, to which no measurement applies any more."""
    programs = {
        name: replace(
            program,
            reads=program.reads if reads is None else reads,
            atomics=program.atomics if atomics is None else atomics,
        )
        for name, program in experiment.programs.items()
    }
    same = {name for name, program in programs.items() if program == experiment.programs[name]}
    kept = {key: rate for key, rate in experiment.measured.items() if key[0] in same}
    return replace(experiment, programs=programs, measured=kept)


def _rate(experiment: PacketExperiment, program: PacketProgram, cores: int) -> PacketRate:
    alone_ps = experiment.core.picoseconds(packet_breakdown(experiment, program).cycles)
    needs = needs_ps(experiment, program)
    end_ps = _simulated_ps(alone_ps, needs, cores, experiment.packets)
    rate = cores * experiment.packets * PS_PER_S / end_ps
    engine = max(needs, key=lambda name: needs[name])
    limit = engine if rate * needs[engine] / PS_PER_S > _NEARLY else CORES
    return PacketRate(program.name, cores, rate, limit, experiment.measured.get((program.name, cores)))


def _simulated_ps(alone_ps: int, needs: Mapping[str, float], cores: int, packets: int) -> int:
    """When all cores have handled all their packets, one after the other, sharing the engines."""
    flows = Flows()
    longest = max(alone_ps, *needs.values())
    left = dict.fromkeys(range(cores), packets)
    core_of: dict[int, int] = {}
    now: int | None = 0
    waiting = list(left)
    last_ps = 0
    while now is not None:
        for core in waiting:
            if left[core]:
                left[core] -= 1
                number = len(core_of)
                core_of[number] = core
                flows.add(Flow(number, longest, 1 / longest, needs), now)
        last_ps, now = now, flows.settle(now)
        waiting = [] if now is None else [core_of[number] for number in flows.take_ended(now)]
    return last_ps
