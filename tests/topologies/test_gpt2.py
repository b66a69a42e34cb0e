"""GPT-2 as it ships: exact counts, the structure of its tiny copy, and how it begins."""

from __future__ import annotations

from math import sqrt

import pytest

import topologies
from dataflow.experiment import Experiment, Training
from dataflow.graph import training_graph
from dataflow.layers import AttentionLayer, GeluLayer, Learned, LinearLayer
from dataflow.ops import Op, Phase
from dataflow.override import Override
from tests.engine.worlds import machine

BLOCK = "ln1 query key value attention proj add1 ln2 fc1 gelu fc2 add2"
PER_TOKEN = 12 * (4 * 768 * 768 + 2 * 768 * 3072) + 768 * 50_257
"""Multiply-accumulates of a token outside attention: four projections and two layers a block, the scores."""
ATTENTION = 2 * 1024 * 1024 * 768
"""Those of one block's attention to 1,024 tokens: queries by keys, and probabilities by values."""


def test_gpt2_small_has_124_439_808_parameters() -> None:
    """What PyTorch counts of the released weights; the output layer's are those of the embedding."""
    network = topologies.load_network("gpt2-small")
    assert network.parameter_count == 124_439_808
    assert network.parameters("token_embedding") == 50_257 * 768
    assert network.parameters("position_embedding") == 1024 * 768
    assert network.parameters("output") == 0
    blocks = [
        sum(network.parameters(name) for name in network.order if name.startswith(f"h{index}_"))
        for index in range(12)
    ]
    # Two normalisations, four projections, fc1 and fc2, each with its bias.
    assert blocks == [2 * 2 * 768 + 4 * (768 + 1) * 768 + (768 + 1) * 3072 + (3072 + 1) * 768] * 12
    assert network.parameters("ln_f") == 2 * 768


def test_gpt2_small_takes_291_648_307_200_flop_forward() -> None:
    """Of 1,024 tokens, causal attention counted whole; nanoGPT's transformer_sizing notebook has it too."""
    network = topologies.load_network("gpt2-small")
    assert network.forward_flop_per_image == 2 * (1024 * PER_TOKEN + 12 * ATTENTION) == 291_648_307_200


def test_the_gradients_of_gpt2_small_take_twice_the_flop_and_a_half_more_of_attention() -> None:
    """Each layer has an input and a weight gradient of as many; attention has five products for two."""
    network = topologies.load_network("gpt2-small")
    graph = training_graph(Experiment("one", network, machine(1), training=Training(batch=1)))
    gradients = sum(task.flop for task in graph.tasks if task.phase is Phase.GRADIENT)
    assert gradients == 2 * (2 * 1024 * PER_TOKEN + 12 * ATTENTION * 5 // 2)


def test_gpt2_small_has_the_layers_of_the_paper() -> None:
    """Normalisation, attention, added; normalisation, two layers, added; a last normalisation."""
    network = topologies.load_network("gpt2-small")
    blocks = [f"h{index}_{name}" for index in range(12) for name in BLOCK.split()]
    assert network.order == (
        *("token_embedding", "position_embedding"),
        *blocks,
        *("ln_f", "output", "loss"),
    )
    before = "position_embedding"
    for index in range(12):
        assert network.inputs[f"h{index}_ln1"] == (before,)
        assert {network.inputs[f"h{index}_{name}"] for name in ("query", "key", "value")} == {
            (f"h{index}_ln1",)
        }
        assert network.inputs[f"h{index}_add1"] == (before, f"h{index}_proj")
        assert network.inputs[f"h{index}_add2"] == (f"h{index}_add1", f"h{index}_fc2")
        before = f"h{index}_add2"
    for layer in network.layers.values():
        if isinstance(layer, AttentionLayer):
            assert (layer.heads, layer.causal) == (12, True)
        if isinstance(layer, GeluLayer):
            assert layer.approximate == "tanh"
        if isinstance(layer, LinearLayer):
            assert layer.bias == (layer.weight_of is None)


def test_gpt2_small_begins_as_released() -> None:
    """Deviation 0.02, positions 0.01, residual projections 0.02 / sqrt(24), biases 0, gains 1."""
    network = topologies.load_network("gpt2-small")
    for name, layer in network.layers.items():
        if not isinstance(layer, Learned):
            continue
        for parameter in network.learned(name):
            begin = layer.initial_of(parameter)
            if parameter.name == "bias":
                assert (begin.weight_deviation, begin.bias) == (0, 0)
            elif "ln" in name:
                assert (begin.weight_deviation, begin.bias) == (0, 1)
            else:
                residual = name.endswith(("_proj", "_fc2"))
                expected = 0.01 if "position" in name else 0.02 / sqrt(24) if residual else 0.02
                assert begin.weight_deviation == pytest.approx(expected, rel=1e-3)


def test_tiny_gpt2_has_the_structure_of_gpt2_small() -> None:
    """The same kinds of ops reading one another in the same way, with ten blocks fewer."""
    tiny, whole = (topologies.load_network(name) for name in ("tiny-gpt2", "gpt2-small"))

    def kinds(ops: dict[str, Op]) -> dict[str, str]:
        return {name: op.kind for name, op in ops.items()}

    missing = {name for name in whole.order if name.partition("_")[0] in {f"h{i}" for i in range(2, 12)}}
    expected = {name: kind for name, kind in kinds(whole.ops(1)).items() if name not in missing}
    assert kinds(tiny.ops(1)) == expected
    for name in tiny.order:
        if name != "ln_f":
            assert tiny.inputs[name] == whole.inputs[name]
    # 61 x 32 tokens, 16 x 32 positions, 2 blocks of 12 x 32^2 weights and 13 x 32 others, 2 x 32.
    assert tiny.parameter_count == 61 * 32 + 16 * 32 + 2 * (12 * 32 * 32 + 13 * 32) + 2 * 32


def test_the_length_of_sequences_can_be_set_from_outside() -> None:
    """Fewer tokens leave everything but the positions' embedding as large as it was."""
    network = topologies.load_network("gpt2-small", [Override("input.tokens", "128")])
    assert network.input_shape == (128,)
    assert network.parameter_count == 124_439_808 - (1024 - 128) * 768
