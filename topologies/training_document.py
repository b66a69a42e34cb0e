"""How to train as YAML writes it: the engine's own fields, with number formats checked by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from dataflow.errors import OptionError
from dataflow.experiment import DTYPES, SAMPLES, Mode, Training
from dataflow.near import did_you_mean
from dataflow.numbers.arithmetic import Arithmetic
from dataflow.numbers.number import fixed_point
from dataflow.recipe import PAPER, PYTORCH, Conventions

_EXAMPLE = "a fixed-point format such as 'q8.8'"


def _fixed(dtype: str) -> str:
    """A fixed-point format. Raises ValueError for what is none."""
    try:
        known = fixed_point(dtype) is not None
    except OptionError as error:
        raise ValueError(str(error)) from None
    if not known:
        raise ValueError(f"must be {_EXAMPLE}, got {dtype!r}")
    return dtype


def _dtype(dtype: str) -> str:
    """A floating-point or fixed-point format. Raises ValueError for what is neither."""
    if dtype in DTYPES:
        return dtype
    if dtype.startswith("q"):
        return _fixed(dtype)
    kinds = ", ".join(repr(name) for name in DTYPES)
    raise ValueError(f"must be {kinds} or {_EXAMPLE}, got {dtype!r}{did_you_mean(dtype, DTYPES)}")


_FORMAT = Field(json_schema_extra={"examples": ["q8.8"]})
Format = Annotated[str, AfterValidator(_fixed), _FORMAT]
Dtype = Annotated[str, AfterValidator(_dtype), _FORMAT]

_PRESETS = {"paper": PAPER, "pytorch": PYTORCH}


def _conventions(given: object) -> object:
    """All conventions of a name, or what a mapping says of each. Raises ValueError for other words."""
    if not isinstance(given, str):
        return given
    if given not in _PRESETS:
        names = ", ".join(repr(name) for name in _PRESETS)
        raise ValueError(f"must be {names} or a mapping, got {given!r}{did_you_mean(given, _PRESETS)}")
    return _PRESETS[given]


def _named_or_each(schema: dict[str, Any]) -> None:
    """A schema of conventions that may also be called by their name."""
    each = {key: schema.pop(key) for key in ("$ref", "allOf") if key in schema}
    schema["anyOf"] = [{"enum": list(_PRESETS)}, each]


@dataclass(frozen=True, kw_only=True)
class ArithmeticDocument(Arithmetic):
    """What fixed-point computation does beyond its format.

    formats: tensor (without its version, as ``conv1.weight`` or ``*.grad``) to another format. wide_logits:
    what the loss reads stays in the wide accumulator. master_weights: the format in which weights
    are updated. exponential: of softmax, by ``shift`` or by ``table``. division: of softmax, ``divide`` each
    power, or multiply it by the ``reciprocal`` of their sum.
    """

    formats: Mapping[str, Format] = field(default_factory=dict)
    master_weights: Format | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingDocument(Training):
    """How the network is trained.

    batch: images a step, over all processors. steps: to simulate; where they are not given 1 of training,
    64 of inference or a pipeline. dtype: of activations, weights and gradients: ``float32``,
    ``float64``, or a fixed-point format such as ``q8.8``. arithmetic: of fixed point. initial: by
    layer (or pattern such as ``fc*``; the last that fits), in place of what the network says. dropout:
    the rate of all dropout layers, in place of what each says. conventions: ``paper``,
    ``pytorch``, or one by one. schedule: of the learning rate; ``{}`` for the paper's. augmentation: of
    pictures. input: whether batches lie in host memory ``decoded``, or as ``jpeg`` that the host's
    cores decode. epochs, images_per_epoch: the whole training that a report extrapolates to.
    """

    dtype: Dtype = "float32"
    arithmetic: ArithmeticDocument = field(default_factory=ArithmeticDocument)
    conventions: Annotated[
        Conventions, BeforeValidator(_conventions), Field(json_schema_extra=_named_or_each)
    ] = field(default_factory=Conventions)


def training_of(document: TrainingDocument, mode: Mode, *, counted: bool) -> Training:
    """The engine's training that a document describes. counted: whether that says how many steps."""
    given = {each.name: getattr(document, each.name) for each in fields(Training)}
    if mode != "training" and not counted:
        given["steps"] = SAMPLES
    arithmetic = document.arithmetic
    exact = Arithmetic(**{each.name: getattr(arithmetic, each.name) for each in fields(Arithmetic)})
    return Training(**given | {"arithmetic": exact})
