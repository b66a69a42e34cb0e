"""Descriptions that break a rule: every fault at once, each with its line, its value and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from tests.topologies.described import EXPERIMENT, NETWORK, changed, faults, write_all

CONVOLUTION_KEYS = "bias, channels, groups, initial, input, kernel, op, pad, stride"
OPS = (
    "average_pooling, convolution, dropout, fully_connected, local_response_normalization, "
    "max_pooling, relu, sigmoid, softmax_cross_entropy, tanh"
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("classes: 10", "classes: 10.0", "3: network.classes: must be a whole number, got 10.0"),
        ("classes: 10", "classes: '10'", "3: network.classes: must be a whole number, got '10'; write it without quotes"),
        ("classes: 10", "classes: true", "3: network.classes: must be a whole number, got true"),
        ("classes: 10", "classes:", "3: network.classes: must be a whole number, got nothing"),
        ("classes: 10", "classes: 10\nname: ''", "4: network.name: must not be empty"),
        ("classes: 10", "clases: 10", "1: network.classes: is missing"),
        ("[3, 8, 8]", "[3, 8]", "2: network.input.2: is missing; the list is too short, got a list of 2"),
        ("[3, 8, 8]", "[3, 8, 8, 8]", "2: network.input: must be a list of 3, got a list of 4"),
        ("[3, 8, 8]", "[3, 8, 8.5]", "2: network.input.2: must be a whole number, got 8.5"),
        ("[3, 8, 8]", "8", "2: network.input: must be a list, got 8"),
        ("kernel: 3", "kernel: 0", "5: network.layers.conv.kernel: must be more than 0, got 0"),
        ("kernel: 3", "kernel: [3, 0]", "5: network.layers.conv.kernel.1: must be more than 0, got 0"),
        ("kernel: 3", "kernel: 3, pad: -1", "5: network.layers.conv.pad: must be at least 0, got -1"),
        ("kernel: 3", "kernel: 3, pad: [1, 2, 3]", "5: network.layers.conv.pad: must be a list of 2, got a list of 3"),
        (
            "kernel: 3",
            "kernel: '3'",
            "5: network.layers.conv.kernel: must be a whole number or a list, got '3'; write it without quotes",
        ),
        (
            "kernel: 3",
            "kernel: 3, strid: 4",
            "5: network.layers.conv.strid: unknown key; did you mean 'stride'? the keys here are " + CONVOLUTION_KEYS,
        ),
        (
            "kernel: 3",
            "kernel: 3, qqq: 4",
            "5: network.layers.conv.qqq: unknown key; the keys here are " + CONVOLUTION_KEYS,
        ),
        (
            "kernel: 3",
            "kernel: 3, initial: {bia: 1}",
            "5: network.layers.conv.initial.bia: unknown key; did you mean 'bias'? "
            "the keys here are bias, weight_deviation",
        ),
        ("kernel: 3", "kernel: 3, bias: yes", "5: network.layers.conv.bias: must be true or false, got 'yes'; write true"),
        ("kernel: 3", "kernel: 3, bias: off", "5: network.layers.conv.bias: must be true or false, got 'off'; write false"),
        ("kernel: 3", "kernel: 3, bias: 1", "5: network.layers.conv.bias: must be true or false, got 1"),
        (
            "kernel: 3",
            "kernel: 3, initial: {bias: .nan}",
            "5: network.layers.conv.initial.bias: must be a finite number, got nan",
        ),
        (
            "kernel: 3",
            "kernel: 3, initial: {bias: '1'}",
            "5: network.layers.conv.initial.bias: must be a number, got '1'; write it without quotes",
        ),
        ("kernel: 3", "kernel: 3, input: 3", "5: network.layers.conv.input: must be a text or a list, got 3"),
        (
            "op: convolution",
            "op: convoluton",
            f"5: network.layers.conv: there is no op 'convoluton'; did you mean 'convolution'? there are {OPS}",
        ),
        ("op: convolution", "op: zzz", f"5: network.layers.conv: there is no op 'zzz'; there are {OPS}"),
        ("op: convolution, ", "", f"5: network.layers.conv: 'op' is missing; one of {OPS}"),
        (
            "channels: classes",
            "channels: clases",
            "6: network.layers.fc.channels: must be a whole number or 'classes', got 'clases'; did you mean 'classes'?",
        ),
        ("conv:", "con.v:", "5: network.layers.con.v: 'con.v' is no name; names are made of letters, digits, '_', '-' "
         "and '/' and begin with a letter, digit or '_'"),
        ("  conv: {op: convolution, channels: 4, kernel: 3}", "  conv:", "5: network.layers.conv: must be a mapping, got nothing"),
        # what the engine finds
        ("kernel: 3", "kernel: 9", "5: network: layer 'conv': kernel of height 9 does not fit an input of height 8 padded by 0 on each side"),
        ("kernel: 3", "kernel: 3, groups: 2", "5: network: layer 'conv': 2 groups do not divide 3 input channels"),
        ("kernel: 3", "kernel: 3, input: cov", "5: network: layer 'conv' reads 'cov', which is no layer (there are: data, conv, fc, loss)"),
        ("channels: classes", "channels: 9", "7: network: layer 'loss': needs one score for each of 10 classes, got shape (9,)"),
        ("conv:", "data:", "5: network: layer 'data': the name stands for the batch; take another"),
        ("{op: softmax_cross_entropy}", "{op: relu}", "4: network: needs exactly one softmax_cross_entropy layer, found: none"),
        (
            "kernel: 3",
            "kernel: 3, input: fc",
            "5: network 'x': layers read one another in a cycle: conv -> fc -> ...; "
            "a layer may only read layers that do not depend on it",
        ),
    ],
)  # fmt: skip
def test_a_network_that_breaks_a_rule(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """The fault is listed with its line."""
    path = tmp_path / "x.yaml"
    path.write_text(changed(NETWORK, old, new))
    assert f"x.yaml:{expected}" in faults(topologies.load_network, path)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("model: 2", "model: 3", "exp.yaml:5: plan: mesh {model: 3} needs 3 processors, but 2 are there (chip0, chip1); "
         "change the mesh, or name them under 'processors'"),
        ("fc: {on: chip0}", "fc: {on: [chip2]}",
         "exp.yaml:8: plan: layer 'fc' on 'chip2', but hardware 'machine' (machine.yaml:14) has chip0, chip1"),
        ("fc: {on: chip0}", "fc9: {on: chip0}",
         "exp.yaml:8: plan: layer 'fc9' is not in the network (there are: conv, fc, loss)"),
        ("fc: {on: chip0}", "fc: {on: 3}",
         "exp.yaml:8: plan.layers.fc.on: must be the name of a processor or a list of names, got 3"),
        ("fc: {on: chip0}", "fc: {at: chip0}", "exp.yaml:8: plan.layers.fc.at: unknown key; the keys here are on, shard"),
        ("channel: model", "channel: modle",
         "exp.yaml:7: plan: layer '*' shards 'channel' over axis 'modle', but the axes are: model"),
        ("fc: {on: chip0}", "fc: {shard: {height: model}}",
         "exp.yaml:8: plan: layer 'fc' cannot be sharded by 'height'; possible: batch, channel, in_channel"),
        ("  mesh:", "  processors: [chip0, chip9]\n  mesh:",
         "exp.yaml:5: plan: processor 'chip9' is not in hardware 'machine', which has chip0, chip1"),
        ("batch: 4", "batch: 4\n  dtype: float16", "exp.yaml:12: training.dtype: must be 'float32' or 'float64', got 'float16'; "
         "did you mean 'float64'?"),
        ("batch: 4", "momentum: 1", "exp.yaml:11: training.momentum: must be less than 1, got 1"),
        ("batch: 4", "bach: 4", "exp.yaml:11: training.bach: unknown key; did you mean 'batch'? the keys here are "
         "batch, dtype, epochs, images_per_epoch, learning_rate, momentum, seed, steps, weight_decay"),
        ("network: ./net.yaml", "network: 3", "exp.yaml:2: network: must be a mapping, got 3"),
        ("network: ./net.yaml\n", "", "exp.yaml:1: network: is missing"),
    ],
)  # fmt: skip
def test_an_experiment_that_breaks_a_rule(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Faults of the plan are at the line of the plan, and say where the hardware is."""
    path = write_all(tmp_path, experiment=changed(EXPERIMENT, old, new))
    assert expected in [fault.replace(f"{tmp_path}/", "") for fault in faults(topologies.load, path)]


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    """In the order of files and lines."""
    path = write_all(
        tmp_path,
        network=changed(changed(NETWORK, "kernel: 3", "kernl: 3"), "classes: 10", "classes: 0"),
        experiment=changed(EXPERIMENT, "batch: 4", "batch: 0"),
    )
    assert [fault.split(" ")[0:2] for fault in faults(topologies.load, path)] == [
        ["exp.yaml:11:", "training.batch:"],
        ["net.yaml:3:", "network.classes:"],
        ["net.yaml:5:", "network.layers.conv.kernel:"],
        ["net.yaml:5:", "network.layers.conv.kernl:"],
    ]


def test_several_faults_of_the_engine_come_at_once(tmp_path: Path) -> None:
    """Each at the line of its layer."""
    path = tmp_path / "x.yaml"
    path.write_text(changed(changed(NETWORK, "kernel: 3", "kernel: 3, input: a"), "classes}", "classes, input: b}"))
    assert [fault.split(":")[1] for fault in faults(topologies.load_network, path)] == ["5", "6"]
