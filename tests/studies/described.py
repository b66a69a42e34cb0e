"""A small study: a perceptron that reads digits, as it is and with tanh."""

from __future__ import annotations

BASE = """\
kind: experiment
name: small
network:
  name: small
  input: [1, 8, 8]
  classes: 10
  layers:
    fc1: {op: fully_connected, channels: 8, initial: {weight_deviation: he}}
    act: {op: relu}
    fc2: {op: fully_connected, channels: classes, initial: {weight_deviation: he}}
    loss: {op: softmax_cross_entropy}
hardware: gtx580
training: {batch: 128, learning_rate: 0.05}
"""
STUDY = """\
kind: study
name: activations
description: ReLU against tanh
base: ./small.yaml
epochs: 2
seeds: 3..4
until: {train_error: 0.5}
variants:
  relu: {set: {}}
  tanh:
    description: tanh in its place
    set: {network.layers.act.op: tanh}
"""
