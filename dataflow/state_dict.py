"""What a network's layers are called in PyTorch's state dicts, as its description says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dataflow.near import did_you_mean
from dataflow.ops import Op, Role

ANY = "*"
"""At the end of a name: whatever a layer's name goes on with."""


def state_dict_name(names: Mapping[str, str], layer: str) -> str | None:
    """The name of a layer, None when there is none: see ``Network.state_dict``.

    A layer's own name goes before a beginning of it, a longer beginning before a shorter one.
    """
    keys = keys_of(names, layer)
    if not keys:
        return None
    last = keys[-1]
    rest = layer.removeprefix("".join(key.removesuffix(ANY) for key in keys)) if last.endswith(ANY) else ""
    return "".join(names[key].removesuffix(ANY) for key in keys) + rest


def keys_of(names: Mapping[str, str], layer: str) -> list[str]:
    """The entries that a layer's name is made of, one after the other."""
    keys: list[str] = []
    rest = layer
    while rest not in names:
        beginnings = [key for key in names if key.endswith(ANY) and rest.startswith(key.removesuffix(ANY))]
        longest = max(beginnings, key=len, default=None)
        if longest is None or longest in keys:
            return keys
        keys.append(longest)
        rest = rest.removeprefix(longest.removesuffix(ANY))
    return [*keys, rest]


def state_dict_faults(names: Mapping[str, str], ops: Mapping[str, Op]) -> Iterator[str]:
    """What is wrong with the names of a network whose layers are these."""
    learned = [layer for layer, op in ops.items() if op.by_role(Role.PARAMETER)]
    made_of = {layer: keys_of(names, layer) for layer in learned}
    used = {key for keys in made_of.values() for key in keys}
    for key, name in names.items():
        if ANY in key.removesuffix(ANY) or ANY in name.removesuffix(ANY) or (ANY in name) != (ANY in key):
            yield f"state_dict {key!r}: {name!r}: '*' may stand at the end, of both names or of neither"
        elif key not in used:
            hint = did_you_mean(key, learned) or f" (there are: {', '.join(learned)})"
            yield f"state_dict {key!r} names no layer that has weights{hint}"
    taken: dict[str, str] = {}
    for layer, keys in made_of.items():
        called = state_dict_name(names, layer)
        if called is not None and called in taken:
            yield f"state_dict {keys[0]!r}: layers {taken[called]!r} and {layer!r} would both be {called!r}"
        elif called is not None:
            taken[called] = layer
