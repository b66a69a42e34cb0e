"""GPT-2 against PyTorch: the counts of a model written from the papers, and every value of the tiny one."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import backends
import topologies
from dataflow.data.batches import open_batches
from dataflow.experiment import Experiment, Training
from dataflow.verification.references import verify
from tests.engine.worlds import computed, machine


def written_from_the_papers(
    torch: Any, vocabulary: int, positions: int, channels: int, blocks: int, heads: int
) -> Any:
    """GPT-2 in PyTorch's own modules, on the meta device: shapes and no values.

    Vaswani et al. 2017 (attention, equation 1), with normalisation moved to the input of each
    sub-block and one after the last (Radford et al. 2019, section 2.3), and GELU.
    """
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before_attention, self.before_layers = nn.LayerNorm(channels), nn.LayerNorm(channels)
            self.query_key_value = nn.Linear(channels, 3 * channels)
            self.projection = nn.Linear(channels, channels)
            self.layers = nn.Sequential(
                nn.Linear(channels, 4 * channels),
                nn.GELU(approximate="tanh"),
                nn.Linear(4 * channels, channels),
            )

        def forward(self, x: Any) -> Any:
            n, t, _ = x.shape
            split = self.query_key_value(self.before_attention(x)).view(n, t, 3, heads, -1)
            query, key, value = split.permute(2, 0, 3, 1, 4)
            scores = query @ key.transpose(2, 3) / (channels // heads) ** 0.5
            hidden = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
            mixed = scores.masked_fill(hidden, -torch.inf).softmax(3) @ value
            x = x + self.projection(mixed.transpose(1, 2).reshape(n, t, channels))
            return x + self.layers(self.before_layers(x))

    class Gpt2(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(vocabulary, channels)
            self.position = nn.Parameter(torch.empty(positions, channels))
            self.blocks = nn.Sequential(*(Block() for _ in range(blocks)), nn.LayerNorm(channels))

        def forward(self, tokens: Any) -> Any:
            return nn.functional.linear(self.blocks(self.token(tokens) + self.position), self.token.weight)

    with torch.device("meta"):
        return Gpt2()


@pytest.mark.parametrize(
    ("name", "sizes"), [("gpt2-small", (50_257, 1024, 768, 12, 12)), ("tiny-gpt2", (61, 16, 32, 2, 4))]
)
def test_parameters_and_flop_are_those_of_pytorch(name: str, sizes: tuple[int, int, int, int, int]) -> None:
    """As many parameters, and forward as many FLOP as PyTorch's counter sees."""
    torch = pytest.importorskip("torch")
    counter = importlib.import_module("torch.utils.flop_counter")
    model = written_from_the_papers(torch, *sizes)
    network = topologies.load_network(name)
    assert network.parameter_count == sum(parameter.numel() for parameter in model.parameters())
    with counter.FlopCounterMode(display=False) as counted:
        model(torch.zeros((1, sizes[1]), dtype=torch.long, device="meta"))
    assert network.forward_flop_per_image == counted.get_total_flops()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
def test_tiny_gpt2_computes_what_pytorch_computes(dtype: str, tolerance: float) -> None:
    """Activations, gradients, parameters and velocities of the third step.

    But for the biases of the keys: adding one number to all scores of a query changes no
    probability, so their gradients are zero, and what both sides have of them is rounding.
    """
    pytest.importorskip("torch")
    reference = importlib.import_module("backends.torch_reference").TorchReference()
    training = Training(batch=3, steps=3, dtype="float64" if dtype == "float64" else "float32")
    world = Experiment("tiny", topologies.load_network("tiny-gpt2"), machine(1), training=training)
    batches = open_batches(world)
    _, last = computed(world, backends.get("numpy"), batches)
    verification = verify(last, world, batches, reference, tolerance)
    assert not verification.missing
    # 29 layers' activations and 28 of their gradients; 36 parameters, each with gradient and velocity.
    assert len(verification.comparisons) == 29 + 28 + 3 * 36
    for comparison in verification.comparisons:
        if "key.bias" in comparison.tensor:
            assert comparison.max_absolute_error < 1e-3 * tolerance
        else:
            assert comparison.passed, comparison
