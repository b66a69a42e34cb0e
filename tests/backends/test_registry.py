"""Backends are found by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import numpy as np
import pytest

import backends
from backends.null import NullBackend
from dataflow.backend import Backend, Site
from dataflow.errors import BackendError
from dataflow.ops import Pass, Phase, Relu


def test_shipped_backends_are_known() -> None:
    """The reference, the integer and the null backend ship, each under its own name."""
    assert {"fixed", "numpy", "null"} <= set(backends.names())
    for name in ("fixed", "numpy", "null"):
        made = backends.get(name)
        assert isinstance(made, Backend)
        assert made.name == name


def test_each_get_makes_a_new_backend() -> None:
    """Two runs do not share a pool of arrays."""
    assert backends.get("numpy") is not backends.get("numpy")


def test_unknown_name_lists_the_known_ones() -> None:
    """The error says the value, the known names and how to add another."""
    with pytest.raises(
        BackendError,
        match=r"backends: there is no backend 'tpu'; known are .*null, numpy.* \(another package "
        r"can add one by an entry point of group 'dataflow.backends'\)",
    ):
        backends.get("tpu")


def entry(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the metadata of installed packages hold one more entry point."""

    def entry_points(group: str, **wanted: str) -> EntryPoints:
        assert group == backends.ENTRY_POINT_GROUP
        return EntryPoints(
            point
            for point in [EntryPoint(name, value, group)]
            if wanted.get("name", point.name) == point.name
        )

    monkeypatch.setattr(backends, "entry_points", entry_points)


def test_entry_point_adds_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend of another package is listed and made like the shipped ones."""
    entry("other", "backends.null:NullBackend", monkeypatch)
    assert backends.names() == ("fixed", "null", "numpy", "other")
    assert isinstance(backends.get("other"), NullBackend)


def test_entry_point_must_make_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which name made what instead of a backend."""
    entry("other", "builtins:dict", monkeypatch)
    with pytest.raises(BackendError, match="'other' made a dict, which is not a Backend"):
        backends.get("other")


def test_null_backend_computes_nothing() -> None:
    """Its arrays have the shape asked for and hold no memory; nothing is written."""
    null = backends.get("null")
    assert not null.computes
    array = null.empty(("batch", "channel"), (1000, 1000), np.dtype("float32"))
    assert (array.shape, array.dtype, array.strides) == ((1000, 1000), np.dtype("float32"), (0, 0))
    op = Relu((1000, 1000))
    null.compute(op, op.passes[0], {"input": array}, {"output": array}, Site())
    null.accumulate(array, [((slice(0, 1000), slice(0, 1000)), array)], Site())
    null.release(array)
    assert not array.any()


def test_missing_kernel_says_what_there_is() -> None:
    """The error names backend, op and pass, and lists the passes it has of this op."""
    sideways = Pass("sideways", Phase.FORWARD, (), ())
    with pytest.raises(
        BackendError,
        match="backend 'numpy': no kernel for 'relu' 'sideways'; of this op it has forward, input_gradient",
    ):
        backends.get("numpy").compute(Relu((1, 1)), sideways, {}, {}, Site())


def test_unknown_op_is_said_to_be_unknown() -> None:
    """The error of an op of which there is no pass at all says so."""

    class Unknown(Relu):
        kind = "unknown"

    op = Unknown((1, 1))
    with pytest.raises(BackendError, match="'unknown' 'forward'; it does not know this op"):
        backends.get("numpy").compute(op, op.passes[0], {}, {}, Site())
