"""Race dropout: cores of a SmartNIC start when they are signalled, with what has been stored by then.

The closer the signals of the forward tasks follow one another, the shorter is the step and the more
of what tasks read is missing and counts as zero. Prints, for several spacings, how much is dropped, how
often the network was right in the last epoch of its training, in the race, and how often in the test, which
has all inputs; and draws it. Takes a minute or two for three epochs.

Usage: python examples/race_dropout.py [EPOCHS [PICTURE]]
"""

import sys
from tempfile import TemporaryDirectory

import dataflow
from dataflow.session import TrainingOptions, train_experiment
from dataflow.training.trained import Trained

EXPERIMENT = "digits-cnn-race-dropout"
SPACINGS_NS = (250, 300, 350, 400, 450, 500, 600, 800, 1200, 2000)


def trained(spacing_ns: int, epochs: int) -> Trained:
    """The experiment's network after so many epochs, its signals so far apart."""
    experiment = dataflow.load(EXPERIMENT, [dataflow.Override("plan.control.spacing", f"{spacing_ns} ns")])
    options = TrainingOptions(epochs=epochs, limits=False)
    with TemporaryDirectory() as folder:
        return train_experiment(experiment, options, folder, lambda _: None, lambda: False)


def draw(rows: list[tuple[int, float, float, float, float]], path: str) -> None:
    """Drop rate and accuracies over spacing."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="spacing of signals, ns", ylabel="%", title="Race dropout of the digits CNN"
    )
    spacings = [row[0] for row in rows]
    axes.plot(spacings, [100 * row[2] for row in rows], marker="o", label="read before it was stored")
    axes.plot(spacings, [100 * row[3] for row in rows], marker="^", label="right in training, in the race")
    axes.plot(
        spacings, [100 * row[4] for row in rows], marker="s", label="right in the test, with all inputs"
    )
    axes.legend()
    figure.savefig(path, dpi=120)


def main(epochs: int = 3, picture: str | None = None) -> None:
    """Prints a row for each spacing: the mean step, what was dropped, and the accuracies in the end."""
    rows: list[tuple[int, float, float, float, float]] = []
    print(f"{EXPERIMENT}, {epochs} epochs; tests have all inputs")
    print(f"{'spacing':>8} {'mean step':>11} {'dropped':>8} {'right in training':>18} {'in the test':>12}")
    for spacing_ns in SPACINGS_NS:
        (curve,) = trained(spacing_ns, epochs).curves
        last = curve.last
        step_s, dropped = last.simulated_s / last.step, curve.missing or 0.0
        rows.append((spacing_ns, step_s, dropped, last.train_accuracy or 0.0, last.test_accuracy))
        shares = f"{100 * dropped:6.1f} % {100 * rows[-1][3]:16.1f} % {100 * last.test_accuracy:10.1f} %"
        print(f"{spacing_ns:5} ns {step_s * 1e6:8.2f} us {shares}")
    if picture is not None:
        draw(rows, picture)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, sys.argv[2] if len(sys.argv) > 2 else None)
