"""The composition root: the stages put together with topologies, backends and batches.

The command line and ``import dataflow`` call these; everything else in ``dataflow``
knows nothing of where descriptions, backends or reports come from.
"""

from __future__ import annotations

from dataflow.session.features import (
    ActivationOptions,
    FeatureOptions,
    extract_features,
    find_activations,
    find_kernels,
)
from dataflow.session.fitting import largest_batch
from dataflow.session.options import REFERENCES, Options, Progress
from dataflow.session.pictures import PictureOptions
from dataflow.session.placing import place_experiment
from dataflow.session.running import run_experiment, verify_experiment
from dataflow.session.scaling import scale_experiment
from dataflow.session.serving import ServingOptions, serve_experiment
from dataflow.session.simulating import simulate_experiment
from dataflow.session.studying import StudyOptions, carry_out_study
from dataflow.session.testing import EvaluationOptions, evaluate_experiment
from dataflow.session.training import TrainingOptions, train_experiment
from dataflow.session.weights import convert_weights, weights_of, write_initial_weights

__all__ = [
    "REFERENCES",
    "ActivationOptions",
    "EvaluationOptions",
    "FeatureOptions",
    "Options",
    "PictureOptions",
    "Progress",
    "ServingOptions",
    "StudyOptions",
    "TrainingOptions",
    "carry_out_study",
    "convert_weights",
    "evaluate_experiment",
    "extract_features",
    "find_activations",
    "find_kernels",
    "largest_batch",
    "place_experiment",
    "run_experiment",
    "scale_experiment",
    "serve_experiment",
    "simulate_experiment",
    "train_experiment",
    "verify_experiment",
    "weights_of",
    "write_initial_weights",
]
