"""Hosts that make batches of files, as YAML has them, and the experiment with all of ImageNet."""

from __future__ import annotations

import pytest

import topologies
from dataflow.errors import OptionError, TopologyError
from dataflow.hardware import HostInput
from dataflow.override import Override
from dataflow.session import place_experiment, simulate_experiment
from topologies.find import shipped_files


def test_a_host_with_an_input_path() -> None:
    """Cores, pixel rates, buffers, and the bandwidth of the host's memory; every number has its source."""
    gtx580 = topologies.load_hardware("gtx580")
    assert gtx580.inputs == {"host": HostInput(4, 100e6, 165e6, 2, 21.3e9)}
    paths = [constant.path for constant in gtx580.constants if "hosts.host.input" in constant.path]
    assert paths == [f"hosts.host.input.{name}" for name in ("cores", "decode", "augment")]


@pytest.mark.parametrize(
    "name",
    [
        "gtx580",
        "gtx580x2",
        "k20x8",
        "k80x8",
        "k80-cluster",
        "titanx4",
        "deepbench-maxwell",
        "deepbench-pascal",
        "dgx1-p100",
        "a100x8",
        "a100x8-cluster",
        "h100x8",
        "h100x8-cluster",
        "host-cpu",
    ],
)
def test_hosts_of_machines_that_ship_make_batches(name: str) -> None:
    """All hosts that are computers; the port of a network card is none."""
    hardware = topologies.load_hardware(name)
    assert set(hardware.inputs) == set(hardware.hosts)
    assert not topologies.load_hardware("agilio-cx-host").inputs


def test_faults_of_an_input_path() -> None:
    """A rate of bytes, and no buffer at all."""
    with pytest.raises(TopologyError, match="is not a pixel rate; write one as '6 Mpixel/s'"):
        topologies.load_hardware("gtx580", [Override("hosts.host.input.decode", "6 MB/s")])
    with pytest.raises(TopologyError, match=r"hosts\.host\.input\.buffers"):
        topologies.load_hardware("gtx580", [Override("hosts.host.input.buffers", "0")])


def test_a_card_has_no_host_that_makes_batches() -> None:
    """The message names the port and says what to set."""
    experiment = topologies.load("digits-cnn-agilio", [Override("training.input", "jpeg")])
    with pytest.raises(OptionError, match=r"host 'port' .* has no input path; .*training\.input=decoded"):
        place_experiment(experiment)


def test_the_full_epoch_is_not_input_bound() -> None:
    """Four cores prepare twenty times as many images as two GTX 580 take, so that the step is as without."""
    metrics = simulate_experiment(topologies.load("alexnet-full-epoch"), limits=False).metrics
    plain = simulate_experiment(topologies.load("alexnet-2x-gtx580"), limits=False).metrics
    assert metrics.step_time_s == plain.step_time_s
    assert metrics.input is not None
    assert not metrics.input.bound
    assert metrics.input.images_per_s / metrics.images_per_s == pytest.approx(20.2, abs=0.1)


def test_the_full_epoch_with_one_slow_core_is_input_bound() -> None:
    """65,536 pixels at 10 M and 51,529 at 165 M a second: 6.866 ms an image, 878.8 ms a batch."""
    slow = [Override("hardware.hosts.host.input.cores", "1")]
    slow.append(Override("hardware.hosts.host.input.decode", "10 Mpixel/s"))
    metrics = simulate_experiment(topologies.load("alexnet-full-epoch", slow), limits=False).metrics
    assert metrics.input is not None
    assert metrics.input.bound
    assert metrics.step_time_s == pytest.approx(128 * (65536 / 10e6 + 51529 / 165e6))


def test_the_study_has_every_machine_that_ships() -> None:
    """One variant at least for each file of hardware."""
    study = topologies.load_study("alexnet-full-epoch")
    used = {variant.experiment.hardware.name for variant in study.variants}
    assert used == {topologies.load_hardware(name).name for name in shipped_files("hardware")}
