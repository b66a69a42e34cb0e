"""``dataflow features``, ``kernels``, ``activations``: what a trained network has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from dataflow.cli.options import (
    Command,
    backend_option,
    data_options,
    json_option,
    out_option,
    overrides,
    report_folder,
    set_option,
)
from dataflow.override import Override

weights_option = click.option(
    "--weights",
    metavar="FILE",
    help="Checkpoint, .npz, .safetensors or .pt. Default: of the lowest seed in results/EXPERIMENT-train.",
)
part_option = click.option(
    "--part",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="Which part of a data set that has a name.",
)
trained_on_option = click.option(
    "--trained-on",
    metavar="FOLDER",
    help="What the network was trained on, whose mean files are read less. Default: their own mean colour.",
)
batch_option = click.option("--batch", type=click.IntRange(min=1), help="Images computed at a time.")


def _picture_options(command: Command) -> Command:
    """The options that say of which images and by which weights."""
    for option in (backend_option, set_option, trained_on_option, part_option, data_options, weights_option):
        command = option(command)
    return click.argument("experiment")(command)


def _queries(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> Any:
    """One number, or names of images; None where nothing is said."""
    if not given:
        return None
    if len(given) == 1 and given[0].isdecimal():
        return int(given[0])
    return given


@click.command()
@_picture_options
@batch_option
@click.option("--layer", help="Whose output. Default: the last hidden layer, after its activation function.")
@click.option("--to", metavar="FILE", help="Write the features to this .npy or .parquet file.")
@click.option(
    "--queries",
    multiple=True,
    callback=_queries,
    metavar="N|NAME",
    help="Find the nearest images of N images (default: 5; 0 for none), or of this one; may be repeated.",
)
@click.option("--neighbours", type=click.IntRange(min=1), help="How many of each. Default: 6.")
@out_option
@json_option
def features(
    experiment: str,
    weights: str | None,
    images: str | None,
    broken: Literal["refuse", "skip"],
    cache: str | None,
    workers: int | None,
    part: str,
    trained_on: str | None,
    settings: tuple[Override, ...],
    backend: str | None,
    batch: int | None,
    layer: str | None,
    to: str | None,
    queries: int | tuple[str, ...] | None,
    neighbours: int | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Compute a layer's activations for the images of any folder or of a data set, and find the nearest
    (default: to results/EXPERIMENT-features).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.data.options import DataOptions
    from dataflow.session import FeatureOptions, PictureOptions, extract_features
    from reports import check_features_file, features_aside, features_json, show_features, write_features

    loaded = topologies.load(experiment, overrides(settings, batch=batch, backend=backend))
    folder = report_folder(out, loaded.name, "features")
    file = check_features_file(to)
    options = FeatureOptions(
        pictures=PictureOptions(DataOptions(images, broken, cache, workers), part, trained_on),
        weights=weights,
        layer=layer,
        queries=queries,
        neighbours=neighbours,
    )
    with features_aside(folder, file) as aside:
        with progress_bars() as progress:
            found = extract_features(loaded, options, aside, progress)
        said, tables = features_json(found), show_features(found)
        files = write_features(found, folder, file)
    if as_json:
        print_json(said)
    else:
        print_tables(tables)
    names = [each.name if each.parent == Path(folder) else str(each) for each in files]
    click.echo(f"Features written to {folder} ({', '.join(names)})", err=as_json)


@click.command()
@click.argument("experiment")
@weights_option
@click.option("--layer", help="Whose kernels. Default: of the first layer that learns.")
@set_option
@out_option
@json_option
def kernels(
    experiment: str,
    weights: str | None,
    layer: str | None,
    settings: tuple[Override, ...],
    out: str | None,
    as_json: bool,
) -> None:
    """Draw the kernels of the first layer, one processor's above the other's (default: to
    results/EXPERIMENT-kernels).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.session import find_kernels
    from reports import kernels_json, show_kernels, write_kernels

    loaded = topologies.load(experiment, overrides(settings))
    folder = report_folder(out, loaded.name, "kernels")
    with progress_bars() as progress:
        found = find_kernels(loaded, weights, layer, progress)
    files = write_kernels(found, folder)
    if as_json:
        print_json(kernels_json(found))
    else:
        print_tables(show_kernels(found))
    click.echo(f"Kernels written to {folder} ({', '.join(each.name for each in files)})", err=as_json)


@click.command()
@_picture_options
@click.option("--image", metavar="FILE", help="One image file.")
@click.option(
    "--index", type=click.IntRange(min=0), help="Which of the images of --images, from 0. Default: 0."
)
@click.option("--layer", help="Whose activations. Default: of the first layer that learns.")
@out_option
@json_option
def activations(
    experiment: str,
    weights: str | None,
    images: str | None,
    broken: Literal["refuse", "skip"],
    cache: str | None,
    workers: int | None,
    part: str,
    trained_on: str | None,
    settings: tuple[Override, ...],
    backend: str | None,
    image: str | None,
    index: int | None,
    layer: str | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Draw a layer's activations for one image, channel by channel (default: to
    results/EXPERIMENT-activations).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables, progress_bars
    from dataflow.data.options import DataOptions
    from dataflow.errors import OptionError
    from dataflow.session import ActivationOptions, PictureOptions, find_activations
    from reports import activations_json, show_activations, write_activations

    if image is not None and (images is not None or index is not None):
        raise OptionError("--image is one file; leave out --images and --index")
    loaded = topologies.load(experiment, overrides(settings, backend=backend))
    folder = report_folder(out, loaded.name, "activations")
    options = ActivationOptions(
        pictures=PictureOptions(DataOptions(image or images, broken, cache, workers), part, trained_on),
        index=index or 0,
        weights=weights,
        layer=layer,
    )
    with progress_bars() as progress:
        found = find_activations(loaded, options, progress)
    files = write_activations(found, folder)
    if as_json:
        print_json(activations_json(found))
    else:
        print_tables(show_activations(found))
    click.echo(f"Activations written to {folder} ({', '.join(each.name for each in files)})", err=as_json)
