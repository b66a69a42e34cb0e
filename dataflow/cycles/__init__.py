"""Time of a task on a core whose instructions and memory accesses can be counted.

``instructions`` says what is counted, ``routines`` how many of each a pass of an op executes,
``turns`` how often, ``traffic`` which accesses to memory it makes, and ``model`` puts them together.
"""

from dataflow.cycles.breakdown import Breakdown
from dataflow.cycles.instructions import InstructionCosts, Instructions
from dataflow.cycles.memory_cost import MemoryCost
from dataflow.cycles.model import Cycles
from dataflow.cycles.routine import Routine
from dataflow.cycles.routines import ROUTINES, routine_of

__all__ = [
    "ROUTINES",
    "Breakdown",
    "Cycles",
    "InstructionCosts",
    "Instructions",
    "MemoryCost",
    "Routine",
    "routine_of",
]
