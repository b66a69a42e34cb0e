"""What is shown of a step's values is enough to do the step again by hand."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import topologies
from dataflow.override import Override
from dataflow.result import Result
from dataflow.session import Options, run_experiment
from reports import report_json, report_markdown, show_values
from tests.reports.test_report_tables import text

Values = dict[str, NDArray[np.float64]]

STEP = 2.0**-14
"""Between two numbers of q18.14."""


def run(*settings: str) -> Result:
    """Network B on its card, with fields set, on noise."""
    overrides = [Override(*setting.split("=", 1)) for setting in settings]
    experiment = topologies.load("two-layer-agilio", overrides)
    return run_experiment(experiment, Options(images="noise", limits=False))


def values_in(document: dict[str, Any], key: str) -> Values:
    """Each tensor's values in a report.json, without axes of length 1."""
    return {
        each["tensor"]: np.array(each[key], dtype=np.float64).reshape(each["shape"]).squeeze()
        for each in document["values"]
    }


def by_hand(given: Values, rate: float, decay: float = 0.0, momentum: float = 0.0) -> Values:
    """S = softmax(W2 relu(W1 x + b1) + b2), loss = -ln S[label], the chain rule and one step of descent.

    given: what the step starts from, by names without versions. Momentum as in the 2012 paper:
    v <- m v - d rate w - rate g; w <- w + v.
    """
    x, label = given["data"], int(given["label"])
    hidden = given["hidden.weight"] @ x + given["hidden.bias"]
    relu = np.maximum(hidden, 0)
    out = given["out.weight"] @ relu + given["out.bias"]
    powers = np.exp(out - out.max())
    probability = powers / powers.sum()
    d_out = probability - np.eye(len(out))[label]
    d_relu = given["out.weight"].T @ d_out
    d_hidden = d_relu * (hidden > 0)
    gradients = {
        "hidden.weight": np.outer(d_hidden, x),
        "hidden.bias": d_hidden,
        "out.weight": np.outer(d_out, relu),
        "out.bias": d_out,
    }
    found = {"hidden": hidden, "relu": relu, "out": out, "loss": -np.log(probability[label])}
    found |= {
        "loss.probability": probability,
        "out.grad": d_out,
        "relu.grad": d_relu,
        "hidden.grad": d_hidden,
    }
    found |= {f"{name}.grad": gradient for name, gradient in gradients.items()}
    for name, gradient in gradients.items():
        velocity = -decay * rate * given[name] - rate * gradient
        if momentum:
            velocity = found[f"{name}.velocity"] = momentum * given[f"{name}.velocity"] + velocity
        found[name] = given[name] + velocity
    return found


def redone(values: Values, step: int, **rates: float) -> Values:
    """The step by hand from what was shown that it starts from, by the names in the run."""
    begin, end = f"@{step}", f"@{step + 1}"
    found = by_hand(
        {name.removesuffix(begin): each for name, each in values.items() if begin in name}, **rates
    )
    left = {name for name in found if re.search("(weight|bias)(.velocity)?$", name)}
    return {name + (end if name in left else begin): each for name, each in found.items()}


GIVEN = {"data@0", "label@0", "hidden.weight@0", "hidden.bias@0", "out.weight@0", "out.bias@0"}


def test_report_json_has_all_to_do_the_step_again() -> None:
    """All that it computes follows from what it starts from: to 2 steps of q18.14, and in float32."""
    document = report_json(run())
    for key, tolerance in (("values", 2 * STEP), ("reference", 1e-6)):
        values = values_in(document, key)
        expected = redone(values, 0, rate=document["training"]["learning_rate"])
        assert set(expected) | GIVEN == set(values)
        for name, each in expected.items():
            assert np.abs(values[name] - each).max() <= tolerance, (key, name)


def test_a_later_step_starts_from_what_the_one_before_it_left() -> None:
    """The third of three, with momentum and decay: velocities are among what it starts from."""
    document = report_json(run("training.steps=3", "training.momentum=0.5", "training.weight_decay=0.125"))
    values = values_in(document, "values")
    expected = redone(values, 2, rate=0.25, momentum=0.5, decay=0.125)
    assert {"data@2", "hidden.weight@2", "out.bias.velocity@2"} <= set(values)
    assert not any(name.endswith(("@0", "@1")) for name in values)
    for name, each in expected.items():
        assert np.abs(values[name] - each).max() <= 2 * STEP, name


def test_inference_starts_from_constants() -> None:
    """What no step changes is shown too, of the second of two images."""
    values = values_in(report_json(run("mode=inference", "training.steps=2")), "values")
    assert {"data@1", "hidden.weight@0", "out.bias@0", "out@1"} <= set(values)
    hidden = values["hidden.weight@0"] @ values["data@1"] + values["hidden.bias@0"]
    assert np.abs(values["hidden@1"] - hidden).max() <= 2 * STEP


@pytest.mark.parametrize("shown", [lambda result: text(show_values(result), 200), report_markdown])
def test_the_tables_have_them_too(shown: Any) -> None:
    """On the console and in report.md: the six tensors that it starts from stand first, new weights last."""
    told = shown(run())
    names = re.findall(r"^(?:\| )?([a-z.]+@\d)(?:\[0\])? ", told.rpartition("Values\n")[2], re.MULTILINE)
    assert set(names[:6]) == GIVEN
    assert names[:2] == ["data@0", "label@0"]
    assert all(name.endswith("@1") for name in names[-4:])
    assert "parameters @0 before it, @1 after it; learning rate 0.25" in told
