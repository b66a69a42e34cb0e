"""Where the layers of a network stand in its picture: branches side by side, long networks in columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

BOX_IN = (2.1, 0.68)
CELL_IN = (2.75, 1.0)
MARGIN_IN = 0.45
TITLE_IN = 0.6
_LEAST_ROWS = 8
_WIDEST = 2.0
"""Width over height of a picture that need not have longer columns."""
_SPARE_IN = (CELL_IN[1] - BOX_IN[1]) / 2
_BESIDE_IN = 0.15
_APART_IN = 0.12
"""How far from the middle of a box arrows enter and leave at its side."""


@dataclass(frozen=True)
class Place:
    """The middle of a node in inches, y downwards, and the column and row it is in."""

    x: float
    y: float
    column: int
    row: int


@dataclass(frozen=True)
class _Segment:
    """Nodes between two that everything passes through, the second included: (row, lane) of each.

    lanes: how many there are. The last node has no lane: it stands in the middle.
    """

    cells: Mapping[str, tuple[int, int | None]]
    lanes: int

    @property
    def rows(self) -> int:
        """How many rows it takes."""
        return 1 + max(row for row, _ in self.cells.values())


def layout(inputs: Mapping[str, Sequence[str]]) -> dict[str, Place]:
    """Places each node below all it reads; long networks go on in a next column.

    inputs: for each node what it reads. A branch keeps its lane; a column ends only where
    the network is one node wide.
    """
    segments = list(_segments(inputs))
    highest = sum(segment.rows for segment in segments)
    rows = range(_LEAST_ROWS, max(_LEAST_ROWS, highest) + 1)
    columns = next(
        (tried for tried in (_columns(segments, each) for each in rows) if _is_compact(tried)), [segments]
    )
    places: dict[str, Place] = {}
    left = MARGIN_IN
    for column, shown in enumerate(columns):
        widest = max(segment.lanes for segment in shown)
        top = 0
        for segment in shown:
            for name, (row, lane) in segment.cells.items():
                across = widest / 2 if lane is None else (widest - segment.lanes) / 2 + lane + 0.5
                y = MARGIN_IN + TITLE_IN + (top + row + 0.5) * CELL_IN[1]
                places[name] = Place(left + across * CELL_IN[0], y, column, top + row)
            top += segment.rows
        left += widest * CELL_IN[0]
    return {name: places[name] for name in inputs}


def _columns(segments: Sequence[_Segment], rows: int) -> list[list[_Segment]]:
    """Segments in columns of at most so many rows each, or of one segment that is longer."""
    columns: list[list[_Segment]] = [[]]
    for segment in segments:
        if columns[-1] and sum(each.rows for each in columns[-1]) + segment.rows > rows:
            columns.append([])
        columns[-1].append(segment)
    return columns


def _is_compact(columns: Sequence[Sequence[_Segment]]) -> bool:
    """Whether the picture is not much wider than high."""
    width = sum(max(segment.lanes for segment in column) for column in columns) * CELL_IN[0]
    height = max(sum(segment.rows for segment in column) for column in columns) * CELL_IN[1]
    return width <= _WIDEST * height


def _segments(inputs: Mapping[str, Sequence[str]]) -> Iterator[_Segment]:
    """The parts of a network between nodes that all of it passes through."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(inputs)
    graph.add_edges_from((source, name) for name, sources in inputs.items() for source in sources)
    position = {name: index for index, name in enumerate(inputs)}
    generations = [sorted(names, key=position.__getitem__) for names in nx.topological_generations(graph)]
    depth = {name: row for row, names in enumerate(generations) for name in names}
    held: list[list[str]] = []
    furthest = 0
    for row, names in enumerate(generations):
        held.append(names)
        passes_by = furthest > row
        furthest = max([furthest, *(depth[reader] for name in names for reader in graph.successors(name))])
        if (len(names) == 1 and not passes_by) or row == len(generations) - 1:
            yield _segment(held, inputs)
            held = []


def _segment(rows: Sequence[Sequence[str]], inputs: Mapping[str, Sequence[str]]) -> _Segment:
    """Gives each node the lane of the first source that no other node has gone on from, or a new one."""
    cells: dict[str, tuple[int, int | None]] = {}
    open_lanes: dict[str, int] = {}
    lanes = 0
    for row, names in enumerate(rows):
        for name in names:
            if row == len(rows) - 1 and len(names) == 1:
                cells[name] = (row, None)
                continue
            source = next((source for source in inputs[name] if source in open_lanes), None)
            lane = lanes if source is None else open_lanes.pop(source)
            lanes = max(lanes, lane + 1)
            open_lanes[name] = lane
            cells[name] = (row, lane)
    return _Segment(cells, max(1, lanes))


def route(source: str, target: str, places: Mapping[str, Place]) -> list[tuple[float, float]]:
    """The corners of the arrow from a node to one that reads it, around what stands between them."""
    a, b = places[source], places[target]
    half = BOX_IN[1] / 2
    start, end = (a.x, a.y + half), (b.x, b.y - half)
    above, below = end[1] - _SPARE_IN, start[1] + _SPARE_IN
    if a.column != b.column:
        between = min(place.x for place in places.values() if place.column == b.column) - CELL_IN[0] / 2
        return [start, (a.x, below), (between, below), (between, above), (b.x, above), end]
    column = [place for place in places.values() if place.column == a.column]
    inner = [place for place in column if a.row < place.row < b.row]

    def free(x: float) -> bool:
        return all(abs(place.x - x) > BOX_IN[0] / 2 for place in inner)

    if free(a.x):
        return [start, end] if a.x == b.x else [start, (a.x, above), (b.x, above), end]
    if free(b.x):
        return [start, (a.x, below), (b.x, below), end]
    beside = max(place.x for place in (*inner, a, b)) + BOX_IN[0] / 2 + _BESIDE_IN
    leaves, arrives = a.y + _APART_IN, b.y - _APART_IN
    begin = [(a.x + BOX_IN[0] / 2, leaves), (beside, leaves)]
    if any(place.row == b.row and place.x > b.x for place in column):
        return [*begin, (beside, above), (b.x, above), end]
    return [*begin, (beside, arrives), (b.x + BOX_IN[0] / 2, arrives)]
