"""How often a job is tried again, and after which wait, in the form that a rule takes."""

from collections.abc import Callable
from typing import Any


def attempt_number(wildcards: Any, attempt: int) -> int:
    """Which attempt at the job this is, from 1."""
    return attempt


def retries_here(workflow: Any, times: int) -> int:
    """How often a job that failed is tried again by the Snakemake that reads this.

    Inside a job of a cluster never: whoever submitted it submits it again, with more memory.
    Snakemake says so to that job with `--retries 0`, but what a rule says comes first.
    """
    return 0 if workflow.remote_exec else times


def linear_backoff(delay: float) -> Callable[[Any, int], str]:
    """The wait before an attempt, in seconds: `delay * k` after failed attempt k, first none.

    As text, since a resource is a whole number or text.
    """

    def backoff(wildcards: Any, attempt: int) -> str:
        return str(delay * (attempt - 1))

    return backoff
