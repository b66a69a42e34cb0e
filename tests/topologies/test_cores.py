"""Cores that share an address space, as YAML describes them."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.cycles import Cycles, Instructions
from dataflow.errors import TopologyError
from dataflow.experiment import Training
from dataflow.hardware import Hardware
from dataflow.override import Override
from dataflow.session import place_experiment, simulate_experiment
from dataflow.simulation import simulate
from tests.topologies.described import EXPERIMENT, HARDWARE, NETWORK


def agilio(*settings: str) -> Hardware:
    """The card that ships, with fields set."""
    chosen = [Override(*setting.split("=", 1)) for setting in settings]
    return topologies.load_hardware("agilio-cx", chosen)


def core_of(hardware: Hardware) -> Cycles:
    """The cost model of its first core."""
    cost = hardware.processors["core0"].cost
    assert isinstance(cost, Cycles)
    return cost


def test_the_card_has_islands_of_cores_in_one_space() -> None:
    """60 cores in 5 islands of 12; next-neighbour registers between the 11 pairs of each island."""
    card = agilio()
    assert [card.memory_of(name) for name in card.processors] == ["nic"] * 60
    assert not any(processor.floats for processor in card.processors.values())
    banks = {bank.name: bank for bank in card.memories["nic"].banks}
    kinds = [bank.kind for bank in banks.values()]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    assert counts == {"nn": 55, "local": 60, "cls": 5, "ctm": 5, "imem": 1, "emem": 1}
    assert banks["core3.nn"].reached_by == ("core3", "core4")
    assert "core11.nn" not in banks
    assert banks["island1.cls"].reached_by == tuple(f"core{index}" for index in range(12, 24))
    assert banks["emem"].reached_by == tuple(card.processors)
    assert banks["emem"].engines == {"read": "dram", "write": "dram", "atomic": "dram-atomic"}
    assert banks["emem"].cache_bytes == 3_000_000
    assert banks["imem"].cache_bytes == 0
    # 4 KiB less a stack of 512 B and 1 KiB of staging.
    assert banks["core0.local"].capacity_bytes == 4096 - 512 - 1024
    assert card.memories["nic"].capacity_bytes == sum(bank.capacity_bytes for bank in banks.values())


def test_cores_threads_and_clock_are_fields() -> None:
    """Islands are filled one after the other."""
    card = agilio(
        "hardware.spaces.nic.cores=14",
        "models.fpc.compute.threads=4",
        'models.fpc.compute.clock="1.2 GHz"',
    )
    assert len(card.processors) == 14
    banks = {bank.name: bank for bank in card.memories["nic"].banks}
    assert banks["island1.ctm"].reached_by == ("core12", "core13")
    assert (core_of(card).threads, core_of(card).clock_hz) == (4, 1.2e9)
    sources = {constant.path: constant.source for constant in card.constants}
    assert sources["spaces.nic.cores"] == "set by --set"


def test_the_ebpf_profile() -> None:
    """4,096 instructions, a stack of 512 bytes, no loops, 50 cores."""
    card = topologies.load_hardware("agilio-cx-ebpf")
    core = core_of(card)
    assert (core.program_store, core.stack_bytes, core.loops, core.floats) == (4096, 512, False, False)
    assert len(card.processors) == 50


def test_the_card_in_a_server() -> None:
    """A DMA of 64 B takes the measured 547 ns; the CPU has floating point and a memory of its own."""
    server = topologies.load_hardware("agilio-cx-host")
    assert server.processors["cpu"].floats
    assert server.memory_of("cpu") == "cpu"
    assert server.transfer_ps(64, "cpu", "nic") / 1e3 == pytest.approx(547, abs=1)
    # 55.58 Gbit/s of 2 KiB (BW_DMA_RD).
    link = next(link for link in server.links if link.kind == "pcie")
    assert 8 * link.bandwidth_bytes_per_s * link.fraction(2048) / 1e9 == pytest.approx(55.58, rel=1e-3)


def test_instructions_can_be_overridden_one_by_one() -> None:
    """What is left out stays as it is."""
    changed = core_of(agilio("models.fpc.compute.instructions.fully_connected.forward.inner.multiply=2"))
    usual = core_of(agilio())
    key = ("fully_connected", "forward")
    assert changed.routines[key].inner == Instructions(load=2, multiply=2, shift=1, add=2)
    assert list(changed.routines) == [key]
    assert not usual.routines


def test_instructions_have_a_source(tmp_path: Path) -> None:
    """One for a routine; what is set from outside needs none, and all numbers are listed with theirs."""
    path = "models.fpc.compute.instructions.relu.forward"
    with pytest.raises(TopologyError, match=r"relu.forward.source: is missing"):
        agilio(f"{path}={{inner: {{add: 3}}}}")
    routine = "{inner: {add: 3}, scans: 2, source: mine}"
    models = f"{{fpc: {{compute: {{instructions: {{relu: {{forward: {routine}}}}}}}}}}}"
    (tmp_path / "mine.yaml").write_text(f"kind: hardware\nextends: agilio-cx\nmodels: {models}\n")
    written = topologies.load_hardware(str(tmp_path / "mine.yaml"), [Override(f"{path}.scans", "4")])
    assert {each.path: (each.text, each.source) for each in written.constants if path in each.path} == {
        f"{path}.inner.add": ("3", "mine"),
        f"{path}.scans": ("4", "set by --set"),
    }
    outside = agilio(f"{path}.scans=3").constants
    assert [each.source for each in outside if path in each.path] == ["set by --set"]


def test_control_takes_cycles_of_the_cores() -> None:
    """79, 176 and 38 of them: at half the clock twice as long."""
    times = [
        (found.signal_ps, found.dispatch_ps, found.semaphore_ps)
        for clock in ("800 MHz", "400 MHz")
        if (found := agilio(f"models.fpc.compute.clock={clock}").controller) is not None
    ]
    assert times == [(98_750, 220_000, 47_500), (197_500, 440_000, 95_000)]


def test_the_port_is_busy_for_bytes_alone() -> None:
    """Of the smallest packets, 18 B in 92 B, 54.4 million a second; latency keeps no other packet waiting."""
    for link in agilio().links:
        assert (link.kind, link.sharing, link.message_overhead_ps) == ("mac", "fair", 0)
        assert 1e6 / link.occupied_ps(18) == pytest.approx(54.4, rel=1e-3)
        assert agilio().transfer_ps(18, link.source, link.destination) == 500_000 + 18_400


def test_only_next_neighbour_registers_pass_values_on() -> None:
    """From a core to the next."""
    banks = agilio().memories["nic"].banks
    assert {bank.kind for bank in banks if bank.passes_on} == {"nn"}


def test_what_the_engine_finds_wrong_with_a_space_is_at_its_line() -> None:
    """That of its name."""
    text = (Path(topologies.__file__).parent / "hardware" / "agilio-cx.yaml").read_text()
    line = text.splitlines().index("  nic:") + 1
    with pytest.raises(TopologyError, match=rf"agilio-cx.yaml:{line}: hardware: 'nic' and 'port' are not c"):
        agilio("links.mac.connects=[]")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("spaces.nic.model=fcp", "there is no model 'fcp'; did you mean 'fpc'? there are: fpc"),
        ("spaces.nic.banks.clss={per: space, capacity: {value: 1 KiB, source: x}}", "has no memory 'clss'"),
        (
            "spaces.nic.banks.emem.engines.read=dramm",
            "no engine 'dramm'; there are: dram, dram-atomic",
        ),
        (
            "spaces.nic.banks.local.capacity=1 KiB",
            "holds no more than stack and staging, 1536 B",
        ),
        (
            "spaces.nic.banks.emem.cache={value: 4 GiB, source: x}",
            "a cache of 4,294,967,296 B is larger than its bank of 2,147,483,648 B; leave it out or make it",
        ),
        (
            "models.fpc.compute.memories.cls.latency=[9 cycles, 2 cycles]",
            "the shortest latency stands before",
        ),
        ("models.fpc.compute.clock=800 GB", "'800 GB' is not a frequency; write one as '6 MHz'"),
        ("models.fpc.compute.costs.multiply_16=4", "4 has no unit; write '4 cycles'"),
        ("models.fpc.compute.instructions.fully_connectd={}", "unknown key; did you mean 'fully_connected'?"),
        ("spaces.nic.controller.signal=1 GB", "'1 GB' is not a number of cycles"),
        (
            "processors={core3: {model: fpc}}",
            "'core3' names two processors; call the cores",
        ),
        (
            "processors={other: {model: fpc}}",
            "'fpc' is the model of cores of an address space",
        ),
        (
            "models.fpc.memory={capacity: {value: 1 GB, source: x}, bandwidth: {value: 1 GB/s, source: x}}",
            "is of processors with a memory of their own",
        ),
        ("spaces.nic.cores=0", "spaces.nic.cores.value: must be at least 1, got 0"),
        ("spaces.nix.cores=4", "there is no 'spaces.nix'; did you mean 'nic'?"),
    ],
)
def test_spaces_that_break_a_rule(setting: str, told: str) -> None:
    """At the setting that did it."""
    with pytest.raises(TopologyError) as caught:
        agilio(setting)
    assert told in str(caught.value)


def test_cores_of_a_roofline_are_refused(tmp_path: Path) -> None:
    """The cost model of an address space's cores counts cycles."""
    text = (
        HARDWARE
        + """\
spaces:
  nic:
    model: chip
    cores: {value: 2, source: x}
    per_island: {value: 2, source: x}
    banks: {emem: {per: space, capacity: {value: 1 GB, source: x}}}
    dma: {engines: {value: 1, source: x}, overhead: {value: 0 us, source: x}}
"""
    )
    path = tmp_path / "machine.yaml"
    path.write_text(text)
    with pytest.raises(TopologyError, match=r"'chip' costs by roofline; .* need 'cost: cycles'"):
        topologies.load_hardware(str(path))


PAIR = (
    "kind: hardware\ncluster: {of: agilio-cx, count: 2}\nlinks:\n  wire:\n"
    '    bandwidth: {value: "5 GB/s", source: x}\n    latency: {value: "1 us", source: x}\n'
    "    duplex: full\n    connects: [[node0/port, node1/port]]\n"
)


def test_spaces_in_a_cluster_keep_apart(tmp_path: Path) -> None:
    """Two cards behind a switch: banks, cores and engines of each."""
    path = tmp_path / "pair.yaml"
    path.write_text(PAIR)
    pair = topologies.load_hardware(str(path))
    assert pair.memory_of("node1/core5") == "node1/nic"
    emem = pair.memories["node1/nic"].banks[-1]
    assert emem.engines["read"] == "node1/dram"
    assert "node1/core59" in emem.reached_by
    assert set(pair.engines) == {f"node{n}/{name}" for n in (0, 1) for name in ("dram", "dram-atomic")}


def test_a_controller_signals_the_cores_of_one_card(tmp_path: Path) -> None:
    """In a cluster of them tasks start by themselves."""
    (tmp_path / "pair.yaml").write_text(PAIR)
    path = tmp_path / "exp.yaml"
    text = "kind: experiment\nnetwork: two-layer\nhardware: pair.yaml\ntraining: {dtype: q8.8}\n"
    path.write_text(text)
    assert topologies.load(str(path)).plan.control.kind == "dataflow"
    for kind in ("static", "dynamic"):
        path.write_text(f"{text}plan: {{control: {{kind: {kind}}}}}\n")
        with pytest.raises(TopologyError, match=f"control is '{kind}', but the cores .* are in 2 machines"):
            topologies.load(str(path))


def test_small_networks_are_not_limited_by_the_port() -> None:
    """A sample of the two-layer network is 534 ns on its way, but another may follow it meanwhile."""
    overrides = [Override("mode", "pipeline"), Override("training.steps", "32")]
    found = simulate_experiment(topologies.load("two-layer-agilio", overrides)).metrics.pipeline
    assert found is not None
    assert found.interval_s is not None
    assert found.interval_s < 500e-9
    assert found.bottleneck.startswith("core")


def experiment(tmp_path: Path, training: str) -> Path:
    """An experiment on two chips with more in its training."""
    (tmp_path / "net.yaml").write_text(NETWORK)
    (tmp_path / "machine.yaml").write_text(HARDWARE)
    path = tmp_path / "exp.yaml"
    path.write_text(EXPERIMENT.replace("training:\n", f"training:\n{training}"))
    return path


def test_control_buffers_banks_and_mode_are_read() -> None:
    """As the engine has them: times in picoseconds."""
    settings = (
        Override("plan.control", "{kind: static, spacing: 2 us}"),
        Override("plan.buffers", "3"),
        Override("plan.banks", "{'*.weight': cls}"),
        Override("mode", "inference"),
    )
    read = topologies.load("two-layer-agilio", settings)
    assert (read.plan.control.kind, read.plan.control.spacing_ps) == ("static", 2_000_000)
    assert (read.mode, read.plan.buffers, dict(read.plan.banks)) == ("inference", 3, {"*.weight": "cls"})


def test_fixed_point_formats_are_read(tmp_path: Path) -> None:
    """Of the training, of tensors, and of the weights that updates change."""
    arithmetic = "{rounding: truncate, formats: {'*.grad': q4.12}, master_weights: q8.24}"
    training = f"  dtype: q8.8\n  arithmetic: {arithmetic}\n"
    found = topologies.load(str(experiment(tmp_path, training))).training
    assert type(found) is Training
    assert (found.dtype, found.itemsize) == ("q8.8", 2)
    assert found.arithmetic.format_of("conv.weight.grad", found.dtype) == "q4.12"
    assert (found.arithmetic.rounding, found.arithmetic.master_weights) == ("truncate", "q8.24")


@pytest.mark.parametrize(
    ("training", "told"),
    [
        ("dtype: q99.1", "training.dtype: number format 'q99.1' has 100 bits; it needs 1 before the point"),
        ("dtype: q8", "training.dtype: must be a fixed-point format such as 'q8.8', got 'q8'"),
        ("arithmetic: {formats: {w: int8}}", "must be a fixed-point format such as 'q8.8', got 'int8'"),
        ("arithmetic: {rounding: up}", "training.arithmetic.rounding: must be 'nearest', 'truncate' or"),
    ],
)
def test_formats_that_are_none(tmp_path: Path, training: str, told: str) -> None:
    """With the rule, at their line."""
    with pytest.raises(TopologyError) as caught:
        topologies.load(str(experiment(tmp_path, f"  {training}\n")))
    assert told in str(caught.value)


def step_ps(*settings: str) -> int:
    """How long a step of the two-layer network takes on the card, with fields set."""
    chosen = [Override(*setting.split("=", 1)) for setting in settings]
    trace = simulate(place_experiment(topologies.load("two-layer-agilio", chosen))).trace
    return trace.end_ps - trace.start_ps


def test_nearer_memory_makes_the_step_faster() -> None:
    """All tensors, and the weights alone, in CLS, CTM, IMEM, EMEM; the plan's own choice is the fastest."""
    kinds = ("cls", "ctm", "imem", "emem")
    everything = [step_ps(f"plan.banks={{'*': {kind}}}") for kind in kinds]
    weights = [step_ps(f"plan.banks={{'*.weight': {kind}}}") for kind in kinds]
    assert everything == sorted(set(everything))
    assert weights == sorted(set(weights))
    assert step_ps() <= min(weights[0], everything[0])


def test_more_threads_hide_more_latency() -> None:
    """Of tensors in EMEM; and never less."""
    times = [
        step_ps("plan.banks={'*': emem}", f"hardware.models.fpc.compute.threads={count}")
        for count in (1, 2, 4, 8)
    ]
    assert times[0] > times[1] > times[2] >= times[3]
