"""Image files of any folder, as a network reads them: which, of which class, less which mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataflow.data.options import DataOptions
from dataflow.errors import DataError, OptionError
from dataflow.experiment import Experiment
from dataflow.features.opening import image_files, query_indices
from dataflow.recipe import Augmentation
from dataflow.session.parts import class_names
from dataflow.session.pictures import OpenedPictures, PictureOptions, opened_pictures
from tests.features.made import paint, world

RED, BLUE, GREY = (200, 40, 40), (20, 60, 220), (100, 100, 100)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two reds of class cat, a blue of class dog, a grey one of no class, and what is no image."""
    folder = tmp_path / "pets"
    paint(folder / "cat" / "b.png", RED)
    paint(folder / "cat" / "a.PNG", RED)
    paint(folder / "dog" / "a.png", BLUE)
    paint(folder / "grey.png", GREY)
    (folder / "notes.txt").write_text("mine")
    (folder / ".cache").write_text("hidden")
    return folder


def small(channels: int = 3) -> Experiment:
    """Reads crops of 6 x 6 out of squares of 8 x 8."""
    made = world()
    net = replace(made.network, input=(channels, 6, 6))
    training = replace(made.training, augmentation=Augmentation(shorter_side=8))
    return replace(made, network=net, training=training)


def opened(made: Experiment, images: Path | str, **asked: str) -> OpenedPictures:
    """The pictures, read and closed again; what they say of themselves stays."""
    broken = asked.pop("broken", "refuse")
    data = DataOptions(str(images), "skip" if broken == "skip" else "refuse", workers=0)
    with opened_pictures(made, PictureOptions(data, **asked)) as found:
        return found


def pixel(found: OpenedPictures, index: int) -> list[float]:
    """What the network reads in one place; images are of one colour each."""
    (image,) = found.pictures.begin(np.array([index]))().images
    assert np.all(image == image[:, :1, :1])
    return [float(value) for value in image[:, 0, 0]]


def test_files_and_their_classes(pets: Path) -> None:
    """By their paths, in order; the class is the folder that a file is in, if it is in one."""
    files = image_files(pets)
    assert files.paths == ("cat/a.PNG", "cat/b.png", "dog/a.png", "grey.png")
    assert (files.classes, files.labels.tolist(), files.left) == (("cat", "dog"), [0, 0, 1, -1], 1)
    one = image_files(pets / "grey.png")
    assert (one.folder, one.paths, one.labels.tolist()) == (pets, ("grey.png",), [-1])


def test_a_folder_without_classes(tmp_path: Path) -> None:
    """No labels are needed: pixels are less the mean colour of these images, and a note says so."""
    paint(tmp_path / "one.png", (100, 20, 0))
    paint(tmp_path / "two.png", (200, 40, 0))
    found = opened(small(), tmp_path)
    assert found.pictures.labels.tolist() == [-1, -1]
    assert pixel(found, 0) == [-50.0, -10.0, 0.0]
    assert pixel(found, 1) == [50.0, 10.0, 0.0]
    assert found.pictures.picture(1).tolist() == [[[200, 40, 0]] * 6] * 6
    assert "less the mean colour of these images" in found.notes[0]
    assert found.description == f"the 2 images in {tmp_path}"


def test_an_image_alone(tmp_path: Path) -> None:
    """Stays itself less its mean colour: a left half of 100 and a right half of 200 are 50 apart from it."""
    halves = np.repeat(np.array([[100] * 8 + [200] * 8], dtype=np.uint8), 16, axis=0)
    Image.fromarray(halves).convert("RGB").save(tmp_path / "halves.png")
    found = opened(small(), tmp_path / "halves.png")
    (image,) = found.pictures.begin(np.array([0]))().images
    assert found.description == f"the image {tmp_path / 'halves.png'}"
    assert image[:, :, 0] == pytest.approx(-50, abs=1)
    assert image[:, :, 5] == pytest.approx(50, abs=1)


def test_the_mean_of_what_was_trained_on(pets: Path, tmp_path: Path) -> None:
    """With --trained-on the mean is that of other images, and its classes are those of the scores."""
    for name, grey in (("dark", 10), ("light", 30)):
        for number in range(8):
            paint(tmp_path / "others" / name / f"{number}.png", (grey, grey, grey))
    found = opened(small(), pets, trained_on=str(tmp_path / "others"))
    assert pixel(found, 0) == [180.0, 20.0, 20.0]  # 20 is the mean of 10 and 30, held out in proportion
    assert class_names(found.learned, 3) == ("dark", "light", "2")
    assert found.notes == ("left out what is no image by its name: 1 of the files",)


def test_grey_images_for_a_network_of_one_channel(pets: Path) -> None:
    """Colours are made grey by brightness."""
    found = opened(small(1), pets / "grey.png")
    assert found.pictures.picture(0).shape == (6, 6, 1)
    assert int(found.pictures.picture(0)[0, 0, 0]) == 100


def test_broken_images(pets: Path) -> None:
    """Named and refused, or left out and counted; when all are broken there is nothing to do."""
    (pets / "dog" / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"dog/a.png is not an image; mend it, or use --broken skip"):
        opened(small(), pets)
    found = opened(small(), pets, broken="skip")
    assert [found.pictures.name(index) for index in range(found.pictures.count)] == [
        "cat/a.PNG",
        "cat/b.png",
        "grey.png",
    ]
    assert "left out what cannot be read: 1 of the images" in found.notes
    assert found.classes == ("cat",)


def test_data_sets_by_name() -> None:
    """The part that is asked for, with names and classes; there may be none for validation."""
    made = replace(small(1), network=replace(small(1).network, classes=10))
    found = opened(made, "digits")
    assert (found.pictures.count, found.classes) == (450, tuple("0123456789"))
    assert found.pictures.name(7) == "digit 1354"
    picture = found.pictures.picture(7)
    assert (picture.shape, picture.min(), picture.max()) == ((6, 6, 1), 0, 255)
    assert opened(made, "digits", part="train").pictures.count == 1347
    with pytest.raises(OptionError, match=r"part 'validation': scikit-learn's .* have none, for no"):
        opened(made, "digits", part="validation")
    plain = replace(made, training=replace(made.training, augmentation=None))
    for each in (made, plain):
        with pytest.raises(DataError, match=r"--trained-on digits: .* are read on another scale than image"):
            opened(each, __file__, trained_on="digits")


def test_shapes_and_their_mean() -> None:
    """Pictures of a set made by a function are shown before their mean is subtracted."""
    found = opened(small(), "shapes")
    image = found.pictures.begin(np.array([3]))().images[0].transpose(1, 2, 0)
    mean = found.pictures.picture(3).astype(np.float32) - image
    other = found.pictures.picture(4) - found.pictures.begin(np.array([4]))().images[0].transpose(1, 2, 0)
    assert mean == pytest.approx(other, abs=1e-4)
    assert 0 < mean.min() < mean.max() < 255
    with opened_pictures(small(), PictureOptions(DataOptions("noise"))) as noise:
        assert noise.pictures.picture(0).max() == 255


def test_queries_by_name(pets: Path) -> None:
    """A whole path, or its end where that is one image's alone."""
    names = image_files(pets).paths
    assert query_indices(names, ("dog/a.png", "b.png", "grey.png")) == (2, 1, 3)
    with pytest.raises(DataError, match=r"--queries c\.png: is none of the images; these are called 'cat/a"):
        query_indices(names, ("c.png",))
    with pytest.raises(DataError, match=r"--queries a\.png: is the end of 2 names, such as 'x/a.png'"):
        query_indices(("x/a.png", "y/a.png"), ("a.png",))


def test_what_cannot_be(pets: Path, tmp_path: Path) -> None:
    """No such folder, one without images, a network that reads something else."""
    with pytest.raises(DataError, match=r"images '.*nowhere': there is no such folder or file"):
        image_files(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"images '.*empty': has no images; their names end in .jpg, .jpeg"):
        image_files(tmp_path / "empty")
    with pytest.raises(DataError, match="reads 2; use noise"):
        opened(small(2), pets)
    with pytest.raises(OptionError, match="part 'all' is none of: test, validation, train"):
        PictureOptions(part="all")
