"""How hard laws are tried: ``--examples 20`` is twenty times as many random worlds as in a usual run."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

LAWS = "laws"
"""The Hypothesis profile of the laws on whole worlds; its examples are those of the cheapest law."""

_EXAMPLES = 15


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option."""
    told = "times as many random worlds for each law, and other ones every time"
    parser.addoption("--examples", type=int, default=1, metavar="N", help=told)


def pytest_configure(config: pytest.Config) -> None:
    """Usually the same worlds in every run; small as they are, they need no shrinking."""
    times = config.getoption("--examples")
    usual = times == 1
    settings.register_profile(
        LAWS,
        derandomize=usual,
        deadline=None,
        database=None,
        max_examples=_EXAMPLES * times,
        phases=(Phase.explicit, Phase.generate) if usual else (Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow,),
        print_blob=not usual,
    )
