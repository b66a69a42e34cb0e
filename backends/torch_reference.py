"""PyTorch as an independent reference: autograd and ``torch.optim.SGD`` from the same start.

Weights, images and dropout masks are those of the run; all arithmetic is PyTorch's.
"""

from __future__ import annotations

from backends.torch_training import VERSION, TorchTraining
from dataflow.data.batches import BatchSource
from dataflow.experiment import Experiment
from dataflow.tensor import TensorKind
from dataflow.verification.references import Chosen, Progress, Show


class TorchReference:
    """Computes an experiment's steps with PyTorch.

    Where ReLU and max pooling choose (the sign of a value, the largest of a window), the last
    step follows the run's choice: in float32 some values are nearer to the kink than rounding,
    and either side is right. PyTorch's own outputs are what is shown, so a choice that is off
    by more than the tolerance fails.
    """

    name = f"PyTorch {VERSION}"
    kinds = frozenset(TensorKind) - {TensorKind.BATCH, TensorKind.MASK, TensorKind.SAVED}

    def compute(
        self,
        experiment: Experiment,
        batches: BatchSource,
        show: Show,
        chosen: Chosen,
        progress: Progress | None = None,
    ) -> None:
        """Trains for the experiment's steps and shows the tensors of the last one."""
        torch_training, steps = TorchTraining(experiment), experiment.training.steps
        for step in range(steps):
            last = step == steps - 1
            torch_training.step(
                step,
                batches.batch(step),
                show=show if last else None,
                chosen=chosen if last else None,
            )
            if progress:
                progress(step + 1, steps)
        _show_parameters(show, torch_training, steps - 1)


def _show_parameters(show: Show, training: TorchTraining, step: int) -> None:
    """Shows each parameter's gradient, new value and, with momentum, velocity."""
    for name, parameter in training.parameters.items():
        show(f"{name}.grad@{step}", parameter.grad.numpy())
        show(f"{name}@{step + 1}", parameter.detach().numpy())
        velocity = training.optimiser.velocity(parameter)
        if velocity is not None:
            show(f"{name}.velocity@{step + 1}", velocity.numpy())
