"""Placement: the one mechanism for every way to split a network.

Three rules, and nothing that knows a strategy, a network or a number of processors:

1. A plan slices an op's loops; the slice says which region of each operand a processor
   touches (``Op.region``). What a slice writes lives with it, and what parameters it reads
   live with it unless the plan keeps them in shards: those regions are the tensor's *homes*.
2. What a task needs and its memory lacks is copied from a home (``Copies.bring``).
3. What several slices contribute to is summed at every home (``Sums.deliver``); the
   gradient of a copy is thereby an addition where the original lives, the adjoint of the copy
   (Hewett and Grady, arXiv 2006.03108). Slices of a summed loop are summed the same way.

A micro-batch is one more slice of the batch; its tasks come one after the other in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from dataflow.errors import PlanError
from dataflow.hardware import Hardware
from dataflow.numbers.number import partial_dtype
from dataflow.ops import GRADIENT_SUFFIX, Phase
from dataflow.placement.banks import fixed_places, with_accesses
from dataflow.placement.contributions import Contribution, Contributions, Delivery, Home
from dataflow.placement.control import Control, Slot
from dataflow.placement.copies import Copies
from dataflow.placement.exchange import Exchange
from dataflow.placement.finishing import finished_tasks
from dataflow.placement.ledger import Context, Ledger
from dataflow.placement.loads import Loads
from dataflow.placement.parts import Part, Parts
from dataflow.placement.placed import PlacedGraph
from dataflow.placement.placed_task import Read, Shard
from dataflow.placement.recomputation import with_recomputation
from dataflow.placement.storage import Storage
from dataflow.placement.sums import Sums
from dataflow.plan import Plan
from dataflow.task_graph import Task, TaskGraph
from dataflow.tensor import Tensor, TensorKind


def place(graph: TaskGraph, hardware: Hardware, plan: Plan) -> PlacedGraph:
    """Applies a plan to a task graph.

    Raises CheckError when the plan names what is not there, PlanError when it cannot be carried
    out or there is no host for the batch to start from.
    """
    if not hardware.hosts:
        raise PlanError(
            f"hardware {hardware.name!r} has no host, but the batch starts in host memory; "
            "add one under 'hosts'"
        )
    parts = Parts(plan, graph.ops, hardware, graph.gradient_ops)
    graph = with_recomputation(graph, plan)
    ledger = Ledger(graph, hardware)
    placement = _Placement(ledger, plan, parts)
    placement.place_all()
    tasks = finished_tasks(ledger, placement.control.after(), plan.buffers)
    places = fixed_places(graph, hardware, plan, ledger.shards, tasks)
    return PlacedGraph(
        task_graph=graph,
        hardware=hardware,
        plan=plan,
        shards=ledger.shards,
        homes={name: tuple(shard.name for shard in shards) for name, shards in ledger.homes.items()},
        tasks=with_accesses(tasks, ledger.shards, places) if places else tasks,
        fixed_places=places,
    )


class _Placement:
    """Goes through the tasks in order and writes what follows from the rules into a ledger."""

    def __init__(self, ledger: Ledger, plan: Plan, parts: Parts) -> None:
        self.ledger = ledger
        self.graph = ledger.graph
        self.parts = parts
        self.storage = Storage(ledger.graph, plan, parts)
        self.contributions = Contributions(ledger.graph, parts)
        self.control = Control(plan, parts)
        self.loads = Loads(ledger, self.control)
        exchange = Exchange(ledger, plan, parts)
        self.copies = Copies(ledger, parts, exchange)
        self.sums = Sums(ledger, self.copies, exchange, self._shard_of, plan.bucket_bytes)
        self._deliveries: dict[str, Delivery] = {}
        self._written: dict[int, Shard] = {}
        self._producer = {name: tasks[0] for name, tasks in self.graph.writers.items()}
        self._last_writer = {name: tasks[-1].name for name, tasks in self.graph.writers.items()}
        self._needed_early = {
            name
            for task in self.graph.tasks
            if task.phase is not Phase.UPDATE
            for name in task.reads.values()
        }

    def place_all(self) -> None:
        """Places every task of the graph."""
        passes = [task for task in self.graph.tasks if task.phase is not Phase.UPDATE]
        for task in passes:
            self._place_pass(task)
        self.sums.flush(self._context(passes[-1], Phase.GRADIENT))
        for task in self.graph.tasks:
            if task.phase is Phase.UPDATE:
                self._place_update(task)

    def _context(self, task: Task, phase: Phase, microbatch: int = 0, microbatches: int = 1) -> Context:
        return Context(task.layer, phase, self.control.priority(phase, microbatch, microbatches))

    # -- tasks ------------------------------------------------------------------------

    def _place_pass(self, task: Task) -> None:
        """Places each slice of a forward or gradient pass, then sums what the slices share."""
        parts = self.parts.of(task.layer, task.phase)
        by_microbatch: dict[int, list[tuple[int, Part]]] = {}
        for index, part in enumerate(parts):
            by_microbatch.setdefault(part.microbatch, []).append((index, part))
        for number, together in by_microbatch.items():
            why = self._context(task, task.phase, number, together[0][1].microbatches)
            needs = self._needs(task, [part for _, part in together])
            for name, homes in needs.items():
                self._bring(self.graph.tensors[name], homes, task, together[0][1], why)
            for index, part in together:
                self._place_part(task, index, part, why)
        count = max((part.microbatches for part in parts), default=1)

        def why_of(microbatches: Sequence[int]) -> Context:
            return self._context(task, task.phase, self.control.last(microbatches), count)

        for name in task.writes.values():
            if self._last_writer[name] == task.name:
                tensor = self.graph.tensors[name]
                exchanged = tensor.kind is TensorKind.PARAMETER_GRADIENT and name not in self._needed_early
                self.sums.deliver(tensor, self._delivery(tensor), why_of, bucketed=exchanged)

    @staticmethod
    def _needs(task: Task, parts: Sequence[Part]) -> dict[str, list[Home]]:
        """For each tensor a task reads the regions that its parts need, and where."""
        needs: dict[str, list[Home]] = {}
        for operand, name in task.reads.items():
            for part in parts:
                region = task.op.region(operand.removesuffix(GRADIENT_SUFFIX), part.slices)
                if region is not None:
                    needs.setdefault(name, []).append(Home(region, part.memory))
        return needs

    def _place_part(self, task: Task, index: int, part: Part, why: Context) -> None:
        reads: list[Read] = []
        for operand, name in task.reads.items():
            region = task.op.region(operand.removesuffix(GRADIENT_SUFFIX), part.slices)
            if region is not None:
                tensor = self.graph.tensors[name]
                pieces = self.ledger.pieces(tensor, region, part.memory, self._use(tensor, task, part))
                reads.append(Read(operand, region, pieces))
        writes: dict[str, Shard] = {}
        for tensor_name, contribution in self.contributions.by(task, index):
            shard = self._shard_to_write(self.graph.tensors[tensor_name], contribution)
            writes[contribution.operand] = self._written[id(contribution)] = shard
        number = f" #{part.microbatch}" if part.microbatches > 1 else ""
        name = f"{task.name}{number} on {part.processor}"
        self.ledger.add_compute(task, task.op.local(part.slices), (name, part.processor), reads, writes, why)
        self.control.note(Slot(name, task, part))

    def _place_update(self, task: Task) -> None:
        """Places the update of a parameter where it is to be done, and brings the result to its homes."""
        tensors = self.graph.tensors
        why = self._context(task, Phase.UPDATE)
        stored = self.storage.of[task.reads["parameter"]]
        old, gradient = tensors[task.reads["parameter"]], tensors[task.reads["gradient"]]
        self.copies.bring(old, stored.update, why)
        self.copies.bring(gradient, stored.update, why)
        there = [(home, self._updater(gradient, home)) for home in stored.update]
        several = Counter(processor for _, processor in there)
        for home, processor in there:
            if "velocity" in task.reads:
                self.ledger.add_home(tensors[task.reads["velocity"]], home.region, home.memory)
            reads = [
                Read(operand, home.region, self.ledger.pieces(tensors[name], home.region, home.memory))
                for operand, name in task.reads.items()
            ]
            writes = {
                operand: self.ledger.add_home(tensors[name], home.region, home.memory)
                for operand, name in task.writes.items()
            }
            slices = dict(zip(task.op.loops, home.region.ranges, strict=True))
            which = home.region.describe(old.region) if several[processor] > 1 else ""
            place = (f"{task.name}{which} on {processor}", processor)
            self.ledger.add_compute(task, task.op.local(slices), place, reads, writes, why)
        new = tensors[task.writes["new_parameter"]]
        self.copies.bring(new, stored.parameter, why, homes=True)

    def _updater(self, gradient: Tensor, home: Home) -> str:
        """Who updates a parameter in a memory: whom the plan names, or else who has made the gradient."""
        pieces = self.ledger.pieces(gradient, home.region, home.memory)
        return home.processor or self.ledger.worker(home.memory, (piece.shard for piece in pieces))

    # -- copying ----------------------------------------------------------------------

    def _bring(self, tensor: Tensor, needs: Sequence[Home], task: Task, part: Part, why: Context) -> None:
        """Sees to it that what is needed of a tensor, for a micro-batch as a part's, is there."""
        if tensor.kind is TensorKind.BATCH:
            self.loads.bring(tensor, needs)
            return
        if tensor.kind is TensorKind.PARAMETER:
            for home in self.storage.of[tensor.name].parameter:
                self.ledger.add_home(tensor, home.region, home.memory)
            why = replace(why, after=self.control.gates(task, part.microbatch))
        self.copies.bring(tensor, needs, why, use=self._use(tensor, task, part))

    def _use(self, tensor: Tensor, task: Task, part: Part) -> str:
        """Copies of parameters are made for the forward pass, and again for the gradients.

        Those that are kept in shards, to save memory, are made for each micro-batch.
        """
        if tensor.kind is not TensorKind.PARAMETER:
            return ""
        apart = self.storage.of[tensor.name].sharded and part.microbatches > 1
        return f"{task.phase.label} #{part.microbatch}" if apart else task.phase.label

    # -- summing ----------------------------------------------------------------------

    def _delivery(self, tensor: Tensor) -> Delivery:
        if tensor.name not in self._deliveries:
            stored = self.storage.of.get(tensor.name)
            self._deliveries[tensor.name] = self.contributions.delivery(
                tensor.name,
                self._homes_of(tensor),
                self.copies.nearest,
                backwards=self.control.backwards,
                scattered=stored is not None and stored.scattered,
            )
        return self._deliveries[tensor.name]

    def _homes_of(self, tensor: Tensor) -> Sequence[Home]:
        """Where a tensor's value is to be: with its makers; a gradient where its makers read it."""
        if tensor.kind is TensorKind.PARAMETER_GRADIENT:
            return self.storage.of[tensor.name].gradient
        if tensor.kind is TensorKind.ACTIVATION_GRADIENT:
            primal = f"{tensor.base.removesuffix(GRADIENT_SUFFIX)}@0"
            maker = self._producer[primal]
            operand = next(operand for operand, name in maker.writes.items() if name == primal)
            regions = [
                (maker.op.region(operand, part.slices), part)
                for part in self.parts.of(maker.layer, Phase.GRADIENT)
            ]
            return list(
                dict.fromkeys(
                    Home(region, part.memory, part.processor)
                    for region, part in regions
                    if region is not None
                )
            )
        return list(
            dict.fromkeys(Home(c.region, c.memory, c.processor) for c in self.contributions.to(tensor.name))
        )

    def _shard_to_write(self, tensor: Tensor, contribution: Contribution) -> Shard:
        """The shard that a slice writes: of the tensor itself, or of a part of the sum it will be."""
        if not self._delivery(tensor).is_final(contribution):
            number = self.contributions.number(tensor.name, contribution)
            base = f"{tensor.base}.part{number}"
            tensor = replace(tensor, base=base, dtype=partial_dtype(tensor.dtype), part_of=tensor.base)
        return self.ledger.add_shard(tensor, contribution.region, contribution.memory)

    def _shard_of(self, contribution: Contribution) -> Shard:
        return self._written[id(contribution)]
