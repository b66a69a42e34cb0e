"""From a result to the report: the one document that console, pages and comparisons are made from."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from dataflow.communication_metrics import Traffic
from dataflow.errors import ReportError
from dataflow.experiment import Experiment
from dataflow.metrics import Metrics, ProcessorUse
from dataflow.result import Result
from dataflow.verification.verification import Verification
from reports.core_schema import (
    BankEntry,
    ControlEntry,
    IdlenessEntry,
    LatencyEntry,
    PipelineEntry,
    PrecisionEntry,
    SampleLatencyEntry,
    TensorValuesEntry,
)
from reports.input_schema import InputPathEntry
from reports.plan_schema import PlanEntry
from reports.schema import (
    VERSION,
    BubbleEntry,
    CommunicationEntry,
    ConstantEntry,
    ExposureEntry,
    HardwareEntry,
    LayerEntry,
    LimitEntry,
    LinkEntry,
    MemoryEntry,
    MovementEntry,
    NetworkEntry,
    OverrideEntry,
    PathEntry,
    ProcessorEntry,
    Report,
    TensorEntry,
    TrafficEntry,
    TrainingEntry,
    TransferEntry,
    VerificationEntry,
)

HOLDINGS_SHOWN = 20

Json = dict[str, Any]
"""A JSON object."""


def report_json(result: Result) -> Json:
    """The report as a JSON object; ``docs/report.md`` and its schema say what is in it.

    Raises ReportError when a metric is not finite.
    """
    return report_of(result).model_dump(mode="json")


def report_schema() -> Json:
    """The JSON schema of report.json, as in ``docs/report.schema.json``."""
    schema = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def report_of(result: Result) -> Report:
    """The report of a result. Raises ReportError when a metric is not finite."""
    try:
        return _report(result)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReportError(
            f"report of {result.experiment.name!r}: {first['input']!r} ({error.title} {where}) cannot be "
            f"written: {first['msg'].lower()}; the metrics of a run are finite numbers"
        ) from None


def _report(result: Result) -> Report:
    experiment, metrics = result.experiment, result.metrics
    return Report(
        version=VERSION,
        experiment=experiment.name,
        description=experiment.description,
        network=NetworkEntry.model_validate(_network(experiment)),
        hardware=_hardware(experiment),
        plan=PlanEntry.model_validate(experiment.plan),
        batch=metrics.batch,
        steps=metrics.steps,
        dtype=experiment.training.dtype,
        backend=result.backend,
        seed=experiment.training.seed,
        training=TrainingEntry.model_validate(experiment.training),
        overrides=tuple(OverrideEntry.model_validate(override) for override in experiment.overrides),
        step_time_s=metrics.step_time_s,
        images_per_s=metrics.images_per_s,
        training_days=metrics.training_days,
        cold_start_s=metrics.cold_start_s,
        losses=result.losses,
        limits=tuple(LimitEntry.model_validate(limit) for limit in metrics.limits),
        critical_path=tuple(
            PathEntry(what=part.told, time_s=part.time_s, share=part.share) for part in metrics.critical_path
        ),
        phases=dict(metrics.phases),
        processors={name: _processor(name, use, result) for name, use in metrics.processors.items()},
        memories={name: _memory(name, metrics) for name in metrics.memories},
        links={name: LinkEntry.model_validate(use) for name, use in metrics.links.items()},
        traffic=tuple(_traffic(ends, use) for ends, use in metrics.traffic.items()),
        collectives=tuple(CommunicationEntry.model_validate(time) for time in metrics.collectives),
        dimensions=tuple(CommunicationEntry.model_validate(time) for time in metrics.dimensions),
        bubble=BubbleEntry.model_validate(metrics.bubble),
        transfer_latency=LatencyEntry.model_validate(metrics.transfer_latency),
        layers=tuple(LayerEntry.model_validate(layer) for layer in metrics.layers),
        verification=None if result.verification is None else verification_entry(result.verification),
        warnings=result.warnings,
        versions=dict(result.versions),
        constants=tuple(
            ConstantEntry(path=c.path, value=c.text, source=c.source, where=c.where)
            for c in experiment.hardware.constants
        ),
        transfers=tuple(TransferEntry.model_validate(transfer) for transfer in metrics.transfers),
        mode=experiment.mode,
        sample_latency=(
            None
            if metrics.sample_latency is None
            else SampleLatencyEntry.model_validate(metrics.sample_latency)
        ),
        memory_map=tuple(BankEntry.model_validate(bank) for bank in metrics.memory_map),
        idleness={name: IdlenessEntry.model_validate(why) for name, why in metrics.idleness.items()},
        engines=dict(metrics.engines),
        control=ControlEntry.model_validate(metrics.control) if metrics.control else None,
        pipeline=PipelineEntry.model_validate(metrics.pipeline) if metrics.pipeline else None,
        precision=PrecisionEntry.model_validate(result.precision) if result.precision else None,
        values=tuple(TensorValuesEntry.model_validate(tensor) for tensor in result.values),
        input=InputPathEntry.model_validate(metrics.input) if metrics.input else None,
    )


def _network(experiment: Experiment) -> Json:
    network = experiment.network
    return {
        "name": network.name,
        "parameters": network.parameter_count,
        "macs_per_image": network.macs_per_image,
        "forward_flop_per_image": network.forward_flop_per_image,
        "examples": network.examples,
    }


def _hardware(experiment: Experiment) -> HardwareEntry:
    hardware = experiment.hardware
    return HardwareEntry(
        name=hardware.name,
        description=hardware.description,
        processors=len(hardware.processors),
        links=len(hardware.links),
    )


def _processor(name: str, use: ProcessorUse, result: Result) -> ProcessorEntry:
    metrics = result.metrics
    memory = metrics.memories[result.experiment.hardware.memory_of(name)]
    return ProcessorEntry(
        model=use.model,
        busy_s=use.busy_s,
        utilisation=use.utilisation,
        flop=use.flop,
        attained_flops=use.flop / metrics.step_time_s,
        peak_flops=use.peak_flops,
        communication_exposed_s=use.communication_exposed_s,
        communication_hidden_s=use.communication_hidden_s,
        waiting_for_others_s=use.waiting_for_others_s,
        exposed_by=tuple(
            ExposureEntry(layer=layer, phase=phase, time_s=time_s)
            for (layer, phase), time_s in use.exposed_by.items()
        ),
        peak_memory_bytes=memory.peak_bytes,
        memory_capacity_bytes=memory.capacity_bytes,
        waiting_for_input_s=use.waiting_for_input_s,
    )


def _traffic(ends: tuple[str, str], use: Traffic) -> TrafficEntry:
    return TrafficEntry(
        source=ends[0],
        destination=ends[1],
        transfers=use.transfers,
        bytes=use.bytes,
        loaded_bytes=use.loaded_bytes,
        busy_s=use.busy_s,
        movements=tuple(MovementEntry.model_validate(movement) for movement in use.movements),
    )


def _memory(name: str, metrics: Metrics) -> MemoryEntry:
    use = metrics.memories[name]
    others = use.holdings[HOLDINGS_SHOWN:]
    return MemoryEntry.model_validate(
        {
            "capacity_bytes": use.capacity_bytes,
            "peak_bytes": use.peak_bytes,
            "peak_at_s": use.peak_at_s,
            "by_kind": use.by_kind,
            "holdings": use.holdings[:HOLDINGS_SHOWN],
            "other_holdings": len(others),
            "other_bytes": sum(holding.bytes for holding in others),
        }
    )


def verification_entry(verification: Verification) -> VerificationEntry:
    """A verification as reports have it."""
    worst = verification.worst
    return VerificationEntry(
        passed=verification.passed,
        reference=verification.reference,
        dtype=verification.dtype,
        worst_tensor=None if worst is None else worst.tensor,
        max_relative_error=None if worst is None else worst.max_relative_error,
        tolerance=verification.tolerance,
        missing=verification.missing,
        tensors=tuple(TensorEntry.model_validate(c) for c in verification.comparisons),
    )
