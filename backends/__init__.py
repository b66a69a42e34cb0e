"""The arithmetic: what value a task computes. Each backend is found here by its name.

Shipped are ``numpy``, the reference in floating point, ``fixed``, integers, and ``null``, which
computes nothing. Another package adds one by an entry point of the group ``dataflow.backends`` that names a
callable without arguments, usually a class.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from dataflow.backend import Backend
from dataflow.errors import BackendError

ENTRY_POINT_GROUP = "dataflow.backends"

_SHIPPED = {
    "fixed": ("backends.fixed", "FixedBackend"),
    "null": ("backends.null", "NullBackend"),
    "numpy": ("backends.numpy_backend", "NumpyBackend"),
}


def names() -> tuple[str, ...]:
    """The names of all backends that ``get`` knows, sorted."""
    return tuple(sorted({*_SHIPPED, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))}))


def get(name: str) -> Backend:
    """A new backend of this name, imported only now. Raises BackendError when there is none.

    A shipped name wins over an entry point of the same name.
    """
    if name in _SHIPPED:
        module, attribute = _SHIPPED[name]
        made = getattr(import_module(module), attribute)()
    else:
        made = _from_entry_point(name)
    if not isinstance(made, Backend):
        raise BackendError(
            f"backends: {name!r} made a {type(made).__name__}, which is not a Backend; "
            "it must have everything that dataflow.backend.Backend lists"
        )
    return made


def _from_entry_point(name: str) -> object:
    for point in entry_points(group=ENTRY_POINT_GROUP, name=name):
        return point.load()()
    raise BackendError(
        f"backends: there is no backend {name!r}; known are {', '.join(names())} "
        f"(another package can add one by an entry point of group {ENTRY_POINT_GROUP!r})"
    )
