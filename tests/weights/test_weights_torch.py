"""Weights of PyTorch's models: the same logits here, and back again unchanged."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import backends
import topologies
from dataflow.data.batches import Batch
from dataflow.errors import WeightsError
from dataflow.experiment import Experiment, Training
from dataflow.session.weights import convert_weights, weights_of
from dataflow.training.evaluation import Evaluator
from dataflow.verification.references import one_processor
from tests.engine.worlds import conv, fc, machine, network
from tests.engine.worlds import experiment as world


def experiment(name: str, images: int) -> Experiment:
    """A network that ships, on one processor."""
    network = topologies.load_network(name)
    return Experiment(name, network, one_processor(), training=Training(batch=images))


@pytest.mark.parametrize(
    ("name", "images", "given", "back"),
    [
        ("alexnet-owt", 2, "w.safetensors", "back.pth"),
        ("vgg16", 1, "w.pth", "back.safetensors"),
        ("resnet50", 2, "w.pth", "back.pt"),
    ],
)
def test_a_model_of_torch_gives_the_same_logits(
    name: str, images: int, given: str, back: str, tmp_path: Path
) -> None:
    """A state dict of PyTorch's gives its logits within 1e-4 of the largest; written again it is the same."""
    torch = pytest.importorskip("torch")
    safetensors = importlib.import_module("safetensors.torch")
    models = importlib.import_module("tests.weights.torch_models")
    model = models.random_model(name, seed=1)
    held = model.state_dict()
    file = tmp_path / given
    if file.suffix == ".pth":
        torch.save(held, file)
    else:
        safetensors.save_file(held, file)
    made = experiment(name, images)

    pictures = np.random.default_rng(2).normal(size=(images, 3, 224, 224)).astype(np.float32)
    batch = Batch(pictures, np.zeros(images, np.int32))
    scores, _ = Evaluator(made, backends.get("numpy")).forward(batch, weights_of(made, str(file)))
    with torch.no_grad():
        expected = model(torch.from_numpy(pictures)).numpy()
    assert np.abs(scores - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(expected).max(axis=1).min() > 0.1

    written = convert_weights(made, str(file), str(tmp_path / back))
    assert written.names == "pytorch"
    found = torch.load(written.file) if back != "back.safetensors" else safetensors.load_file(written.file)
    before = {called: tensor for called, tensor in held.items() if "num_batches" not in called}
    assert set(found) == set(held)
    assert all(torch.equal(found[called], tensor) for called, tensor in before.items())
    assert all(found[called].shape == tensor.shape for called, tensor in held.items())
    model.load_state_dict(found, strict=True)
    for large in (file, written.file):
        large.unlink()


def test_two_towers_are_a_grouped_convolution(tmp_path: Path) -> None:
    """A convolution in two groups and a layer that reads its image, given as PyTorch's: the same scores."""
    torch = pytest.importorskip("torch")
    net = replace(
        network({"c": conv(4, 3, groups=2), "f": fc(3)}, (4, 5, 4), 3), state_dict={"c": "0", "f": "2"}
    )
    made = world(net, machine(1), batch=2, seed=1)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(4, 4, 3, groups=2), torch.nn.Flatten(), torch.nn.Linear(24, 3)
    )
    model = model.double()
    parallel = {f"module.{called}": tensor for called, tensor in model.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": parallel}, tmp_path / "w.pth")
    images = np.random.default_rng(3).normal(size=(2, 4, 5, 4))
    batch = Batch(images, np.zeros(2, np.int32))
    scores, _ = Evaluator(made, backends.get("numpy")).forward(
        batch, weights_of(made, str(tmp_path / "w.pth"))
    )
    np.testing.assert_allclose(scores, model(torch.from_numpy(images)).detach().numpy(), rtol=1e-12)


def test_half_precision_and_what_is_no_state_dict(tmp_path: Path) -> None:
    """bfloat16 is read exactly; a whole model, whose code would have to be run, is refused."""
    torch = pytest.importorskip("torch")
    made = world(network({"f": fc(2)}, (1, 1, 2), 2), machine(1))
    weight = torch.tensor([[0.5, -1.0], [3.0, 0.25]], dtype=torch.bfloat16)
    torch.save({"f.weight": weight, "f.bias": torch.zeros(2)}, tmp_path / "w.pt")
    assert weights_of(made, str(tmp_path / "w.pt"))["f.weight"].reshape(2, 2).tolist() == weight.tolist()
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("model.pt", "list.pt"):
        with pytest.raises(WeightsError, match=r"holds more than tensors .* save its state_dict\(\)"):
            weights_of(made, str(tmp_path / name))
