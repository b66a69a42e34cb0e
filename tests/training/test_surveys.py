"""The one look at all files: what is kept of it, and which files are broken."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dataflow.data import folder_pictures
from dataflow.data.options import DataOptions
from dataflow.errors import DataError, OptionError
from dataflow.training.data_set import DataSet, open_data_set
from tests.training.folders import classes_of, picture, reading


class Surveys:
    """Counts how often files are looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        survey = folder_pictures.survey

        def counted(*arguments: object) -> object:
            self.made += 1
            return survey(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(folder_pictures, "survey", counted)


def opened(root: Path, **options: object) -> DataSet:
    """The folder as a data set."""
    return open_data_set(reading(), DataOptions(str(root), **options))  # type: ignore[arg-type]


def same(one: DataSet, other: DataSet) -> bool:
    """Whether mean and components are the same, bit for bit."""
    assert one.statistics is not None
    assert other.statistics is not None
    return (
        one.statistics.mean.tobytes() == other.statistics.mean.tobytes()
        and one.statistics.components.tobytes() == other.statistics.components.tobytes()
    )


@pytest.mark.parametrize("aside", [True, False])
def test_files_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aside: bool) -> None:
    """What was found is kept in the folder, or in the cache; other files are looked at anew."""
    root = classes_of(tmp_path / "images", "a", "b")
    cache = str(tmp_path / "new" / "cache") if aside else None
    surveys = Surveys(monkeypatch)
    first, second = opened(root, cache=cache), opened(root, cache=cache)
    assert (surveys.made, same(first, second)) == (1, True)
    kept = [path.name for path in (Path(cache) if cache else root).iterdir() if path.is_file()]
    assert len(kept) == 1
    assert kept[0].startswith("images-" if aside else ".dataflow-")
    changed = root / first.train.name(0)
    picture(changed, 77)
    os.utime(changed, (1, 1))
    third = opened(root, cache=cache)
    assert (surveys.made, same(first, third)) == (2, False)
    picture(root / "b" / "new.png", 78)
    opened(root, cache=cache)
    assert surveys.made == 3


def test_what_is_kept_depends_on_the_preparation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another size or another number of channels has another mean."""
    root, surveys = classes_of(tmp_path, "a", "b"), Surveys(monkeypatch)
    for shape in ((3, 7, 7), (1, 7, 7), (3, 9, 9), (3, 7, 7)):
        open_data_set(reading(shape), DataOptions(str(root)))
    assert surveys.made == 3


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive"])
def test_what_cannot_be_read_is_computed_again(tmp_path: Path, content: bytes) -> None:
    """A file that is cut short is replaced."""
    root = classes_of(tmp_path, "a", "b")
    first = opened(root)
    (kept,) = root.glob(".dataflow-*.npz")
    whole = kept.read_bytes()
    kept.write_bytes(content or whole[: len(whole) // 2])
    assert same(first, opened(root))
    assert len(kept.read_bytes()) == len(whole)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the images': the user is told. Named as the cache: an error, before files are looked at."""
    root, surveys = classes_of(tmp_path / "images", "a", "b"), Surveys(monkeypatch)

    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("dataflow.data.survey_cache.written_aside", refuse)
        data = opened(root)
    assert data.notes[-1] == (
        f"mean and components of the images are not kept in {root} (Permission denied), so that they "
        "will be computed again; --cache names a folder for them"
    )
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"--cache .*file: .*; name a folder that can be written to"):
        opened(root, cache=str(tmp_path / "file"))
    assert surveys.made == 1


def test_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are counted while they are looked at, and not when what was found is kept."""
    monkeypatch.setattr("dataflow.data.survey._TOGETHER", 4)
    classes_of(tmp_path, "a", "b", count=5)
    told: list[tuple[int, int]] = []
    for _ in range(2):
        open_data_set(reading(), DataOptions(str(tmp_path)), lambda done, count: told.append((done, count)))
    assert told == [(0, 10), (4, 10), (8, 10), (10, 10)]


def broken(root: Path, count: int) -> Path:
    """Two classes of eight pictures, some of which are none any more, in several ways."""
    classes_of(root, "a", "b", count=8)
    for index in range(count):
        file = root / "b" / f"{index:03}.png"
        file.write_bytes(b"no picture" if index % 2 else file.read_bytes()[:120])
    return root


def test_broken_images_are_refused(tmp_path: Path) -> None:
    """The first of them are named with what is wrong, and how many there are."""
    with pytest.raises(DataError) as raised:
        opened(broken(tmp_path, 5))
    first, *listed = str(raised.value).splitlines()
    said = "5 images cannot be read; mend or remove them, or leave them out with --broken skip"
    assert first == f"--images {tmp_path}: {said}"
    # In the order of the parts and of names: 16 files, of which one of each class is for the test.
    assert len(listed) == 4
    assert sum("cannot be read as an image: " in line for line in listed) >= 1
    assert sum(line.endswith(".png is not an image") for line in listed) >= 1
    assert listed[-1] == "  - and 2 more"


def test_broken_images_are_left_out(tmp_path: Path) -> None:
    """They are counted, and the others are as they would be without them."""
    data = opened(broken(tmp_path, 3), broken="skip")
    assert f"3 images of {tmp_path} cannot be read and are left out" in data.notes
    names = {part.name(index) for part in (data.train, data.test) for index in range(part.count)}
    assert names == {f"a/00{index}.png" for index in range(8)} | {f"b/00{index}.png" for index in range(3, 8)}
    assert data.train.read(np.arange(data.train.count)).images.shape == (data.train.count, 3, 7, 7)
    # Which are broken is kept too.
    assert opened(tmp_path, broken="skip").notes == data.notes


def test_nothing_is_left(tmp_path: Path) -> None:
    """Where no training image can be read there is no mean."""
    root = classes_of(tmp_path, "a", "b", count=2)
    for file in root.glob("*/*.png"):
        file.write_bytes(b"")
    with pytest.raises(
        DataError, match=r"not one of the training images can be read; the first fault: .*png"
    ):
        opened(root, broken="skip")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_breaks_later(tmp_path: Path, workers: int) -> None:
    """Its file is named when it is read."""
    data = opened(classes_of(tmp_path, "a", "b"), workers=workers)
    (tmp_path / data.train.name(1)).unlink()
    with pytest.raises(DataError, match=rf"{data.train.name(1)} cannot be read as an image: .*No such file"):
        data.train.read(np.arange(3))
    assert data.train.read(np.array([0])).images.shape == (1, 3, 7, 7)
    data.close()


def test_options() -> None:
    """What makes no sense is refused where it is said."""
    for options, message in (
        ({"images": ""}, "images: the name is empty; name a folder or a data set, or leave it out"),
        ({"broken": "keep"}, "broken 'keep' is neither of: refuse, skip"),
        ({"cache": ""}, "cache: the folder's name is empty; name one or leave it out"),
        ({"workers": -1}, r"workers -1 must be 0 \(none\) to 256"),
        ({"workers": 257}, "workers 257 must be 0"),
    ):
        with pytest.raises(OptionError, match=message):
            DataOptions(**options)  # type: ignore[arg-type]
