"""One training step of two layers on a SmartNIC, one node a core, beside the same step by hand.

S = softmax(W2 relu(W1 x + b1) + b2) and loss = -ln S[label]. The card computes with integers that
are scaled by 2^14; by hand it is the chain rule in floating point, from the same scaled numbers.
"""

from collections.abc import Callable
from itertools import chain
from math import exp, log

import dataflow
from dataflow.data.batches import Noise
from dataflow.result import Result
from dataflow.values.randomness import initial_values

EXPERIMENT = "two-layer-agilio"
SCALE = 2**14


def by_hand(
    image: list[float], label: int, initial: Callable[[str], list[list[float]]], rate: float
) -> dict[str, list[float]]:
    """All that one step of plain gradient descent starts from and computes, by the names of the tensors."""
    w1, w2 = initial("hidden.weight"), initial("out.weight")
    (b1,), (b2,) = initial("hidden.bias"), initial("out.bias")
    hidden = [dot(row, image) + b for row, b in zip(w1, b1, strict=True)]
    relu = [max(h, 0.0) for h in hidden]
    out = [dot(row, relu) + b for row, b in zip(w2, b2, strict=True)]
    powers = [exp(score - max(out)) for score in out]
    probability = [power / sum(powers) for power in powers]
    d_out = [p - (k == label) for k, p in enumerate(probability)]
    d_relu = [dot(d_out, column) for column in zip(*w2, strict=True)]
    d_hidden = [d if h > 0 else 0.0 for d, h in zip(d_relu, hidden, strict=True)]
    d_w1, d_w2 = [d * x for d in d_hidden for x in image], [d * r for d in d_out for r in relu]

    def stepped(old: list[float], gradient: list[float]) -> list[float]:
        return [w - rate * g for w, g in zip(old, gradient, strict=True)]

    return {
        "data@0": image,
        "label@0": [label],
        "hidden.weight@0": list(chain(*w1)),
        "hidden.bias@0": b1,
        "out.weight@0": list(chain(*w2)),
        "out.bias@0": b2,
        "hidden@0": hidden,
        "relu@0": relu,
        "out@0": out,
        "loss@0": [-log(probability[label])],
        "loss.probability@0": probability,
        "out.grad@0": d_out,
        "out.weight.grad@0": d_w2,
        "out.bias.grad@0": d_out,
        "relu.grad@0": d_relu,
        "hidden.grad@0": d_hidden,
        "hidden.weight.grad@0": d_w1,
        "hidden.bias.grad@0": d_hidden,
        "hidden.weight@1": stepped(list(chain(*w1)), d_w1),
        "hidden.bias@1": stepped(b1, d_hidden),
        "out.weight@1": stepped(list(chain(*w2)), d_w2),
        "out.bias@1": stepped(b2, d_out),
    }


def dot(first: list[float], second: list[float] | tuple[float, ...]) -> float:
    """The sum of products."""
    return sum(a * b for a, b in zip(first, second, strict=True))


def scaled(numbers: list[float]) -> list[float]:
    """The nearest numbers that the card has."""
    return [round(number * SCALE) / SCALE for number in numbers]


def both() -> tuple[Result, dict[str, list[float]]]:
    """The step on the card, and by hand from the same start."""
    experiment = dataflow.load(EXPERIMENT)
    training = experiment.training
    tensors = {tensor.name: tensor for tensor in dataflow.training_graph(experiment).tensors.values()}

    def initial(name: str) -> list[list[float]]:
        tensor = tensors[f"{name}@0"]
        assert tensor.initial is not None
        values = initial_values(training.seed, name, tensor.shape, tensor.initial)
        rows = len(values) if name.endswith("weight") else 1
        return [scaled(row) for row in values.reshape(rows, -1).tolist()]

    batch = Noise(experiment).batch(0)
    image, label = scaled(batch.images.ravel().tolist()), int(batch.labels[0])
    expected = by_hand(image, label, initial, training.learning_rate)
    return dataflow.run(experiment, dataflow.Options(images="noise", limits=False)), expected


def main() -> None:
    """Prints each tensor of the step on the card and by hand, and by how many steps of 2^-14 they differ."""
    result, expected = both()
    print(f"{EXPERIMENT}: one step takes {result.metrics.step_time_s * 1e6:.3f} us on the card")
    print(f"{'tensor':20} {'on the card':50} {'by hand':50} off")
    for found in result.values:
        hand = expected[found.tensor]
        off = max(abs(a - b) for a, b in zip(found.values, hand, strict=True)) * SCALE
        print(f"{found.tensor:20} {told(found.values):50} {told(hand):50} {off:.1f}")


def told(numbers: list[float] | tuple[float, ...]) -> str:
    """The first few numbers."""
    return " ".join(f"{number + 0.0:+.4f}" for number in numbers[:6]) + (" ..." if len(numbers) > 6 else "")


if __name__ == "__main__":
    main()
