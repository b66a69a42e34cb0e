"""Any split of a transformer gives the numbers of one processor, and sends what its inventors say."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backends
import topologies
from dataflow.backend import Backend
from dataflow.data.batches import open_batches
from dataflow.experiment import Experiment, Training
from dataflow.layers import (
    AddLayer,
    AttentionLayer,
    EmbeddingLayer,
    GeluLayer,
    Initial,
    LayerNormalizationLayer,
    LayerSpec,
    LinearLayer,
    PositionEmbeddingLayer,
)
from dataflow.network import Network, Tokens
from dataflow.ops import Phase
from dataflow.placement import TaskKind
from dataflow.plan import Plan, Rule
from dataflow.verification.references import OneProcessor, verify
from tests.engine.strategies import LAW, machines, plans
from tests.engine.worlds import LOSS, computed, machine, placed, split

TENSOR_PARALLEL = {
    **{f"h?_{name}": split(channel="model") for name in ("query", "key", "value", "fc1", "gelu")},
    "h?_attention": split(head="model"),
    **{f"h?_{name}": split(in_channel="model") for name in ("proj", "fc2")},
}
"""Megatron-LM's split of a block (arXiv 1909.08053, section 3)."""

VOCABULARY = {"token_embedding": split(vocabulary="model"), "output": split(channel="model")}

BOTH = {
    "*": split(batch="data"),
    **{
        pattern: Rule(shard={**rule.shard, "batch": "data"})
        for pattern, rule in (TENSOR_PARALLEL | VOCABULARY).items()
    },
}

LARGE = Initial(weight_deviation=0.5)
"""Large enough for every gradient to count."""

SPLITS = {
    "data parallel": Plan(mesh={"data": 3}, layers={"*": split(batch="data")}),
    "sequence parallel": Plan(mesh={"sequence": 3}, layers={"*": split(position="sequence")}),
    "tensor parallel": Plan(mesh={"model": 2}, layers=TENSOR_PARALLEL),
    "uneven heads": Plan(mesh={"model": 3}, layers=TENSOR_PARALLEL),
    "vocabulary too": Plan(mesh={"model": 4}, layers=TENSOR_PARALLEL | VOCABULARY),
    "data and tensor parallel": Plan(mesh={"data": 2, "model": 2}, layers=BOTH),
}


def assert_one_processors_numbers(world: Experiment, backend: Backend) -> None:
    """Every tensor of the last step is within 1e-9 of its largest magnitude, or of rounding.

    The gradients of keys' biases are zero but for rounding, of which no two orders of adding agree.
    """
    batches = open_batches(world)
    _, last = computed(world, backend, batches)
    verification = verify(last, world, batches, OneProcessor(backend), 1e-9)
    assert not verification.missing
    for comparison in verification.comparisons:
        assert comparison.passed or comparison.max_absolute_error < 1e-14, comparison


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_gives_the_numbers_of_one_processor(name: str) -> None:
    """Two steps of tiny-gpt2 in float64, the embedding's weight shared with the output layer."""
    plan = SPLITS[name]
    count = 1
    for length in plan.mesh.values():
        count *= length
    training = Training(batch=3, steps=2, dtype="float64")
    world = Experiment(name, topologies.load_network("tiny-gpt2"), machine(count), plan, training)
    assert_one_processors_numbers(world, backends.get("numpy"))


def test_tensor_parallelism_adds_two_activations_a_block_each_way() -> None:
    """After attention and after fc2 forward, before fc1 and before the queries backward, and nothing else.

    Of batch 3, 16 positions, 32 channels, float32, each of two processors sends all.
    """
    plan = Plan(mesh={"model": 2}, layers=TENSOR_PARALLEL)
    network = topologies.load_network("tiny-gpt2")
    graph = placed(Experiment("two", network, machine(2), plan, Training(batch=3)))
    sent: Counter[tuple[Phase, str]] = Counter()
    for task in graph.tasks:
        if task.kind is TaskKind.TRANSFER and task.phase is not Phase.LOAD:
            sent[task.phase, task.route[0]] += task.bytes
    blocks, activation = 2, 3 * 16 * 32 * 4
    phases = (Phase.FORWARD, Phase.GRADIENT)
    assert sent == {(phase, name): 2 * blocks * activation for phase in phases for name in ("p0", "p1")}


@st.composite
def transformers(draw: st.DrawFn) -> Network:
    """One block of any few heads and channels, or only its attention; the output weight its own or shared."""
    heads, size, tokens = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 5))
    channels = draw(st.integers(2, 5))

    def linear(count: int, *source: str) -> LinearLayer:
        return LinearLayer(
            op="linear",
            channels=count,
            bias=draw(st.booleans()),
            initial=LARGE,
            input=source[0] if source else None,
        )

    layers: dict[str, LayerSpec] = {
        "embedding": EmbeddingLayer(op="embedding", channels=channels, initial=LARGE),
        "position": PositionEmbeddingLayer(op="position_embedding", initial=LARGE),
        "norm": LayerNormalizationLayer(op="layer_normalization", epsilon=0.1),
        "q": linear(heads * size),
        "k": linear(heads * size, "norm"),
        "v": linear(heads * size, "norm"),
        "attention": AttentionLayer(
            op="attention", heads=heads, causal=draw(st.booleans()), input=("q", "k", "v")
        ),
        "back": linear(channels),
        "add": AddLayer(op="add", input=("position", "back")),
    }
    if draw(st.booleans()):
        layers |= {"wide": linear(draw(st.integers(1, 6))), "gelu": GeluLayer(op="gelu")}
        layers |= {"narrow": linear(channels), "sum": AddLayer(op="add", input=("add", "narrow"))}
    tied = "embedding" if draw(st.booleans()) else None
    layers["scores"] = LinearLayer(op="linear", channels="classes", bias=False, initial=LARGE, weight_of=tied)
    return Network(
        name="random",
        input=Tokens(tokens=tokens),
        classes=draw(st.integers(2, 7)),
        layers={**layers, "loss": LOSS},
    )


@LAW
@given(data=st.data())
def test_any_plan_gives_the_numbers_of_one_processor(data: st.DataObject) -> None:
    """Any dimensions of any layers over any axes, on machines of any form."""
    network, hardware = data.draw(transformers()), data.draw(machines())
    batch = data.draw(st.integers(1, 4))
    training = Training(batch=batch, steps=2, dtype="float64", learning_rate=0.5)
    plan = data.draw(plans(network.ops(batch), hardware))
    world = Experiment("random", network, hardware, plan, training)
    assert_one_processors_numbers(world, backends.get("numpy"))
