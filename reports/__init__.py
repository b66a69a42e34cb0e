"""Reports of a run: console tables, report.md, report.json, trace.json and pictures.

Everything here reads a ``dataflow.result.Result`` or a report.json, never a live
simulation. The facade is lazy, so that importing it costs nothing:

    summary(result)                   the console summary of a run
    write(result, folder)             report.md, report.json, trace.json, pictures, communication.csv
    report_json(result)               what report.json holds; ``report_schema()`` its schema
    read_report(path)                 a report.json again
    report_markdown(result)           what report.md holds
    perfetto_trace(result)            what trace.json holds, for ui.perfetto.dev
    timeline_png, memory_png, communication_png     the pictures
    cores_png, memory_map_png, pipeline_png         of cores that share memory; these take the report
    show_values(result)               every value of a small network's last step
    check_writable(folder)            whether write could
    show_verification, verification_json      how far every tensor is from the reference
    compare, compare_json             two reports side by side
    show_scaling, scaling_json, write_scaling   one experiment at several sizes
    show_load_curve, load_curve_json, write_load_curve      latency against offered load
    show_training, training_json, write_training    learning curves
    show_evaluation, evaluation_json, write_evaluation      a trained network, tested
    show_study, study_json, write_study     variants of an experiment, with intervals over seeds
    show_weights, weights_json        a file of weights that was written
    show_features, features_json, write_features    features of images, and the nearest of some
    show_kernels, kernels_json, write_kernels       first-layer kernels, by processor
    show_activations, activations_json, write_activations   of one layer for one image
    show_packets, packets_json, write_packets       packet rates, predicted beside measured
    show_network, show_hardware, show_plan    tables of what was described, before any run
    network_json, hardware_json, plan_json    the same as JSON
    draw_network, draw_hardware       and as pictures
    show_fit, fit_json, fit_markdown  what of a network fits the cores and banks of a machine
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.activations_files import activations_json, show_activations, write_activations
    from reports.communication_picture import communication_png
    from reports.comparison import compare, compare_json
    from reports.console import summary
    from reports.cores_picture import cores_png
    from reports.document import report_json, report_schema
    from reports.features_files import check_features_file, features_aside, write_features
    from reports.features_table import features_json, show_features
    from reports.fit_table import fit_json, fit_markdown, show_fit
    from reports.folder import check_writable, write
    from reports.hardware_picture import draw_hardware
    from reports.hardware_table import hardware_json, show_hardware
    from reports.kernels_files import kernels_json, show_kernels, write_kernels
    from reports.kernels_picture import draw_kernels
    from reports.markdown import report_markdown
    from reports.memory_chart import memory_png
    from reports.memory_map_picture import memory_map_png
    from reports.network_picture import draw_network
    from reports.network_table import network_json, show_network
    from reports.packet_files import write_packets
    from reports.packet_table import packets_json, show_packets
    from reports.perfetto import perfetto_trace
    from reports.pipeline_picture import pipeline_png
    from reports.plan_file import plan_yaml
    from reports.plan_search_table import plan_search_json, show_plan_search
    from reports.plan_table import plan_json, show_plan
    from reports.reading import read_report
    from reports.scaling_files import write_scaling
    from reports.scaling_table import scaling_json, show_scaling
    from reports.serving_files import write_load_curve
    from reports.serving_table import load_curve_json, show_load_curve
    from reports.study_document import study_json
    from reports.study_files import write_study
    from reports.study_table import show_study
    from reports.testing_document import evaluation_json
    from reports.testing_files import write_evaluation
    from reports.testing_table import show_evaluation
    from reports.timeline import timeline_png
    from reports.training_document import training_json
    from reports.training_files import write_training
    from reports.training_table import show_training
    from reports.values_table import show_values
    from reports.verification_table import show_verification, verification_json
    from reports.weights_table import show_weights, weights_json


_HOMES = {
    "activations_json": "activations_files",
    "check_features_file": "features_files",
    "check_writable": "folder",
    "communication_png": "communication_picture",
    "compare": "comparison",
    "compare_json": "comparison",
    "cores_png": "cores_picture",
    "draw_hardware": "hardware_picture",
    "draw_kernels": "kernels_picture",
    "draw_network": "network_picture",
    "evaluation_json": "testing_document",
    "features_aside": "features_files",
    "features_json": "features_table",
    "fit_json": "fit_table",
    "fit_markdown": "fit_table",
    "hardware_json": "hardware_table",
    "kernels_json": "kernels_files",
    "load_curve_json": "serving_table",
    "memory_map_png": "memory_map_picture",
    "memory_png": "memory_chart",
    "network_json": "network_table",
    "packets_json": "packet_table",
    "perfetto_trace": "perfetto",
    "pipeline_png": "pipeline_picture",
    "plan_json": "plan_table",
    "plan_search_json": "plan_search_table",
    "plan_yaml": "plan_file",
    "read_report": "reading",
    "report_json": "document",
    "report_markdown": "markdown",
    "report_schema": "document",
    "scaling_json": "scaling_table",
    "show_activations": "activations_files",
    "show_evaluation": "testing_table",
    "show_features": "features_table",
    "show_fit": "fit_table",
    "show_hardware": "hardware_table",
    "show_kernels": "kernels_files",
    "show_load_curve": "serving_table",
    "show_network": "network_table",
    "show_packets": "packet_table",
    "show_plan": "plan_table",
    "show_plan_search": "plan_search_table",
    "show_scaling": "scaling_table",
    "show_study": "study_table",
    "show_training": "training_table",
    "show_values": "values_table",
    "show_verification": "verification_table",
    "show_weights": "weights_table",
    "study_json": "study_document",
    "summary": "console",
    "timeline_png": "timeline",
    "training_json": "training_document",
    "verification_json": "verification_table",
    "weights_json": "weights_table",
    "write": "folder",
    "write_activations": "activations_files",
    "write_evaluation": "testing_files",
    "write_features": "features_files",
    "write_kernels": "kernels_files",
    "write_load_curve": "serving_files",
    "write_packets": "packet_files",
    "write_scaling": "scaling_files",
    "write_study": "study_files",
    "write_training": "training_files",
}

__all__ = [
    "activations_json",
    "check_features_file",
    "check_writable",
    "communication_png",
    "compare",
    "compare_json",
    "cores_png",
    "draw_hardware",
    "draw_kernels",
    "draw_network",
    "evaluation_json",
    "features_aside",
    "features_json",
    "fit_json",
    "fit_markdown",
    "hardware_json",
    "kernels_json",
    "load_curve_json",
    "memory_map_png",
    "memory_png",
    "network_json",
    "packets_json",
    "perfetto_trace",
    "pipeline_png",
    "plan_json",
    "plan_search_json",
    "plan_yaml",
    "read_report",
    "report_json",
    "report_markdown",
    "report_schema",
    "scaling_json",
    "show_activations",
    "show_evaluation",
    "show_features",
    "show_fit",
    "show_hardware",
    "show_kernels",
    "show_load_curve",
    "show_network",
    "show_packets",
    "show_plan",
    "show_plan_search",
    "show_scaling",
    "show_study",
    "show_training",
    "show_values",
    "show_verification",
    "show_weights",
    "study_json",
    "summary",
    "timeline_png",
    "training_json",
    "verification_json",
    "weights_json",
    "write",
    "write_activations",
    "write_evaluation",
    "write_features",
    "write_kernels",
    "write_load_curve",
    "write_packets",
    "write_scaling",
    "write_study",
    "write_training",
]


def __getattr__(name: str) -> object:
    """Imports what is asked for when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'reports' has no attribute {name!r}")
    return getattr(import_module(f"reports.{_HOMES[name]}"), name)
