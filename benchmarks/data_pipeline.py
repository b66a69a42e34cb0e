"""How many images a second one core makes into examples, and how many the processes that read ahead do.

    python benchmarks/data_pipeline.py [SIDE ...]

JPEGs of 256 x 256 pixels (or of other sides, which are scaled) are cut out of scikit-learn's photographs and
written to a temporary folder. They become examples as in the 2012 paper: decoded, cropped at random to
227 x 227, mirrored, shifted in colour, less the mean, in float32; in batches of 128, in 0, 1 and 2 processes
by the clock on the wall, and without processes also by the time that the core was busy.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

import dataflow
from dataflow.data.options import DataOptions
from dataflow.recipe import Augmentation
from dataflow.training.data_set import open_data_set
from dataflow.training.order import ShuffledBatches

IMAGES, BATCH, BATCHES, QUALITY = 1024, 128, 8, 90

GOAL = 150
"""Images a second and core."""


def write_images(root: Path, side: int) -> float:
    """Writes JPEGs in two classes; how many bytes one has on average."""
    random = np.random.default_rng(0)
    for label, pixels in enumerate(load_sample_images().images):
        photograph = Image.fromarray(pixels)
        photograph = photograph.resize([round(length * max(1.0, side / 427)) for length in photograph.size])
        (root / str(label)).mkdir()
        for index in range(IMAGES // 2):
            left, top = (int(random.integers(length - side + 1)) for length in photograph.size)
            cut = photograph.crop((left, top, left + side, top + side))
            cut.save(root / str(label) / f"{index}.jpg", quality=QUALITY)
    return float(np.mean([file.stat().st_size for file in root.rglob("*.jpg")]))


def main(sides: list[int]) -> None:
    """Prints a line for each side and number of processes."""
    made = dataflow.load("alexnet-2x-gtx580", [dataflow.Override("training.batch", str(BATCH))])
    made = replace(made, training=replace(made.training, augmentation=Augmentation()))
    for side in sides:
        with TemporaryDirectory() as folder:
            size = write_images(Path(folder), side)
            for workers in (0, 1, 2):
                with closing(open_data_set(made, DataOptions(folder, workers=workers))) as data:
                    batches = ShuffledBatches(data.train, BATCH, 0, data.description)
                    batches.batch(0)  # Processes are started here.
                    began, busy = perf_counter(), process_time()
                    for step in range(1, 1 + BATCHES):
                        batches.batch(step)
                    count = BATCHES * BATCH
                    wall, cpu = count / (perf_counter() - began), count / (process_time() - busy)
                what = f"{side} x {side} JPEG of {size / 1000:.0f} kB, {workers} processes"
                alone = f"; {cpu:6,.0f} images/s a core (goal: {GOAL})" if workers == 0 else ""
                print(f"{what}: {wall:6,.0f} images/s{alone}")


if __name__ == "__main__":
    main([int(side) for side in sys.argv[1:]] or [256])
