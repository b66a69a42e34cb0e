"""Files of weights: what is written is read again, and whatever does not fit is said."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from dataflow.backend import Array
from dataflow.errors import BackendError, CheckError, DataflowError, WeightsError
from dataflow.experiment import Experiment
from dataflow.layers import BatchNormalizationLayer
from dataflow.session.weights import convert_weights, weights_of, write_initial_weights
from dataflow.training.checkpoint import Checkpoint, save_checkpoint
from dataflow.training.loop import Position
from dataflow.values.randomness import initial_values
from dataflow.weights.stored import open_stored
from tests.engine.worlds import RELU, conv, experiment, fc, machine, network

NORM = BatchNormalizationLayer(op="batch_normalization")
NET = network({"c": conv(4, 3, groups=2, bias=False), "n": NORM, "r": RELU, "f": fc(2)}, (2, 4, 4), 2)
NAMED = replace(NET, state_dict={"c": "features.0", "n": "features.1", "f": "head"})
SHAPES = {
    "c.weight": (4, 1, 3, 3),
    **{f"n.{name}": (4,) for name in ("weight", "bias", "running_mean", "running_variance")},
    "f.weight": (2, 4, 2, 2),
    "f.bias": (2,),
}
"""What the network has: a convolution in two groups, a normalisation, 4 channels of 2 x 2 to 2 classes."""


def world(dtype: str = "float32", backend: str = "numpy") -> Experiment:
    """The network with names in state dicts, on one processor."""
    return replace(experiment(NAMED, machine(1), batch=4, dtype=dtype, seed=5), backend=backend)


def some(seed: int = 1) -> dict[str, Array]:
    """Random weights; variances are above 0."""
    random = np.random.default_rng(seed)
    return {name: random.random(shape, np.float32) + np.float32(0.1) for name, shape in SHAPES.items()}


def saved(folder: Path, weights: dict[str, Array], name: str = "w.npz") -> str:
    """A .npz of arrays."""
    np.savez(folder / name, **weights)
    return str(folder / name)


def test_initial_weights_are_those_that_a_training_begins_with(tmp_path: Path) -> None:
    """In any kind of file under either names; running statistics begin with 0 and 1."""
    for file, names in (("a.npz", "own"), ("b.safetensors", "pytorch")):
        written = write_initial_weights(world(), str(tmp_path / file))
        assert written.names == names
        state = weights_of(world(), str(tmp_path / file))
        assert {name: array.shape for name, array in state.items()} == SHAPES
        initial = world().network.layers["c"].initial  # type: ignore[union-attr]
        np.testing.assert_array_equal(state["c.weight"], initial_values(5, "c.weight", (4, 1, 3, 3), initial))
        assert state["n.running_mean"].tolist() == [0.0] * 4
        assert state["n.running_variance"].tolist() == [1.0] * 4


def test_names_and_shapes_of_pytorch(tmp_path: Path) -> None:
    """What is fully connected is flat, channel, row, column; num_batches_tracked is there, and not read."""
    given = some()
    written = convert_weights(world(), saved(tmp_path, given), str(tmp_path / "t.safetensors"))
    there = load_file(written.file)
    assert {name: array.shape for name, array in there.items()} == {
        "features.0.weight": (4, 1, 3, 3),
        **{f"features.1.{name}": (4,) for name in ("weight", "bias", "running_mean", "running_var")},
        "features.1.num_batches_tracked": (),
        "head.weight": (2, 16),
        "head.bias": (2,),
    }
    np.testing.assert_array_equal(there["head.weight"], given["f.weight"].reshape(2, 16))
    assert there["features.1.num_batches_tracked"].dtype == np.int64
    state = weights_of(world(), str(written.file))
    for name, array in given.items():
        np.testing.assert_array_equal(state[name], array)
    assert written.bytes == 4 * sum(array.size for array in given.values()) + 8


def test_own_names_can_be_asked_for_in_any_file(tmp_path: Path) -> None:
    """A .safetensors of our names, and a .npz of PyTorch's."""
    source = saved(tmp_path, some())
    own = convert_weights(world(), source, str(tmp_path / "o.safetensors"), "own")
    assert {name: array.shape for name, array in load_file(own.file).items()} == SHAPES
    theirs = convert_weights(world(), source, str(tmp_path / "t.npz"), "pytorch")
    with np.load(theirs.file) as arrays:
        assert arrays["head.weight"].shape == (2, 16)
        assert arrays["features.1.num_batches_tracked"].shape == ()
    np.testing.assert_array_equal(weights_of(world(), str(theirs.file))["f.weight"], some()["f.weight"])


def test_values_are_converted_to_the_training_s_format(tmp_path: Path) -> None:
    """Half precision to float64; what was written is in the format that it came in."""
    halves = {name: array.astype(np.float16) for name, array in some().items()}
    file = saved(tmp_path, halves)
    state = weights_of(world("float64"), file)
    for name, array in halves.items():
        assert state[name].dtype == np.float64
        np.testing.assert_array_equal(state[name], array)
    written = convert_weights(world("float64"), file, str(tmp_path / "h.safetensors"), "own")
    assert {array.dtype for array in load_file(written.file).values()} == {np.dtype("float16")}


def test_fixed_point_rounds_to_nearest_and_saturates(tmp_path: Path) -> None:
    """Of q8.8 the steps are 1/256, and values reach from -128 to 128 - 1/256."""
    net = replace(network({"f": fc(2)}, (1, 1, 1), 2), state_dict={})
    made = replace(experiment(net, machine(1)), backend="fixed")
    made = replace(made, training=replace(made.training, dtype="q8.8"))
    values = np.array([0.1, -200.0], np.float32).reshape(2, 1, 1, 1)
    file = saved(tmp_path, {"f.weight": values, "f.bias": np.array([0.5, 129.0], np.float32)})
    state = weights_of(made, file)
    assert state["f.weight"].reshape(-1).tolist() == [26 / 256, -128.0]
    assert state["f.bias"].tolist() == [0.5, 128 - 1 / 256]


def test_a_checkpoint_gives_its_weights_without_velocities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file that of the lowest seed counts, and no other file that lies there."""
    monkeypatch.chdir(tmp_path)
    made = world()
    folder = tmp_path / "results" / f"{made.name}-train"
    folder.mkdir(parents=True)
    for seed, name in ((2, "seed10"), (1, "seed9"), (3, "seed0-float64")):
        state = some(seed)
        state |= {f"{each}.velocity": np.zeros_like(array) for each, array in some().items()}
        save_checkpoint(
            Checkpoint({}, Position(step=1, state=state), 1, {}), folder / f"checkpoint-{name}.npz"
        )
    found = weights_of(made, None)
    assert set(found) == set(SHAPES)
    np.testing.assert_array_equal(found["f.weight"], some(1)["f.weight"])
    written = convert_weights(made, None, "out.npz")
    assert written.source == str(Path("results") / f"{made.name}-train" / "checkpoint-seed9.npz")
    assert {entry.name for entry in written.entries} == set(SHAPES)


def test_nothing_trained_and_nothing_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where a checkpoint was looked for and how to make one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        WeightsError, match=r"no checkpoint in 'results/.*-train'; train it first \(dataflow train"
    ):
        weights_of(world(), None)


def test_all_that_does_not_fit_is_listed(tmp_path: Path) -> None:
    """Missing with what may be meant, of another shape, no numbers of ours, and of no layer."""
    given = some()
    given["c.wieght"] = given.pop("c.weight")
    given["f.weight"] = given["f.weight"].reshape(4, 2, 2, 2)
    given["f.bias"] = np.array([1, 2])
    given["zzz"] = np.zeros(3)
    with pytest.raises(CheckError) as caught:
        weights_of(world(), saved(tmp_path, given))
    assert caught.value.faults == (
        "'c.weight' is missing; is it 'c.wieght', which nothing needs?",
        "'f.weight' has shape (4, 2, 2, 2), but layer 'f' needs (2, 4, 2, 2)",
        "'f.bias' is of int64; weights are of float64, float32, float16, bfloat16",
        "'zzz' belongs to no layer",
    )


def test_weights_of_another_network_are_one_fault(tmp_path: Path) -> None:
    """Where no name fits there is nothing to compare name by name."""
    given = {f"layer{index}.weight": np.zeros(2) for index in range(5)}
    with pytest.raises(CheckError) as caught:
        weights_of(world(), saved(tmp_path, given))
    (fault,) = caught.value.faults
    assert fault == (
        "has 'layer0.weight', 'layer1.weight', 'layer2.weight' and 2 more, and none of "
        "'c.weight', 'n.weight', 'n.bias' and 4 more; it is of another network"
    )


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("f.bias", np.nan, "'f.bias' has values that are not finite"),
        ("n.running_variance", -1.0, "'n.running_variance' is a variance, but -1 is below 0"),
    ],
)
def test_values_that_no_network_can_have(tmp_path: Path, name: str, value: float, fault: str) -> None:
    """They are named before anything is computed with them."""
    given = some()
    given[name][0] = value
    with pytest.raises(CheckError, match=re.escape(fault)):
        weights_of(world(), saved(tmp_path, given))


def test_a_layer_without_a_name_cannot_have_pytorch_s(tmp_path: Path) -> None:
    """It is named; and without being asked for, such a network has our names."""
    made = replace(world(), network=replace(NAMED, state_dict={"c": "features.0", "n": "features.1"}))
    source = saved(tmp_path, some())
    with pytest.raises(CheckError, match="layer 'f' has weights, but no name in 'state_dict'"):
        convert_weights(made, source, str(tmp_path / "t.safetensors"), "pytorch")
    assert convert_weights(made, source, str(tmp_path / "t.safetensors")).names == "own"


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("w.npz", None, "there is no such file"),
        ("w.h5", b"", "files of weights end in .npz, .safetensors, .pt, .pth"),
        ("w.npz", b"nonsense", "is broken or of another kind than its name says"),
        ("w.safetensors", b"nonsense", "is broken or of another kind than its name says"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None, fault: str) -> None:
    """The error names the file and what is wrong with it."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=re.escape(fault)):
        weights_of(world(), str(tmp_path / name))


def test_a_file_cut_short_is_broken(tmp_path: Path) -> None:
    """Of either kind that needs no PyTorch."""
    source = saved(tmp_path, some())
    convert_weights(world(), source, str(tmp_path / "w.safetensors"))
    for name in ("w.npz", "w.safetensors"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(WeightsError, match="is broken"):
            weights_of(world(), str(path))


def test_compressed_files_are_read(tmp_path: Path) -> None:
    """As ``numpy.savez_compressed`` makes them; wherever a byte of values is wrong, the file is broken."""
    path = tmp_path / "w.npz"
    np.savez_compressed(path, **some())
    np.testing.assert_array_equal(weights_of(world(), str(path))["f.weight"], some()["f.weight"])
    content = bytearray(path.read_bytes())
    content[200] ^= 255  # in the values of the first tensor
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="is broken"):
        weights_of(world(), str(path))


def test_without_pytorch_its_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, or what to use instead; nothing is left of a file not written."""
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "w.pth").write_bytes(b"")
    with pytest.raises(
        BackendError, match=r"need PyTorch, which is not installed; install .*\[torch\], or use"
    ):
        weights_of(world(), str(tmp_path / "w.pth"))
    source = saved(tmp_path, some())
    with pytest.raises(BackendError, match="need PyTorch"):
        convert_weights(world(), source, str(tmp_path / "v.pt"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.npz", "w.pth"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """A fault on the way changes nothing; nor does a folder that is not there, or a name without a kind."""
    source = saved(tmp_path, some())
    target = tmp_path / "t.npz"
    convert_weights(world(), source, str(target))
    before = target.read_bytes()
    given = some()
    given["f.bias"][0] = np.inf
    with pytest.raises(CheckError, match="not finite"):
        convert_weights(world(), saved(tmp_path, given, "bad.npz"), str(target))
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.npz", "t.npz", "w.npz"]
    for file, fault in (
        ("none/t.npz", "cannot be written: No such file"),
        ("t", "the name says what to write"),
    ):
        with pytest.raises(DataflowError, match=fault):
            convert_weights(world(), source, str(tmp_path / file))


def test_a_backend_without_values_needs_no_weights(tmp_path: Path) -> None:
    """Weights for it are refused."""
    with pytest.raises(BackendError, match="'null' computes no values, so weights mean nothing to it"):
        weights_of(world(backend="null"), saved(tmp_path, some()))


def test_bfloat16(tmp_path: Path) -> None:
    """Its 16 bits are the upper ones of float32: 0x3f80 is 1, 0xc000 is -2, 0x3e80 a quarter, 0x0000 is 0."""
    header = b'{"x":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}'
    bits = np.array([0x3F80, 0xC000, 0x3E80, 0x0000], dtype="<u2").tobytes()
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bits)
    with open_stored(tmp_path / "x.safetensors") as stored:
        assert (stored["x"].dtype, stored["x"].shape) == ("bfloat16", (2, 2))
        values = stored["x"].read()
    assert (values.dtype, values.tolist()) == (np.float32, [[1.0, -2.0], [0.25, 0.0]])
