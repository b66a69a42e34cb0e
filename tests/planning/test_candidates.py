"""Whatever a search may try is a plan, on any network and machine, and its bound is one."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.plan import Plan
from dataflow.planning import AutoPlan
from dataflow.planning.bound import WorkBound
from dataflow.planning.candidate import Candidate
from dataflow.planning.space import Space
from dataflow.planning.trial import Evaluator
from tests.engine.strategies import experiments, law


@st.composite
def candidates(draw: st.DrawFn, chosen: Experiment) -> tuple[Space, Candidate]:
    """Any point of an experiment's space, at first as a start has it, then with anything changed."""
    space = Space(chosen, AutoPlan())
    candidate = draw(st.sampled_from(list(space.starts())))
    for decision, there in enumerate(space.choices_of(candidate.mesh)):
        candidate = candidate.with_choice(decision, draw(st.sampled_from(there)))
    for neighbours in (space.restaged, space.stored_otherwise):
        candidate = draw(st.sampled_from([candidate, *neighbours(candidate)]))
    return space, candidate


@law()
@given(st.data())
def test_any_candidate_can_be_carried_out(data: st.DataObject) -> None:
    """No candidate is refused, and none takes less time than its bound."""
    chosen = replace(data.draw(experiments()), plan=Plan())
    space, candidate = data.draw(candidates(chosen))
    graph, plan = training_graph(chosen), space.plan(candidate)
    outcome = Evaluator(chosen, graph).outcome(plan)
    assert outcome.fault == ""
    assert WorkBound(graph, chosen.hardware).least_ps(plan) <= outcome.step_time_ps


@law()
@given(st.data())
def test_neighbours_differ(data: st.DataObject) -> None:
    """A candidate is not its own neighbour, and a change of splits can be undone by another."""
    chosen = replace(data.draw(experiments()), plan=Plan())
    space, candidate = data.draw(candidates(chosen))
    for neighbours in (space.restaged, space.stored_otherwise):
        assert candidate not in list(neighbours(candidate))
    for first, last in list(space.neighbourhoods())[:4]:
        changed = list(space.changed(candidate, first, last))
        assert candidate not in changed
        if first == last:
            assert all(candidate in space.changed(each, first, last) for each in changed)
