"""Blocks of layers, and how they may be split."""

from __future__ import annotations

import topologies
from dataflow.network import Network
from dataflow.plan import Rule
from dataflow.planning import AutoPlan
from dataflow.planning.auto import DEFAULT_SPLITS
from dataflow.planning.blocks import Block, blocks_of
from dataflow.planning.choice import choices, rules_of
from tests.engine.worlds import alexnet


def blocks(net: Network, batch: int = 8) -> tuple[Block, ...]:
    """The blocks of a network."""
    return blocks_of(net, net.ops(batch))


def test_alexnet_has_a_block_for_each_product_and_one_for_the_loss() -> None:
    """A layer that multiplies and those behind it are one block."""
    found = [tuple(block.ops) for block in blocks(alexnet())]
    assert found == [
        ("conv1", "relu1", "norm1", "pool1"),
        ("conv2", "relu2", "norm2", "pool2"),
        ("conv3", "relu3"),
        ("conv4", "relu4"),
        ("conv5", "relu5", "pool5"),
        ("fc6", "relu6", "drop6"),
        ("fc7", "relu7", "drop7"),
        ("fc8",),
        ("loss",),
    ]


def test_what_branches_stays_together() -> None:
    """A residual part, from where it branches to where it joins, is in one block."""
    found = [tuple(block.ops) for block in blocks(topologies.load_network("tiny-resnet"))]
    assert found[1][0] == "conv2_1_a_conv"
    assert found[1][-2:] == ("conv2_1_add", "conv2_1_relu")
    assert [names[0] for names in found] == [
        *("conv1_conv", "conv2_1_a_conv", "conv2_2_a_conv", "conv3_1_a_conv", "conv3_2_a_conv"),
        *("fc", "loss"),
    ]


def test_blocks_alike_of_a_deep_network_are_decided_together() -> None:
    """GPT-2's twelve attentions are one decision, and its perceptrons but the last, which a norm follows."""
    found = blocks(topologies.load_network("gpt2-small"))
    assert len(found) == 27
    decisions = [block.decision for block in found]
    assert decisions == [0, *(1, 2) * 11, 1, 3, 4, 5]


def test_groups_are_offered_where_they_are_no_slices_of_channels() -> None:
    """Two groups over two processors are the halves of the channels, so only one of them is offered."""
    block = blocks(alexnet())[1]
    found = [str(choice) for choice in choices(block, {"worker": 2}, DEFAULT_SPLITS)]
    assert found == ["batch", "channel", "in_channel", "height", "replicated", "one"]


def test_over_two_axes_the_batch_goes_along_the_first() -> None:
    """Over two axes a block is split along both as one, or by batch along the first."""
    block = blocks(alexnet())[-1]
    found = [str(choice) for choice in choices(block, {"data": 2, "model": 4}, AutoPlan().splits)]
    assert found == ["batch", "replicated", "one", "batch:data replicated:model", "batch:data one:model"]


def test_nothing_is_split_where_nobody_else_is() -> None:
    """With one processor a stage there is nothing to choose."""
    assert [str(choice) for choice in choices(blocks(alexnet())[0], {}, DEFAULT_SPLITS)] == ["whole"]


def test_tensor_is_column_then_row() -> None:
    """A transformer's products are sliced by channel and by what they sum in turn, its attention by head."""
    net = topologies.load_network("tiny-gpt2")
    found: dict[str, Rule] = {}
    for block in blocks(net)[1:3]:
        (tensor,) = choices(block, {"model": 2}, ("tensor",))
        found |= rules_of(block, tensor, net.inputs, 0, recompute=False)
    assert {name: dict(rule.shard) for name, rule in found.items() if rule.shard} == {
        **{f"h0_{name}": {"channel": "model"} for name in ("query", "key", "value", "fc1", "gelu")},
        "h0_attention": {"head": "model"},
        **{f"h0_{name}": {"in_channel": "model"} for name in ("proj", "fc2")},
    }


def test_only_what_is_replicated_is_kept_in_shards() -> None:
    """Shards along an axis that slices parameters would leave some of these with nobody."""
    block = blocks(alexnet())[5]
    by_name = {str(choice): choice for choice in choices(block, {"data": 2, "model": 2}, DEFAULT_SPLITS)}
    kept = {
        name: dict(rules_of(block, by_name[name], alexnet().inputs, 2, recompute=False)["fc6"].store)
        for name in ("batch", "channel", "batch:data channel:model", "one")
    }
    assert kept == {
        "batch": {"velocity": ("data", "model"), "gradient": ("data", "model")},
        "channel": {},
        "batch:data channel:model": {"velocity": "data", "gradient": "data"},
        "one": {},
    }
