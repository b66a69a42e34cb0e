"""Studies as YAML describes them: variants are experiments, and faults have their file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.errors import OptionError, TopologyError
from dataflow.override import Override
from dataflow.studies.study import Study
from tests.studies.described import BASE, STUDY


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study is in a folder below, beside its base: paths start there."""
    monkeypatch.chdir(tmp_path)
    Path("below").mkdir()
    Path("below/small.yaml").write_text(BASE)


def load(text: str, *overrides: Override) -> Study:
    """The study in a text."""
    Path("below/study.yaml").write_text(text)
    return topologies.load_study("below/study.yaml", overrides)


def changed(old: str, new: str) -> str:
    """The small study with one text in place of another."""
    assert old in STUDY
    return STUDY.replace(old, new)


def test_variants_are_the_base_with_what_they_set() -> None:
    """The same as ``--set`` makes of the base."""
    study = load(STUDY)
    relu, tanh = study.variants
    base = topologies.load("below/small.yaml")
    other = topologies.load("below/small.yaml", [Override("network.layers.act.op", "tanh")])
    assert (relu.experiment, tanh.experiment) == (base, other)
    assert tanh.settings == (Override("network.layers.act.op", "tanh"),)
    assert (study.name, study.measure, study.epochs, study.seeds) == ("activations", "training", 2, (3, 4))
    assert (study.train_error, tanh.description) == (0.5, "tanh in its place")


def test_what_is_set_for_all_comes_before_what_a_variant_sets() -> None:
    """The variant has the last word."""
    text = changed("set: {}", "set: {training.batch: 64}")
    relu, tanh = load(text, Override("training.batch", "32")).variants
    assert (relu.experiment.training.batch, tanh.experiment.training.batch) == (64, 32)


def test_values_may_be_whole_mappings_lists_and_files_beside_the_study() -> None:
    """A plan is replaced; a machine is named by a path from the study."""
    Path("below/twin.yaml").write_text("kind: hardware\nextends: gtx580x2\n")
    text = changed("set: {}", "set: {hardware: ./twin.yaml, plan: {mesh: {data: 2}, layers: {}}}")
    relu = load(text).variants[0].experiment
    assert (len(relu.hardware.processors), relu.plan.mesh, relu.plan.layers) == (2, {"data": 2}, {})


def test_constants_of_a_machine_need_no_source() -> None:
    """That the study sets them is their source."""
    text = "kind: study\nname: link\nbase: tiny-2x-gtx580\nmeasure: time\nvariants:\n"
    slow = load(text + '  slow: {set: {hardware.links.pcie.bandwidth.value: "1 GB/s"}}\n').variants[0]
    assert slow.experiment.hardware != topologies.load("tiny-2x-gtx580").hardware


def test_a_variant_may_have_a_base_of_its_own() -> None:
    """Experiments that have little in common can be put side by side."""
    text = changed("  relu: {set: {}}", "  relu: {base: digits-cnn-gtx580, set: {}}")
    assert [each.experiment.name for each in load(text).variants] == ["digits-cnn-gtx580", "small"]


def test_seeds_are_a_list_or_a_range_or_five() -> None:
    """Five are the least of which intervals are worth reading."""
    assert load(changed("3..4", "[7, 2]")).seeds == (7, 2)
    assert load(changed("seeds: 3..4\n", "")).seeds == (0, 1, 2, 3, 4)


FAULTS = {
    "the base": (
        ("./small.yaml", "digits-cn-gtx580"),
        "study.yaml:4: no experiment is called 'digits-cn-gtx580'; did you mean 'digits-cnn-gtx580'?",
    ),
    "the base's file": (
        ("./small.yaml", "./smal.yaml"),
        "study.yaml:4: there is no such file: below/smal.yaml",
    ),
    "the kind of the base": (("./small.yaml", "digits-cnn"), "'digits-cnn' is of kind network"),
    "a field": (
        ("network.layers.act.op", "network.layers.act.opp"),
        "study.yaml:12: network.layers.act.opp: unknown key",
    ),
    "a layer": (
        ("network.layers.act.op", "network.layers.relu.op"),
        "study.yaml:12: there is no 'network.layers.relu'.",
    ),
    "a path": (("network.layers.act.op", "network..op"), "study.yaml:12: 'network..op' is no path"),
    "a value": (
        ("{network.layers.act.op: tanh}", "{training.batch: 0}"),
        "study.yaml:12: training.batch: must be more than 0, got 0",
    ),
    "whose fault it is": (
        ("{network.layers.act.op: tanh}", "{training.batch: 0}"),
        "study.yaml: variant 'tanh': below/small.yaml: 1 fault",
    ),
    "a variant without anything": (("set: {}", ""), "study.yaml:9: variants.relu.set: is missing"),
    "an unknown key": (
        ("set: {}", "sets: {}"),
        "study.yaml:9: variants.relu.sets: unknown key; did you mean",
    ),
    "twice the same": (
        ("{network.layers.act.op: tanh}", "{}"),
        "study.yaml:10: variants.tanh: sets the same as 'relu'; change one of them or leave it out",
    ),
    "twice the name": (("tanh:\n", "relu:\n"), "study.yaml:10"),
    "a name that is a path": (
        ("  tanh:\n", "  a/b:\n"),
        "study.yaml:10: variants.a/b: 'a/b' cannot name a folder of results",
    ),
    "no variants": ((STUDY[STUDY.index("variants:") :], "variants: {}\n"), "study.yaml:8: variants: "),
    "no epochs": (("epochs: 2\n", ""), "epochs: is missing; say how many each training has, as epochs: 10"),
    "seeds": (
        ("3..4", "4..3"),
        "study.yaml:6: seeds: '4..3': the second seed must be the first or up to 999 more",
    ),
    "seeds twice": (("3..4", "[1, 1]"), "study.yaml:6: seeds: must be one or more, each once, such as 0..4"),
    "a threshold": (
        ("train_error: 0.5", "train_error: 25"),
        "study.yaml:7: until.train_error: must be less than 1",
    ),
    "what is measured": (("epochs: 2", "measure: speed"), "must be 'training' or 'time', got 'speed'"),
    "trainings for time": (
        ("epochs: 2", "measure: time"),
        "study.yaml:6: seeds: nothing is trained where time is measured",
    ),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_say_where_they_are(change: tuple[str, str], message: str) -> None:
    """File, line, rule and hint."""
    with pytest.raises(TopologyError) as caught:
        load(changed(*change))
    assert message in str(caught.value)


def test_the_faults_of_all_variants_are_listed() -> None:
    """None hides another's."""
    text = changed("set: {}", "set: {training.batch: -1}").replace("act.op: tanh", "act.op: tan")
    with pytest.raises(TopologyError) as caught:
        load(text)
    assert "variant 'relu'" in str(caught.value)
    assert "variant 'tanh'" in str(caught.value)


def test_a_study_is_no_experiment() -> None:
    """And says what to do with it."""
    with pytest.raises(
        TopologyError, match=r"'relu-against-tanh' is of kind study.*'dataflow study relu-against"
    ):
        topologies.load("relu-against-tanh")


def test_seeds_and_epochs_are_for_trainings() -> None:
    """A study of times has neither."""
    study = load("kind: study\nname: t\nbase: ./small.yaml\nmeasure: time\nvariants: {a: {set: {}}}\n")
    with pytest.raises(OptionError, match="measures time, for which nothing is trained"):
        study.asked(3, None)
    assert load(STUDY).asked(5, (9,)).seeds == (9,)
    assert load(STUDY).asked(5, None).epochs == 5


@pytest.mark.parametrize("name", [each.name for each in topologies.shipped() if each.kind == "study"])
def test_studies_that_ship_can_be_read(name: str) -> None:
    """Trainings have the seeds that intervals need."""
    study = topologies.load_study(name)
    assert study.description
    assert study.measure == "time" or len(study.seeds) >= 5
