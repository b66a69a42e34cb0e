"""Folders of images: which files they have, for what, and of which class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from dataflow.data.image_folders import ImageFolder, find_images
from dataflow.data.options import DataOptions
from dataflow.data.reading import read_picture
from dataflow.data.splits import hold_out
from dataflow.errors import DataError
from dataflow.training.data_set import open_data_set
from tests.training.folders import classes_of, picture, reading

WNIDS = ("n01", "n02", "n03")


def files(found: ImageFolder) -> tuple[set[str], set[str], set[str]]:
    """Of the parts: for training, for validation and for the test."""
    validation = set() if found.validation is None else set(found.validation.files)
    return set(found.train.files), validation, set(found.test.files)


def ilsvrc(root: Path, flat: int = 4) -> Path:
    """A folder as ILSVRC's: three classes of two images, and all validation images in one folder."""
    classes_of(root / "train", *WNIDS, count=2)
    for index in range(1, flat + 1):
        picture(root / "val" / f"ILSVRC2012_val_{index:08}.JPEG", index)
    return root


def names(numbers: list[int] | list[str]) -> str:
    """A file of labels of those images, by name."""
    lines = (f"ILSVRC2012_val_{place:08}.JPEG {label}" for place, label in enumerate(numbers, 1))
    return "\n".join(lines) + "\n"


def test_a_folder_of_classes(tmp_path: Path) -> None:
    """Labels are places of sub-folders by name; a tenth of each class, at least one, is for the test."""
    found = find_images(classes_of(tmp_path, "dog", "cat", count=12), None)
    assert found.classes == ("cat", "dog")
    train, validation, test = files(found)
    assert (len(train), validation, len(test)) == (22, set(), 2)
    assert not train & test
    assert sorted(file.split("/")[0] for file in test) == ["cat", "dog"]
    for part in (found.train, found.test):
        assert [found.classes[label] for label in part.labels] == [file.split("/")[0] for file in part.files]
    assert found.notes == ("no test part: 2 images, a tenth of each class, are held out for the test",)


def test_what_is_held_out_depends_on_nothing_but_the_files(tmp_path: Path) -> None:
    """With validation the test stays the same, and the shares of classes too."""
    classes_of(tmp_path, "a", "b", count=20)
    plain, decided = find_images(tmp_path, None), find_images(tmp_path, 0.25)
    assert plain.test.files == decided.test.files
    assert decided.validation is not None
    # A quarter of the 18 of each class that are left, rounded (4.5 to the even 4).
    assert np.bincount(decided.validation.labels).tolist() == [4, 4]
    train, validation, test = files(decided)
    assert len(train) + len(validation) + len(test) == len(train | validation | test)
    assert train | validation == set(plain.train.files)
    assert "8 images of the training part are held out for validation" in decided.notes


def test_holding_out_of_small_classes() -> None:
    """One of two, none of one, and never all; of many the share."""
    labels = np.array([0, 1, 1, 2, 2, 2] + [3] * 100, dtype=np.int32)
    stay, held = hold_out(labels, 0.9, "test")
    assert np.bincount(labels[held], minlength=4).tolist() == [0, 1, 2, 90]
    assert sorted([*stay, *held]) == list(range(len(labels)))
    stay, held = hold_out(labels, 0.01, "test")
    assert np.bincount(labels[held], minlength=4).tolist() == [0, 1, 1, 1]
    assert (hold_out(labels, 0.5, "test")[1] != hold_out(labels, 0.5, "validation")[1]).any()


def test_parts(tmp_path: Path) -> None:
    """Folders train, validation and test are what they are called; classes may lack images for the test."""
    classes_of(tmp_path / "train", "a", "b")
    classes_of(tmp_path / "validation", "a", "b", count=1)
    classes_of(tmp_path / "test", "b", count=2)
    found = find_images(tmp_path, 0.5)
    assert files(found) == (
        {f"train/{name}/00{index}.png" for name in "ab" for index in range(3)},
        {"validation/a/000.png", "validation/b/000.png"},
        {"test/b/000.png", "test/b/001.png"},
    )
    assert found.test.labels.tolist() == [1, 1]
    assert found.notes == ()


def test_without_a_test_part_validation_is_for_the_test(tmp_path: Path) -> None:
    """As everyone does with ILSVRC; what decides the learning rate is held out of the training part then."""
    classes_of(tmp_path / "train", "a", "b", count=5)
    classes_of(tmp_path / "val", "a", "b", count=1)
    found = find_images(tmp_path, 0.2)
    assert {file.split("/")[0] for file in found.test.files} == {"val"}
    assert found.validation is not None
    assert {file.split("/")[0] for file in found.validation.files} == {"train"}
    assert found.notes[0] == "val/ is the test: there is no part of its own for that"


def test_names_and_labels_in_a_file(tmp_path: Path) -> None:
    """As Caffe's val.txt: places of the classes by name, from 0."""
    (ilsvrc(tmp_path) / "val.txt").write_text(names([2, 0, 1, 0]))
    found = find_images(tmp_path, None)
    assert found.test.labels.tolist() == [2, 0, 1, 0]
    assert found.test.files[0] == "val/ILSVRC2012_val_00000001.JPEG"
    assert "the labels in val.txt count the classes from 0, in the order of their names" in found.notes


def test_labels_that_count_from_1(tmp_path: Path) -> None:
    """They do where no 0 but the number of classes is among them; and the user is told."""
    (ilsvrc(tmp_path) / "val.txt").write_text(names([3, 1, 2, 1]))
    found = find_images(tmp_path, None)
    assert found.test.labels.tolist() == [2, 0, 1, 0]
    assert "the labels in val.txt count the classes from 1, in the order of their names" in found.notes


def test_labels_that_are_names_of_classes(tmp_path: Path) -> None:
    """As in Kaggle's LOC_val_solution.csv: without suffixes, in any order, with boxes after the names."""
    (ilsvrc(tmp_path, 2) / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\nILSVRC2012_val_00000002,n03 1 2 3 4 \nILSVRC2012_val_00000001,n02 5 6 7\n"
    )
    assert find_images(tmp_path, None).test.labels.tolist() == [1, 2]


def test_the_devkits_numbers(tmp_path: Path) -> None:
    """One number a line, in the order of the images' names, looked up in meta.mat, in another order."""
    data = ilsvrc(tmp_path) / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n2\n3\n2\n")
    with pytest.raises(
        DataError, match=r"gives numbers alone, which count .* put its meta.mat beside the file"
    ):
        find_images(tmp_path, None)
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")]
    synsets = np.array([(1, "n02", "two"), (2, "n03", "three"), (3, "n01", "one")], dtype=fields)
    savemat(data / "meta.mat", {"synsets": synsets})
    assert find_images(tmp_path, None).test.labels.tolist() == [1, 2, 0, 2]
    (data / "meta.mat").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"meta.mat: is not the ILSVRC devkit's list of classes"):
        find_images(tmp_path, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (names([0, 1, 2]), "val.txt: has no label for ILSVRC2012_val_00000004.JPEG; add them or remove"),
        (
            names([0, 1, 2, 1, 1, 0]),
            r"names ILSVRC2012_val_00000005.JPEG, .*6.JPEG, of which there are no images",
        ),
        (
            names([2, 1, 2, 2]),
            "labels are from 1 to 2: with neither 0 nor 3 among them, nothing says whether",
        ),
        (names([0, 1, 2, 4]), "label '4' is none of the 3 classes that the training part has folders for"),
        (names(["n01", "n02", "n03", "n04"]), "label 'n04' is none of the 3 classes"),
        (names([0, 1, 2, 1]) + names([1]), "ILSVRC2012_val_00000001.JPEG' has two labels; keep one"),
        (names([0, 1, 2, 1]) + "lost\n", "'lost' has no label; each line is a file's name and its label"),
        ("n01\nn02\n", "has 2 labels for 4 images; each needs one"),
        ("\x00\udcff", "cannot be read as a file of labels"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, text: str, message: str) -> None:
    """Each fault names file and line, and what to do."""
    (ilsvrc(tmp_path) / "val.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=message):
        find_images(tmp_path, None)


def test_class_names_alone_in_the_order_of_the_images(tmp_path: Path) -> None:
    """A label a line needs no names of images."""
    (ilsvrc(tmp_path) / "val" / "val.txt").write_text("n01\nn03\n\nn02\nn01\n")
    assert find_images(tmp_path, None).test.labels.tolist() == [0, 2, 1, 0]


def test_a_test_part_without_labels_is_left_alone(tmp_path: Path) -> None:
    """As ILSVRC's, whose labels are not public."""
    (ilsvrc(tmp_path) / "val.txt").write_text(names([2, 0, 1, 0]))
    picture(tmp_path / "test" / "a.png", 0)
    found = find_images(tmp_path, None)
    assert len(found.test.files) == 4
    assert "test/ is left alone: nothing says of which class its images are" in found.notes


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([], "nowhere: is not a folder; give one with a sub-folder for each class, or name a data set"),
        (["a.png"], "has no sub-folders; put the images of each class in one of its own"),
        (["train/a.png"], "train/ has no sub-folders; put the images"),
        (["a/1.png", "b/"], "class 'b' has no images in .*b"),
        (["val/a/1.png", "test/a/1.png"], "has val/ and test/ but no train/; add it"),
        (
            ["train/a/1.png", "val/c/1.png"],
            "val/ has class 'c', but train/ has no folder of that name; rename",
        ),
        (["train/a/1.png", "val/"], "val/ has no images; fill it or remove it"),
        (["train/a/1.png", "val/1.png"], "val/ has 1 images but no sub-folders .* add one, such as val.txt"),
    ],
)
def test_folders_that_are_none_of_images(tmp_path: Path, made: list[str], message: str) -> None:
    """Each fault says which folder, and what to do."""
    root = tmp_path / "nowhere"
    for name in made:
        if name.endswith("/"):
            (root / name).mkdir(parents=True)
        else:
            picture(root / name, 0)
    with pytest.raises(DataError, match=message):
        find_images(root, None)


def test_a_folder_that_does_not_suit_the_training(tmp_path: Path) -> None:
    """One class, more classes than the network tells apart, or not one batch."""
    classes_of(tmp_path / "one", "a")
    classes_of(tmp_path / "three", "a", "b", "c")
    for name, made, message in (
        ("one", reading(), "one are of one class, 'a': there is nothing to tell apart; put"),
        (
            "three",
            reading(classes=2),
            "are of 3 classes, but network 'net' tells 2 apart; set network.classes=3",
        ),
        (
            "three",
            reading(batch=7),
            "have 6 images for training, fewer than one batch of 7; use .*\\(--batch 6\\)",
        ),
    ):
        with pytest.raises(DataError, match=message):
            open_data_set(made, DataOptions(str(tmp_path / name)))


@pytest.mark.parametrize("size", [(24, 8), (8, 24), (9, 25)])
def test_the_central_square(tmp_path: Path, size: tuple[int, int]) -> None:
    """A picture whose shorter side is as it should be is not scaled: its middle is cut out."""
    pixels = picture(tmp_path / "a.png", 0, size)
    side = min(size)
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    middle = pixels[top : top + side, left : left + side]
    assert (read_picture(str(tmp_path / "a.png"), side, 3) == middle).all()
    grey = read_picture(str(tmp_path / "a.png"), side, 1)[:, :, 0]
    assert float(np.abs(grey - middle @ np.array([0.299, 0.587, 0.114])).max()) < 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_the_camera_says(tmp_path: Path, orientation: int) -> None:
    """As Pillow turns them, for all eight ways to hold a camera."""
    from PIL import ImageOps

    file = tmp_path / "a.png"
    pixels = picture(file, 0)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(file, exif=exif)
    with Image.open(file) as opened:
        turned = np.asarray(ImageOps.exif_transpose(opened))
    assert (read_picture(str(file), 8, 3) == turned).all()


def test_large_jpegs_are_decoded_at_a_fraction_of_their_size(tmp_path: Path) -> None:
    """Which changes pixels by little."""
    smooth = np.add.outer(np.arange(1200), np.arange(1100)).astype(np.float64) / 9.2
    image = Image.fromarray(np.repeat(smooth[:, :, np.newaxis], 3, axis=2).astype(np.uint8))
    for name in ("a.png", "a.jpg"):
        image.save(tmp_path / name)
    one, other = (read_picture(str(tmp_path / name), 100, 3).astype(int) for name in ("a.png", "a.jpg"))
    assert int(np.abs(one - other).max()) <= 3


def test_palettes_with_transparency_are_colours(tmp_path: Path) -> None:
    """Whatever is not drawn keeps the colour that it has in the palette."""
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128]))
    assert set(map(tuple, read_picture(str(tmp_path / "a.png"), 8, 3).reshape(-1, 3).tolist())) == {
        (10, 200, 30)
    }
