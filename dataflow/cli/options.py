"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from typing import Any

import click

from dataflow.data.options import BROKEN
from dataflow.errors import OptionError
from dataflow.override import Override

Command = Callable[..., Any]


def parse_override(text: str) -> Override:
    """``path=value``, as ``--set`` takes it; split at the first equals sign."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise click.BadParameter(
            f"{text!r} is not of the form path=value, such as training.batch=64 "
            'or hardware.links.pcie.bandwidth="8 GB/s"'
        )
    return Override(path.strip(), value.strip())


def parse_tolerance(text: str) -> float:
    """A relative error: a finite number above 0."""
    try:
        tolerance = float(text)
    except ValueError:
        tolerance = 0.0
    if not (isfinite(tolerance) and tolerance > 0):
        raise click.BadParameter(f"{text!r} is not a finite number above 0, such as 1e-4")
    return tolerance


def experiment_options(command: Command) -> Command:
    """``--set``, ``--steps``, ``--batch``, ``--seed``."""
    for option in (
        click.option("--seed", type=click.IntRange(min=0), help="Seed of weights, crops and dropout masks."),
        click.option("--batch", type=click.IntRange(min=1), help="Images a step, over all processors."),
        click.option(
            "--steps",
            type=click.IntRange(min=1),
            help="How many steps to run: samples (or batches of them) in inference and pipeline.",
        ),
        set_option,
    ):
        command = option(command)
    return command


def data_options(command: Command) -> Command:
    """``--images``, ``--broken``, ``--cache``, ``--workers``, as ``DataOptions`` takes them."""
    for option in (
        click.option(
            "--workers",
            type=click.IntRange(min=0, max=256),
            help="Processes that read images ahead; 0 for none. Default: one for each core.",
        ),
        click.option(
            "--cache",
            metavar="FOLDER",
            help="Where to keep what is computed once over a folder of images. Default: in that folder.",
        ),
        click.option(
            "--broken",
            type=click.Choice(BROKEN),
            default=BROKEN[0],
            show_default=True,
            help="What to do about image files that cannot be read.",
        ),
        click.option(
            "--images",
            metavar="FOLDER|NAME",
            help="A folder of images (one sub-folder for each class, or ILSVRC's layout), or one of digits, "
            "photographs, shapes, noise. Default: what suits the network.",
        ),
    ):
        command = option(command)
    return command


set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    type=parse_override,
    metavar="PATH=VALUE",
    help='Override any field: --set hardware.links.pcie.bandwidth="8 GB/s". May be repeated.',
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print machine-readable JSON instead of tables."
)
no_limits_option = click.option(
    "--no-limits", is_flag=True, help="Do not simulate faster machines, to be done sooner."
)
out_option = click.option("--out", type=click.Path(), help="Folder for the report's files.")
backend_option = click.option(
    "--backend", help="What computes the values: numpy, null, or one you installed."
)
images_option = click.option(
    "--images",
    metavar="FOLDER|NAME",
    help="A folder of images, one sub-folder for each class; or digits, photographs, shapes, noise. "
    "Default: what suits the network.",
)
reference_option = click.option(
    "--reference",
    type=click.Choice(["one-processor", "torch"]),
    default="one-processor",
    show_default=True,
    help="What the values are compared with.",
)
tolerance_option = click.option(
    "--tolerance",
    type=parse_tolerance,
    metavar="NUMBER",
    help="Largest error, relative to a tensor's largest magnitude. Default: 1e-4 (float64: 1e-10).",
)


def overrides(
    settings: tuple[Override, ...],
    *,
    steps: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
    backend: str | None = None,
) -> tuple[Override, ...]:
    """The overrides that ``--set`` and its shorthands ask for, shorthands last."""
    short = (
        ("training.steps", steps),
        ("training.batch", batch),
        ("training.seed", seed),
        ("backend", None if backend is None else json.dumps(backend)),
    )
    return (*settings, *(Override(path, str(value)) for path, value in short if value is not None))


def report_folder(out: str | None, experiment: str, what: str = "") -> str:
    """Where a report goes: what ``--out`` says, or results/EXPERIMENT by the name in its file, then -WHAT.

    Raises as ``checked_folder`` does.
    """
    name = f"{experiment}-{what}" if what else experiment
    return checked_folder(f"results/{name}" if out is None else out)


def checked_folder(folder: str) -> str:
    """The folder, after making sure that a report can be written there: before hours are spent."""
    from reports import check_writable

    if not folder:
        raise OptionError("--out: the folder's name is empty; name one or leave the option out")
    check_writable(folder)
    return folder
