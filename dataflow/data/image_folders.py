"""Folders of images: which files there are, of which class, and for what."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataflow.data.label_files import LABEL_FILES, find_labels, read_labels
from dataflow.data.splits import hold_out
from dataflow.errors import DataError

TESTED = 0.1
"""Share of the images that is held out for the test where a folder has no part for it."""

_PARTS = {"train": ("train",), "validation": ("val", "validation"), "test": ("test",)}
"""Names of the folders of the parts."""


@dataclass(frozen=True)
class Part:
    """files: as paths from the root. labels: int32, one for each."""

    files: tuple[str, ...]
    labels: NDArray[np.int32]

    def chosen(self, indices: NDArray[np.int64]) -> Part:
        """Those of these indices."""
        return Part(tuple(self.files[index] for index in indices), self.labels[indices])


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder. classes: their names, in the order of labels. notes: on what was made of it."""

    root: Path
    classes: tuple[str, ...]
    train: Part
    validation: Part | None
    test: Part
    notes: tuple[str, ...]


def find_images(root: Path, validation: float | None) -> ImageFolder:
    """The images of a folder, for training and for the test.

    A folder has a sub-folder for each class; or it has parts: ``train`` with these sub-folders and, if it
    likes, ``val`` (or ``validation``) and ``test``, with them too or with all images beside one another, of
    which a file gives the labels (``read_labels``). Without a test part the validation part is for the
    test; without either a tenth of the images is. validation: the share of the training part that is held
    out where no validation part is left and one is wanted; None for none. Hidden files are left alone.
    Raises DataError when the folder or one of its classes has no images, or a part has classes
    that the training part has not.
    """
    parts = _parts_of(root)
    notes: list[str] = []
    classes, train = training_images(root)
    deciding = _part(root, parts.get("validation"), classes, notes)
    tested = _part(root, parts.get("test"), classes, notes)
    if tested is None and deciding is not None:
        tested, deciding = deciding, None
        notes.append(f"{parts['validation'].name}/ is the test: there is no part of its own for that")
    if tested is None:
        stay, held = hold_out(train.labels, TESTED, "test")
        train, tested = train.chosen(stay), train.chosen(held)
        notes.append(f"no test part: {len(held):,} images, a tenth of each class, are held out for the test")
    if deciding is None and validation is not None:
        stay, held = hold_out(train.labels, validation, "validation")
        train, deciding = train.chosen(stay), train.chosen(held)
        notes.append(f"{len(held):,} images of the training part are held out for validation")
    return ImageFolder(root, classes, train, deciding, tested, tuple(notes))


def training_images(root: Path) -> tuple[tuple[str, ...], Part]:
    """The classes of a folder and all images of its training part. Raises DataError as ``find_images``."""
    folder = _parts_of(root)["train"]
    classes = _class_names(root, folder)
    return tuple(classes), _of_classes(root, folder, classes)


def _parts_of(root: Path) -> dict[str, Path]:
    """The folders of the parts; the root itself for training where it has no ``train``."""
    if not root.is_dir():
        raise DataError(
            f"--images {root}: is not a folder; give one with a sub-folder for each class, "
            "or name a data set: digits, photographs, shapes, noise"
        )
    found = {part: root / name for part, names in _PARTS.items() for name in names if (root / name).is_dir()}
    if "train" in found:
        return found
    if found and set(_names(root, root, folders=True)) <= {folder.name for folder in found.values()}:
        names = " and ".join(f"{folder.name}/" for folder in found.values())
        raise DataError(f"--images {root}: has {names} but no train/; add it")
    return {"train": root}


def _class_names(root: Path, folder: Path) -> list[str]:
    names = _names(root, folder, folders=True)
    if not names:
        raise DataError(
            f"--images {root}: {_named(root, folder)}has no sub-folders; "
            "put the images of each class in one of its own"
        )
    return names


def _part(root: Path, folder: Path | None, classes: Sequence[str], notes: list[str]) -> Part | None:
    """A part beside the training part, in sub-folders or with a file of labels; None where it has neither."""
    if folder is None:
        return None
    if names := _names(root, folder, folders=True):
        unknown = sorted(set(names) - set(classes))
        if unknown:
            raise DataError(
                f"--images {root}: {folder.name}/ has class {unknown[0]!r}, "
                "but train/ has no folder of that name; rename one of them"
            )
        return _of_classes(root, folder, classes, names)
    images = [name for name in _names(root, folder, folders=False) if name not in LABEL_FILES]
    if not images:
        raise DataError(f"--images {root}: {folder.name}/ has no images; fill it or remove it")
    file = find_labels(root) if folder.name in _PARTS["validation"] else None
    if file is None and folder.name in _PARTS["validation"]:
        raise DataError(
            f"--images {root}: {folder.name}/ has {len(images):,} images but no sub-folders for classes, "
            f"and no file says of which class they are; add one, such as {LABEL_FILES[0]}"
        )
    if file is None:
        notes.append(f"{folder.name}/ is left alone: nothing says of which class its images are")
        return None
    labels, note = read_labels(file, images, classes)
    notes += [] if note is None else [note]
    files = tuple(f"{folder.name}/{name}" for name in images)
    return Part(files, np.array(labels, dtype=np.int32))


def _of_classes(root: Path, folder: Path, classes: Sequence[str], names: Iterable[str] | None = None) -> Part:
    """The images in the sub-folders of these names, of all classes if None."""
    files: list[str] = []
    labels: list[int] = []
    place = {name: index for index, name in enumerate(classes)}
    for name in classes if names is None else names:
        images = _names(root, folder / name, folders=False)
        if not images:
            raise DataError(f"--images {root}: class {name!r} has no images in {folder / name}")
        prefix = (folder / name).relative_to(root).as_posix()
        files += (f"{prefix}/{image}" for image in images)
        labels += [place[name]] * len(images)
    return Part(tuple(files), np.array(labels, dtype=np.int32))


def _names(root: Path, folder: Path, *, folders: bool) -> list[str]:
    """The names of what is in a folder and not hidden, either folders or files, in order."""
    try:
        with os.scandir(folder) as entries:
            found = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and (entry.is_dir() if folders else entry.is_file())
            ]
    except OSError as fault:
        raise DataError(f"--images {root}: {folder} cannot be read: {fault.strerror}") from None
    return sorted(found)


def _named(root: Path, folder: Path) -> str:
    return "" if folder == root else f"{folder.name}/ "
