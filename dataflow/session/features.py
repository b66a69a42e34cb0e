"""What a trained network has learned: features of many images, kernels, activations for one image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from dataflow.backend import Array, Backend
from dataflow.data.batches import Batch
from dataflow.errors import OptionError
from dataflow.experiment import Experiment
from dataflow.features.activation import LayerActivations, ranked
from dataflow.features.extraction import Activations, write_features
from dataflow.features.found import Features, class_of, rows_of, shown
from dataflow.features.kernels import Kernels, check_kernels, kernels_of
from dataflow.features.layers import features_layer, kernels_layer, named_layer, scores_layer
from dataflow.features.nearest import check_neighbours, nearest, spread
from dataflow.features.opening import query_indices
from dataflow.features.shares import shares_of
from dataflow.session.computing import computing_backend
from dataflow.session.options import Progress, named
from dataflow.session.parts import class_names
from dataflow.session.pictures import OpenedPictures, PictureOptions, opened_pictures
from dataflow.session.placing import place_experiment
from dataflow.session.weights import file_of, weights_of
from dataflow.training.evaluation import Evaluator

_QUERIES, _NEIGHBOURS = 5, 6
"""Rows and columns of the paper's figure 4."""


@dataclass(frozen=True)
class FeatureOptions:
    """What features may be asked for beyond their experiment.

    weights: a file, None for the checkpoint of the experiment's training. layer: whose output, None for the
    last hidden one. queries: of how many images, or of which by name, the nearest are looked for; 0 for none.
    neighbours: how many of each. None for 5 and 6, or as many as there are.
    """

    pictures: PictureOptions = field(default_factory=PictureOptions)
    weights: str | None = None
    layer: str | None = None
    queries: int | tuple[str, ...] | None = None
    neighbours: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.queries, int) and self.queries < 0:
            raise OptionError(f"queries {self.queries}: must be 0 (none) or more, or names of images")
        if self.neighbours is not None and self.neighbours < 1:
            raise OptionError(f"neighbours {self.neighbours}: must be at least 1")


def extract_features(
    experiment: Experiment, options: FeatureOptions, file: Path, progress: Progress | None = None
) -> Features:
    """Writes the activations of a layer for all images to a .npy file, and finds the nearest images.

    No machine is simulated. Raises OptionError for a layer that there is not, or more neighbours than images;
    DataError for images that do not suit the network, and what ``weights_of`` raises.
    """
    backend = computing_backend(experiment, "there are no activations")
    network = experiment.network
    layer = features_layer(network) if options.layer is None else named_layer(network, options.layer)
    with opened_pictures(experiment, options.pictures) as found:
        pictures = found.pictures
        names = tuple(pictures.name(index) for index in range(pictures.count))
        queries, neighbours = _asked(options, names)
        activations = _activations(experiment, backend, options.weights, layer)
        batch = experiment.training.batch
        told = named(progress, f"features of {layer}")
        written = write_features(pictures, activations, batch, file, told)
        near = nearest(written.values, queries, neighbours) if queries else ()
        return Features(
            experiment=experiment.name,
            layer=layer,
            shape=network.ops(1)[layer].operand("output").shape[1:],
            source=_source(experiment, options.weights),
            images=found.description,
            names=names,
            labels=tuple(class_of(int(label), found.classes) for label in pictures.labels),
            file=written,
            neighbours=near,
            rows=rows_of(near, pictures, found.classes),
            notes=found.notes,
        )


def _asked(options: FeatureOptions, names: tuple[str, ...]) -> tuple[tuple[int, ...], int]:
    """The images whose nearest are looked for, and how many of each; checked before anything is computed."""
    count = len(names)
    neighbours = min(_NEIGHBOURS, count - 1) if options.neighbours is None else options.neighbours
    match options.queries:
        case None:
            queries = spread(min(_QUERIES, count) if neighbours else 0, count)
        case int():
            queries = spread(options.queries, count)
        case _:
            queries = query_indices(names, options.queries)
    if queries:
        check_neighbours(neighbours, count)
    return queries, neighbours


def find_kernels(
    experiment: Experiment, weights: str | None, layer: str | None, progress: Progress | None = None
) -> Kernels:
    """The kernels of a layer, None for the first that learns, by the processors that compute with them.

    Raises OptionError for a layer without kernels that can be shown, and what ``weights_of`` and placing
    raise.
    """
    network = experiment.network
    check_kernels(network, kernels_layer(network) if layer is None else named_layer(network, layer))
    state = weights_of(experiment, weights)
    placed = place_experiment(experiment, progress, check=False)
    source = _source(experiment, weights)
    return kernels_of(placed, state, experiment=experiment.name, source=source, layer=layer)


@dataclass(frozen=True)
class ActivationOptions:
    """Of which image, by which weights, which layer's activations are shown.

    index: of the image, where there are several. layer: None for the first that learns.
    """

    pictures: PictureOptions = field(default_factory=PictureOptions)
    index: int = 0
    weights: str | None = None
    layer: str | None = None


def find_activations(
    experiment: Experiment, options: ActivationOptions, progress: Progress | None = None
) -> LayerActivations:
    """The activations of a layer for one image, and the scores of the classes.

    Raises OptionError for a layer or an image that there is not, DataError for images that do not suit the
    network, and what ``weights_of`` and placing raise.
    """
    backend = computing_backend(experiment, "there are no activations")
    network = experiment.network
    layer = kernels_layer(network) if options.layer is None else named_layer(network, options.layer)
    with opened_pictures(experiment, options.pictures) as found:
        _check_index(options.index, found)
        example = found.pictures.begin(np.array([options.index]))()
        image = shown(found.pictures, options.index, found.classes)
        classes = class_names(found.learned, network.classes)
    state = weights_of(experiment, options.weights)
    last = scores_layer(network)
    alone = replace(experiment, training=replace(experiment.training, batch=1))
    evaluator = Evaluator(alone, backend)
    values = evaluator.activations(example, state, (layer, last))
    placed = place_experiment(experiment, progress, check=False)
    return LayerActivations(
        experiment=experiment.name,
        layer=layer,
        kind=network.ops(1)[layer].kind,
        values=values[layer][0],
        shares=shares_of(placed, layer),
        shown=image,
        scores=ranked(values[last][0], evaluator.powers, classes),
        is_scores=layer == last,
        source=_source(experiment, options.weights),
        notes=found.notes,
    )


def _check_index(index: int, found: OpenedPictures) -> None:
    if not 0 <= index < found.pictures.count:
        raise OptionError(
            f"--index {index}: {found.description}, are numbered from 0 to {found.pictures.count - 1}"
        )


def _activations(experiment: Experiment, backend: Backend, weights: str | None, layer: str) -> Activations:
    """The function that computes a layer for a batch."""
    evaluator = Evaluator(experiment, backend)
    state = weights_of(experiment, weights)

    def activations(batch: Batch) -> Array:
        return evaluator.activations(batch, state, (layer,))[layer]

    return activations


def _source(experiment: Experiment, weights: str | None) -> str:
    return str(file_of(experiment, weights))
