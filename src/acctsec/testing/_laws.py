"""How a law is asked: a Hypothesis test with bounds of its own, the same in every run."""

from collections.abc import Callable
from typing import Any


def for_all(law: Callable[..., None], *strategies: Any, examples: int = 50) -> None:
    """Ask *law* of drawn values; raises what it raises, for the simplest values that make it."""
    from hypothesis import HealthCheck, Phase, given, settings

    effort = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    effort(given(*strategies)(law))()  # type: ignore[no-untyped-call]
