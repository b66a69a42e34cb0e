"""Weights found, brought in, and turned from one kind of file into another."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dataflow.backend import Array
from dataflow.errors import WeightsError
from dataflow.experiment import Experiment, Training
from dataflow.network import Network
from dataflow.numbers.number import array_dtype
from dataflow.session.computing import computing_backend
from dataflow.tensor import Tensor
from dataflow.training.state import State
from dataflow.values.randomness import initial_values
from dataflow.verification.references import one_processor
from dataflow.weights.loading import matched, values_of
from dataflow.weights.naming import Naming, names_in, pytorch_shape, tracked, weights_in
from dataflow.weights.stored import Stored, open_stored
from dataflow.weights.writing import Entry, check_kind, write_weights
from dataflow.weights.written import WrittenWeights

_CHECKPOINT = re.compile(r"checkpoint-seed(\d+)\.npz")


def weights_of(experiment: Experiment, source: str | None) -> State:
    """The weights of an experiment's network, running statistics included, as its backend keeps them.

    source: a file, .npz (a checkpoint too), .safetensors, .pt or .pth, under our names or PyTorch's; None
    for the checkpoint of the lowest seed in results/EXPERIMENT-train. Values are converted to the format
    of the training; those of fixed point are rounded to the nearest and saturated, as initial values are.
    Raises WeightsError when there is no such file or it is broken, CheckError listing what does not fit the
    network, BackendError for a backend that computes nothing.
    """
    backend = computing_backend(experiment, "weights mean nothing to it")
    path = file_of(experiment, source)
    weights = weights_in(experiment)
    state: dict[str, Array] = {}
    with open_stored(path) as stored:
        for name, there in matched(path, stored, experiment.network, weights).items():
            tensor = weights[name]
            array = backend.empty(tensor.labels, tensor.shape, array_dtype(tensor.dtype))
            backend.fill(array, values_of(path, name, there, tensor), tensor.dtype, name)
            state[name] = array
    return state


def file_of(experiment: Experiment, source: str | None) -> Path:
    """Where the weights are that ``weights_of`` reads. Raises WeightsError when they are nowhere."""
    if source is not None:
        return Path(source)
    folder = Path("results") / f"{experiment.name}-train"
    seeds = {
        int(named[1]): file
        for file in folder.glob("checkpoint-seed*.npz")
        if (named := _CHECKPOINT.fullmatch(file.name))
    }
    if not seeds:
        raise WeightsError(
            f"experiment {experiment.name!r}: there is no checkpoint in {str(folder)!r}; train it first "
            f"(dataflow train {experiment.origin or experiment.name}), or name a file of weights"
        )
    return seeds[min(seeds)]


def convert_weights(
    experiment: Experiment, source: str | None, file: str, names: Naming | None = None
) -> WrittenWeights:
    """Writes weights that are somewhere else, in the formats that they have there.

    source: as of ``weights_of``. names: whose, None for PyTorch's where the file is not .npz and the
    network has them, else ours. Raises as ``weights_of`` does, and WeightsError when nothing can be written.
    """
    check_kind(Path(file))
    path = file_of(experiment, source)
    weights = weights_in(experiment)
    with open_stored(path) as stored:
        found = matched(path, stored, experiment.network, weights)

        def maker(name: str, there: Stored) -> Callable[[], Array]:
            return lambda: values_of(path, name, there, weights[name])

        made = {name: (_dtype_of(there), maker(name, there)) for name, there in found.items()}
        return _written(experiment, str(path), Path(file), names, weights, made)


def network_alone(network: Network) -> Experiment:
    """A network on one processor, where no experiment says more of it."""
    return Experiment(network.name, network, one_processor(), training=Training(batch=1))


def write_initial_weights(experiment: Experiment, file: str, names: Naming | None = None) -> WrittenWeights:
    """Writes the values that a training of an experiment starts from, in its format; else as above.

    Those of fixed point are written before they are rounded.
    """
    check_kind(Path(file))
    weights = weights_in(experiment)
    seed = experiment.training.seed

    def maker(tensor: Tensor) -> Callable[[], Array]:
        assert tensor.initial is not None
        initial = tensor.initial
        dtype = array_dtype(tensor.dtype)
        return lambda: initial_values(seed, tensor.base, tensor.shape, initial).astype(dtype, copy=False)

    made = {name: (array_dtype(tensor.dtype), maker(tensor)) for name, tensor in weights.items()}
    return _written(experiment, "", Path(file), names, weights, made)


def _written(
    experiment: Experiment,
    source: str,
    file: Path,
    names: Naming | None,
    weights: dict[str, Tensor],
    made: dict[str, tuple[np.dtype[np.generic], Callable[[], Array]]],
) -> WrittenWeights:
    network = experiment.network
    naming = names or _usual_names(file, experiment, weights)
    called = names_in(network, weights, naming)
    entries = [
        Entry(
            called[name],
            pytorch_shape(weights[name]) if naming == "pytorch" else weights[name].shape,
            dtype,
            values,
            name,
        )
        for name, (dtype, values) in made.items()
    ]
    if naming == "pytorch":
        none_tracked = np.zeros((), np.int64)
        entries += [
            Entry(name, (), none_tracked.dtype, lambda: none_tracked) for name in tracked(network, weights)
        ]
    write_weights(file, entries)
    return WrittenWeights(network.name, source, file, naming, tuple(entries))


def _usual_names(file: Path, experiment: Experiment, weights: dict[str, Tensor]) -> Naming:
    """PyTorch's in files that are not NumPy's, where all layers have such names."""
    named = all(experiment.network.state_dict_name(tensor.layer) for tensor in weights.values())
    return "pytorch" if named and file.suffix.lower() != ".npz" else "own"


def _dtype_of(stored: Stored) -> np.dtype[np.generic]:
    """What NumPy reads it as."""
    return np.dtype("float32" if stored.dtype == "bfloat16" else stored.dtype)
