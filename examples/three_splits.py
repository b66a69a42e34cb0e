"""The same network on the same two GPUs, split three ways: what moves, and what it costs.

Krizhevsky's two towers (by channels), data parallelism (by batch) and rows of the image are
three plans of a few lines each; nothing else differs.
"""

import dataflow

EXPERIMENTS = {
    "channels": "alexnet-2x-gtx580",
    "batch": "alexnet-2x-gtx580-batch",
    "rows": "alexnet-2x-gtx580-rows",
}


def main() -> None:
    """Prints, for each split, the step time and the bytes between the GPUs."""
    print(f"{'split by':10} {'step':>10} {'images/s':>9} {'gpu0 <-> gpu1':>15} {'exposed on gpu0':>16}")
    for split, name in EXPERIMENTS.items():
        experiment = dataflow.load(name)
        graph = dataflow.training_graph(experiment)
        placed = dataflow.place(graph, experiment.hardware, experiment.plan)
        metrics = dataflow.measure(dataflow.simulate(placed))
        moved = sum(pair.exchanged_bytes for pair in metrics.traffic.values())
        exposed = metrics.processors["gpu0"].communication_exposed_s
        print(
            f"{split:10} {metrics.step_time_s * 1e3:7.1f} ms {metrics.images_per_s:9.1f} "
            f"{moved / 1e6:12.1f} MB {exposed * 1e3:13.1f} ms"
        )


if __name__ == "__main__":
    main()
