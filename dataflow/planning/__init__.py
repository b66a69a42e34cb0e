"""The automatic plan: a search for the plan with the shortest simulated step that fits in memory.

``dataflow.planning.search.search_plan`` is the way in; it imports Optuna, which takes a while.
"""

from dataflow.planning.auto import AutoPlan

__all__ = ["AutoPlan"]
