"""Features and nearest images as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from dataflow.features.found import Features
from reports.document import Json
from reports.grid import Grid

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 6


def show_features(features: Features) -> RenderableType:
    """What was computed of how many images, and the nearest images of each query, for ``rich.print``."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    grid = neighbours_grid(features)
    tables = (Padding(grid.rich(), (1, 0, 0, 0)),) if grid.rows else ()
    notes = (Text(f"note: {note}", style="yellow") for note in features.notes)
    return Group(
        Text.assemble((features.experiment, "bold"), f"  {sentence(features)}"),
        Text(f"{features.images}; weights of {features.source}"),
        *tables,
        *(Text(line) for line in _agreement(features)),
        *notes,
    )


def sentence(features: Features) -> str:
    """How many features of how many images."""
    count, width = features.file.values.shape
    return f"features of {count:,} images: {width:,} numbers each, the output of layer {features.layer!r}"


def neighbours_grid(features: Features) -> Grid:
    """A row for each query: the first of its nearest images with their distances."""
    rows = tuple(
        (
            _named(row.query.name, row.query.label),
            *(f"{_named(near.name, near.label)}  {near.distance:,.4g}" for near in row.nearest[:_SHOWN]),
        )
        for row in features.rows
    )
    wide = max((len(row) for row in rows), default=1) - 1
    columns = ("query", *(("nearest", *map(str, range(2, wide + 1))) if wide else ()))
    labelled = "; in brackets the class" if any(features.labels) else ""
    note = f"Euclidean distances of {features.layer}{labelled}"
    return Grid("Nearest images", columns, rows, left=columns[1:], note=note, apart=wide // 2)


def _named(name: str, label: str) -> str:
    short = name.rpartition("/")[2]
    return f"{short} ({label})" if label else short


def same_class(features: Features) -> tuple[int, int] | None:
    """Of the nearest images how many are of their query's class, and how many there are; None if unknown."""
    pairs = [(row.query.label, near.label) for row in features.rows for near in row.nearest]
    if not pairs or not all(query and near for query, near in pairs):
        return None
    return sum(query == near for query, near in pairs), len(pairs)


def _agreement(features: Features) -> Iterator[str]:
    found = same_class(features)
    if found is not None:
        yield f"{found[0]} of {found[1]} nearest images are of their query's class"


def features_json(features: Features) -> Json:
    """All but the features themselves: what they are of, and the nearest images of each query."""
    count, width = features.file.values.shape
    found = same_class(features)
    return {
        "experiment": features.experiment,
        "layer": features.layer,
        "shape": list(features.shape),
        "weights": features.source,
        "images": {"what": features.images, "count": count},
        "features": width,
        "dtype": str(features.file.values.dtype),
        "same_class": None if found is None else {"of_query": found[0], "nearest": found[1]},
        "neighbours": [
            {
                "file": row.query.name,
                "label": row.query.label or None,
                "nearest": [
                    {"file": near.name, "label": near.label or None, "distance": near.distance}
                    for near in row.nearest
                ],
            }
            for row in features.rows
        ],
        "notes": list(features.notes),
    }


def index_csv(features: Features) -> str:
    """A row for each image, in the order of the features: its file and its class."""
    rows = zip(features.names, features.labels, strict=True)
    return _csv(("file", "label"), rows)


def neighbours_csv(features: Features) -> str:
    """A row for each query and each of its nearest images, nearest first."""
    rows = (
        (row.query.name, row.query.label, rank, near.name, near.label, near.distance)
        for row in features.rows
        for rank, near in enumerate(row.nearest, start=1)
    )
    return _csv(("query", "query_label", "rank", "neighbour", "label", "distance"), rows)


def _csv(columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
