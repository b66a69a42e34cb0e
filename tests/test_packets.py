"""Packet rates against those that were measured, and the command that predicts them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
from click.testing import CliRunner

import topologies
from dataflow.cli import dataflow
from dataflow.errors import OptionError, TopologyError
from dataflow.override import Override
from dataflow.packets import (
    PacketExperiment,
    PacketProgram,
    packet_breakdown,
    packet_rates,
    predict,
    saturating_cores,
)

CLOCK_HZ = 800e6


@pytest.fixture(scope="module")
def experiment() -> PacketExperiment:
    """The one that ships."""
    return topologies.load_packets("nfp-packet-rate")


def cycles(experiment: PacketExperiment, program: str, *cores: int) -> float:
    """Cycles of a core for each packet, as measured."""
    return mean(CLOCK_HZ * count / experiment.measured[program, count] for count in cores)


def test_constants_follow_from_the_rows_that_show_them(experiment: PacketExperiment) -> None:
    """Each from rows where nothing else limits, as docs/smartnic.md says."""
    plain = cycles(experiment, "drop", 5, 10, 15, 20, 25)
    assert experiment.programs["drop"].firmware_cycles == pytest.approx(plain, abs=0.1)
    slow = cycles(experiment, "slow", *range(5, 55, 5))
    assert experiment.programs["slow"].own_cycles == pytest.approx(slow - plain, abs=0.2)
    lookup = cycles(experiment, "lookup4", 5) - 4 * (3 + 25)
    assert experiment.programs["lookup4"].firmware_cycles == pytest.approx(lookup, abs=0.1)
    port = mean(experiment.measured["drop", cores] for cores in range(30, 55, 5))
    assert experiment.port.operations_per_s == pytest.approx(port, rel=1e-4)
    dram = 4 * mean(experiment.measured["lookup4", cores] for cores in range(25, 55, 5))
    assert experiment.hardware.engines["dram"].operations_per_s == pytest.approx(dram, rel=1e-3)


def test_all_given_rows_are_met(experiment: PacketExperiment) -> None:
    """Within 5 %; in fact within 2.1 %."""
    rates = [rate for rate in packet_rates(experiment) if rate.measured is not None]
    assert len(rates) == 30
    assert max(abs(rate.error or 0.0) for rate in rates) < 0.021


def test_reads_saturate_dram_with_21_cores(experiment: PacketExperiment) -> None:
    """20 cores of 800 / 337.8 M packets/s are below 197.8 / 4 M, 21 are not."""
    assert saturating_cores(experiment, experiment.programs["lookup4"]) == 21
    below, at = packet_rates(experiment, ["lookup4"], [20, 21])
    assert (below.limit, at.limit) == ("cores", "dram")
    assert below.packets_per_s == pytest.approx(20 * 800e6 / 337.8, rel=1e-3)
    assert at.packets_per_s == pytest.approx(197.8e6 / 4, rel=1e-3)


def test_a_prediction_has_what_a_picture_draws(experiment: PacketExperiment) -> None:
    """From 10 to 30 cores lines bend: lookup4's at 20 and 21, where DRAM limits; drop's by the port."""
    found = predict(experiment, ["lookup4", "drop"], [10, 30])
    assert [(needs.program.name, needs.limit) for needs in found.needs] == [
        ("lookup4", "dram"),
        ("drop", "port"),
    ]
    assert [needs.cycles for needs in found.needs] == pytest.approx([337.8, 416.5], abs=0.1)
    bends = [(rate.program, rate.cores) for rate in found.bends]
    knee = found.needs[1].saturating_cores
    assert bends == [("lookup4", 20), ("lookup4", 21), ("drop", knee - 1), ("drop", knee)]
    assert found.rates == packet_rates(experiment, ["lookup4", "drop"], [10, 30])
    assert predict(experiment, ["lookup4"], [30, 40]).bends == ()


def test_a_packet_takes_instructions_and_accesses(experiment: PacketExperiment) -> None:
    """A read occupies the core for 3 + 25 cycles, an atomic addition for 1; eight threads hide latency."""
    program = PacketProgram(name="x", firmware_cycles=100, own_cycles=20, reads=2, atomics=3)
    found = packet_breakdown(experiment, program)
    assert found.cycles == 100 + 20 + 2 * 28 + 3
    assert found.operations == {"dram": 2, "dram-atomic": 3}


def test_a_core_with_one_thread_waits_for_its_reads() -> None:
    """225.8 + 4 x 200 cycles in place of 225.8 + 4 x 28."""
    alone = topologies.load_packets("nfp-packet-rate", [Override("hardware.models.fpc.compute.threads", "1")])
    (rate,) = packet_rates(alone, ["lookup4"], [1])
    assert rate.packets_per_s == pytest.approx(CLOCK_HZ / (225.8 + 800), rel=1e-3)


def test_more_threads_hide_more_latency_up_to_the_limit_of_dram() -> None:
    """50 cores of one thread wait for 4 x 200 cycles a packet; two threads each saturate the engine."""
    rates = []
    for threads in (1, 2, 4, 8):
        setting = Override("hardware.models.fpc.compute.threads", str(threads))
        (rate,) = packet_rates(topologies.load_packets("nfp-packet-rate", [setting]), ["lookup4"], [50])
        rates.append(rate)
    assert [rate.limit for rate in rates] == ["cores", "dram", "dram", "dram"]
    assert rates[0].packets_per_s == pytest.approx(50 * CLOCK_HZ / (225.8 + 800), rel=1e-3)
    assert all(rate.packets_per_s == pytest.approx(197.8e6 / 4, rel=1e-3) for rate in rates[1:])


@pytest.mark.parametrize(
    ("reads", "atomics", "limit"), [(0, 1, "port"), (9, 0, "dram"), (0, 9, "dram-atomic")]
)
def test_more_accesses_move_the_limit(
    experiment: PacketExperiment, reads: int, atomics: int, limit: str
) -> None:
    """Of 60 cores: from the port to an engine."""
    program = replace(experiment.programs["lookup4"], name="x", reads=reads, atomics=atomics)
    (rate,) = packet_rates(replace(experiment, programs={"x": program}), [], [60])
    assert rate.limit == limit


def test_what_there_is_not(experiment: PacketExperiment) -> None:
    """Programs and numbers of cores, with what there is."""
    with pytest.raises(OptionError, match="no program is called 'lookup'; there are: drop, slow, lookup4"):
        packet_rates(experiment, ["lookup"])
    with pytest.raises(OptionError, match="61 cores, but 'nic' of 'agilio-cx' has 60; name 1 to 60"):
        packet_rates(experiment, ["drop"], [61])


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("space=nix", "space: 'agilio-cx' has no space 'nix'; did you mean 'nic'? there are: nic"),
        ("bank=emen", "bank: 'nic' has no bank 'emen'; did you mean 'emem'?"),
        ("bank=core0.local", "bank: 'core0.local' is reached by 1 of 60 cores; take one for all"),
        ("cores=[9, 70, 80]", "cores: 70, 80 cores, but 'nic' has 60; name numbers up to that"),
        ("programs.drop.firmware=plane", "there is no firmware 'plane'; did you mean 'plain'?"),
        (
            "measured.rates.drip=[[1, 2 packet/s]]",
            "no program 'drip'; did you mean 'drop'?",
        ),
        ("measured.rates.drop=[[1, 2]]", "measured.rates.drop.0.1: 2 has no unit; write '2 Mpacket/s'"),
        ("port.rate=3", "port.rate.value: 3 has no unit; write '3 Mpacket/s'"),
    ],
)
def test_descriptions_that_break_a_rule(setting: str, told: str) -> None:
    """At the setting that did it."""
    path, _, value = setting.partition("=")
    with pytest.raises(TopologyError) as caught:
        topologies.load_packets("nfp-packet-rate", [Override(path, value)])
    assert told in str(caught.value)


@pytest.mark.parametrize("command", ["run", "show", "simulate"])
def test_other_commands_say_which_one_it_is_for(command: str) -> None:
    """By name."""
    with pytest.raises(TopologyError, match="'dataflow packets nfp-packet-rate' predicts its rates"):
        CliRunner().invoke(dataflow, [command, "nfp-packet-rate"], catch_exceptions=False)


def test_experiments_are_no_packet_experiments() -> None:
    """And the other way round."""
    with pytest.raises(TopologyError, match="is of kind experiment, but a packet experiment is needed"):
        topologies.load_packets("two-layer-agilio")


def test_the_command_writes_a_table_and_a_picture(tmp_path: Path) -> None:
    """packets.csv holds what packets.json does."""
    folder = tmp_path / "out"
    arguments = ["packets", "nfp-packet-rate", "--program", "drop", "--cores", "5,6", "--out", str(folder)]
    done = CliRunner().invoke(dataflow, [*arguments, "--json"])
    assert done.exit_code == 0
    rows = list(csv.DictReader((folder / "packets.csv").read_text().splitlines()))
    rates = json.loads((folder / "packets.json").read_text())["rates"]
    assert [(row["program"], row["cores"], float(row["predicted_per_s"])) for row in rows] == [
        (rate["program"], str(rate["cores"]), rate["predicted_per_s"]) for rate in rates
    ]
    assert [row["measured_per_s"] for row in rows] == ["9508377.0", ""]
    assert (folder / "packets.png").read_bytes().startswith(b"\x89PNG")
    shown = CliRunner().invoke(dataflow, arguments)
    assert "largest error 1.00 %" in " ".join(shown.output.split())


def test_the_command_takes_any_number_of_accesses(tmp_path: Path) -> None:
    """--reads replaces the programs', to which measurements then do not apply."""
    arguments = ["packets", "nfp-packet-rate", "--program", "lookup4", "--reads", "8", "--cores", "50"]
    done = CliRunner().invoke(dataflow, [*arguments, "--json", "--out", str(tmp_path)])
    (rate,) = json.loads(done.stdout)["rates"]
    assert rate["predicted_per_s"] == pytest.approx(197.8e6 / 8, rel=1e-3)
    assert (rate["measured_per_s"], rate["limit"]) == (None, "dram")


def test_cores_of_the_command_replace_those_of_the_description(tmp_path: Path) -> None:
    """Of a card with 8 cores, which has not as many as were measured; the rows that are left are compared."""
    arguments = ["packets", "nfp-packet-rate", "--program", "drop", "--set", "hardware.spaces.nic.cores=8"]
    with pytest.raises(TopologyError, match=r"1 fault\n.*cores: 10, 15, .* 50 cores, but 'nic' has 8; name"):
        CliRunner().invoke(dataflow, arguments, catch_exceptions=False)
    done = CliRunner().invoke(dataflow, [*arguments, "--cores", "5,8", "--json", "--out", str(tmp_path)])
    rates = json.loads(done.stdout)["rates"]
    assert [(rate["cores"], rate["measured_per_s"]) for rate in rates] == [(5, 9508377.0), (8, None)]
    assert rates[1]["predicted_per_s"] == pytest.approx(8 * CLOCK_HZ / 416.5, rel=1e-3)
    with pytest.raises(TopologyError, match="61 cores, but 'nic' has 60; name numbers up to that"):
        CliRunner().invoke(dataflow, [*arguments[:4], "--cores", "61"], catch_exceptions=False)


def test_cores_must_be_numbers() -> None:
    """Said with an example."""
    with pytest.raises(OptionError, match=r"--cores 1,x: must be numbers from 1 .*, such as 1,10,20"):
        CliRunner().invoke(dataflow, ["packets", "nfp-packet-rate", "--cores", "1,x"], catch_exceptions=False)
