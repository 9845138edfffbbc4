"""What a job asks for at each attempt, in the form that a rule's `resources` take."""

from collections.abc import Callable
from typing import Any


def attempt_number(wildcards: Any, attempt: int) -> int:
    """Which attempt at the job this is, from 1."""
    return attempt


def linear_backoff(delay: float) -> Callable[[Any, int], str]:
    """The wait before an attempt, in seconds: `delay * k` after failed attempt k, first none.

    As text, since a resource is a whole number or text.
    """

    def backoff(wildcards: Any, attempt: int) -> str:
        return str(delay * (attempt - 1))

    return backoff
