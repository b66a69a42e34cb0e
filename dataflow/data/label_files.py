"""Labels of images that are all in one folder, as ILSVRC's validation images are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataflow.errors import DataError

LABEL_FILES = (
    *("val.txt", "validation.txt", "LOC_val_solution.csv"),
    *("ILSVRC2012_validation_ground_truth.txt", "validation_ground_truth.txt"),
)
"""What files of labels are called: names with labels, or numbers alone, which are the devkit's."""

_PLACES = (".", "val", "validation", "data", "devkit/data", "ILSVRC2012_devkit_t12/data")

_HEADER = "ImageId,PredictionString"
"""The first line of LOC_val_solution.csv."""


def find_labels(root: Path) -> Path | None:
    """The file of labels of a folder of images, in it or in its devkit; None where there is none."""
    places = (root / place / name for place in _PLACES for name in LABEL_FILES)
    return next((path for path in places if path.is_file()), None)


def read_labels(file: Path, images: Sequence[str], classes: Sequence[str]) -> tuple[list[int], str | None]:
    """The label of each image, in the order of their names, and what the user should know of how they count.

    The file has on each line an image's name and, after a space (or in .csv a comma, up to the next space),
    its label; or the label alone, in the order of the images' names. With a name, the label is that of a
    class or its place among the classes in the order of their names, from 0; or from 1 where no 0 but the
    number of classes is among the labels. Alone, it is a class's name or its number in ILSVRC's devkit, which
    is looked up in meta.mat beside the file. Raises DataError for whatever does not fit, and for numbers that
    may count from 0 as well as from 1.
    """
    lines = _lines(file)
    alone = all(len(line) == 1 for line in lines)
    given = [line[0] for line in lines] if alone else _by_name(file, lines, images)
    if len(given) != len(images):
        raise DataError(f"{file}: has {len(given):,} labels for {len(images):,} images; each needs one")
    place = {name: index for index, name in enumerate(classes)}
    numbered = [label for label in set(given) if label.isdecimal() and (alone or label not in place)]
    numbers = {label: int(label) for label in numbered}
    note = None
    if not numbers:
        known = place
    elif alone:
        known = {label: place.get(name, -1) for label, name in _devkit(file, numbers).items()}
    else:
        first = _first(file, set(numbers.values()), len(classes))
        known = {label: number - first for label, number in numbers.items()} | place
        note = f"the labels in {file.name} count the classes from {first}, in the order of their names"
    return [_known(file, label, known, len(classes)) for label in given], note


def _first(file: Path, numbers: set[int], count: int) -> int:
    """What the first of so many classes has for its number."""
    if 0 not in numbers and max(numbers) < count:
        raise DataError(
            f"{file}: the labels are from {min(numbers)} to {max(numbers)}: with neither 0 nor {count} among "
            f"them, nothing says whether they count the {count:,} classes from 0 or from 1; write the "
            "names of classes in place of numbers"
        )
    return 0 if 0 in numbers else 1


def _known(file: Path, label: str, known: dict[str, int], count: int) -> int:
    found = known.get(label, -1)
    if 0 <= found < count:
        return found
    raise DataError(
        f"{file}: label {label!r} is none of the {count:,} classes that the training part has folders for; "
        "labels are names of these folders, or their numbers"
    )


def _lines(file: Path) -> list[list[str]]:
    """The words of each line that has any."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise DataError(f"{file}: cannot be read as a file of labels: {fault}") from None
    lines = [line.strip() for line in text.splitlines() if line.strip() not in ("", _HEADER)]
    if file.suffix == ".csv":
        return [[word.split()[0] for word in line.split(",", 1) if word.strip()] for line in lines]
    return [line.rsplit(maxsplit=1) for line in lines]


def _by_name(file: Path, lines: list[list[str]], images: Sequence[str]) -> list[str]:
    """The label of each image, by its name with or without what follows the dot."""
    labels: dict[str, str] = {}
    for name, *label in lines:
        if not label:
            raise DataError(f"{file}: {name!r} has no label; each line is a file's name and its label")
        key = Path(name).name
        if key in labels:
            raise DataError(f"{file}: {name!r} has two labels; keep one")
        labels[key] = label[0]
    keys = [name if name in labels else Path(name).stem for name in images]
    missing = [name for name, key in zip(images, keys, strict=True) if key not in labels]
    if missing:
        raise DataError(f"{file}: has no label for {_some(missing)}; add them or remove the images")
    unknown = sorted(set(labels) - set(keys))
    if unknown:
        raise DataError(f"{file}: names {_some(unknown)}, of which there are no images; remove the lines")
    return [labels[key] for key in keys]


def _some(names: Sequence[str]) -> str:
    """The first few of them, and how many there are."""
    listed = ", ".join(names[:3])
    return listed if len(names) <= 3 else f"{listed} and {len(names) - 3:,} more"


def _devkit(file: Path, numbers: dict[str, int]) -> dict[str, str]:
    """The WordNet id of each of the devkit's numbers, which are in no order of names."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    meta = file.with_name("meta.mat")
    if not meta.is_file():
        raise DataError(
            f"{file}: gives numbers alone, which count the classes as ILSVRC's devkit does, in no order "
            "of names; put its meta.mat beside the file, or use one of names and labels (val.txt)"
        )
    try:
        synsets = loadmat(meta, squeeze_me=True)["synsets"]
        names = {
            int(number): str(name)
            for number, name in zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)
        }
    except (OSError, KeyError, IndexError, ValueError, TypeError, NotImplementedError, MatReadError) as fault:
        raise DataError(f"{meta}: is not the ILSVRC devkit's list of classes: {fault}") from None
    return {label: names.get(number, "") for label, number in numbers.items()}
