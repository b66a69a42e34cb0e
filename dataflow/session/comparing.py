"""The same training in another way: in another format, on one processor, or by PyTorch."""

from __future__ import annotations

from dataclasses import replace

from dataflow.errors import OptionError
from dataflow.experiment import DTYPES, Experiment
from dataflow.numbers.arithmetic import Arithmetic
from dataflow.plan import Plan
from dataflow.verification.references import one_processor

AGAINST = (*DTYPES, "one-processor", "torch")
"""What a training may be compared with; the last two go along with it step by step."""


def check_against(against: str | None, experiment: Experiment) -> None:
    """Raises OptionError when an experiment cannot be trained in that way, BackendError without PyTorch."""
    if against != "torch":
        return
    if experiment.training.dtype not in DTYPES:
        raise OptionError(
            f"against 'torch': PyTorch computes in floating point, not in {experiment.training.dtype}; "
            "compare with one-processor"
        )
    import backends.torch_training  # noqa: F401  (says what is missing before hours are spent)


def on_one_processor(experiment: Experiment, against: str) -> Experiment:
    """The same training unsplit, in floating point where ``against`` is a format; its times mean nothing."""
    decoded = replace(experiment.training, input=None)
    unsplit = replace(experiment, hardware=one_processor(), plan=Plan(), training=decoded)
    if against not in DTYPES:
        return unsplit
    training = replace(
        decoded,
        dtype=against,
        arithmetic=Arithmetic(),
        gradient="back-propagation",
        loss_scale=1.0,
    )
    return replace(unsplit, backend="numpy", training=training)
