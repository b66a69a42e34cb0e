"""What to try next: the tree-structured Parzen estimator of Optuna over splits and meshes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dataflow.planning.candidate import Candidate, Mesh
from dataflow.planning.choice import Choice
from dataflow.planning.space import Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial as Asked

_MESH = "mesh"


class Suggestions:
    """Suggests candidates, given what others cost (Bergstra et al. 2011, as Optuna implements it).

    Only meshes and splits are suggested; stages are balanced. What is suggested depends on the
    seed and on what was told, in this order, alone.
    """

    def __init__(self, space: Space, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        self._meshes = {_told(mesh): mesh for mesh in space.meshes}

    def tell(self, candidate: Candidate, loss: float) -> None:
        """Takes note of what a candidate costs."""
        from optuna.trial import create_trial

        distributions = {_MESH: _distribution(self._meshes)}
        params: dict[str, str] = {_MESH: _told(candidate.mesh)}
        for decision, choice in enumerate(candidate.choices):
            name = self._name(candidate.mesh, decision)
            params[name] = str(choice)
            distributions[name] = _distribution(self._there(candidate.mesh, decision))
        self._study.add_trial(create_trial(params=params, distributions=distributions, value=loss))

    def ask(self) -> tuple[Asked, Candidate]:
        """A candidate to try next, and Optuna's trial to answer with."""
        asked = self._study.ask()
        mesh = self._meshes[asked.suggest_categorical(_MESH, list(self._meshes))]
        chosen = []
        for decision in range(self._space.decisions):
            there = self._there(mesh, decision)
            chosen.append(there[asked.suggest_categorical(self._name(mesh, decision), list(there))])
        return asked, self._space.staged(mesh, tuple(chosen))

    def answer(self, asked: Asked, loss: float) -> None:
        """What the candidate that was asked for costs."""
        self._study.tell(asked, loss)

    def _there(self, mesh: Mesh, decision: int) -> Mapping[str, Choice]:
        return {str(choice): choice for choice in self._space.choices_of(mesh)[decision]}

    @staticmethod
    def _name(mesh: Mesh, decision: int) -> str:
        return f"{_told(mesh)} {decision}"


def _told(mesh: Mesh) -> str:
    return " ".join(f"{axis}={length}" for axis, length in mesh)


def _distribution(names: Iterable[str]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution

    return CategoricalDistribution(tuple(names))
