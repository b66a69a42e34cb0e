"""What report.json holds of hosts that make batches of files."""

from __future__ import annotations

from pydantic import Field

from reports.entry import Entry


class InputUseEntry(Entry):
    """A host that makes batches of files."""

    images: int = Field(description="that it prepares in a step")
    cores: int = Field(description="that do nothing else")
    buffers: int = Field(description="batches in preparation, ready or being loaded that there is room for")
    prepare_s: float = Field(description="how long a step's images keep the cores busy")
    busy: float = Field(description="share of the step that is")
    images_per_s: float = Field(description="what its cores could prepare")
    bound: str = Field(description="what sets prepare_s: compute (the cores) or memory")


class InputPathEntry(Entry):
    """The way of pictures from files to processors."""

    bound: bool = Field(
        description="whether the step is input-bound: a host never rests, or waiting is over 0.05, "
        "of an inference 0.5"
    )
    waiting: float = Field(
        description="share of the steps in which the processor that waits longest for batches, their loads "
        "included, is idle for them"
    )
    ahead: bool = Field(description="whether batches are made while earlier ones are computed with")
    images_per_s: float = Field(description="what the hosts could prepare, the slowest deciding")
    needed_images_per_s: float | None = Field(
        description="images_per_s of the run if batches were always there; null where it was not simulated"
    )
    hosts: dict[str, InputUseEntry]
