"""Retry what can fail for a while, with growing waits."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import tenacity

from pricewright.files.errors import Refusal, TryLater
from pricewright.steplog.log import logger

P = ParamSpec("P")
R = TypeVar("R")


def retry(
    n_tries: int = 3,
    delay: float = 0.2,
    *,
    of: Callable[..., object] = lambda *_, **__: "",
    sleep: Callable[[float], None] = time.sleep,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function to be tried up to `n_tries` times, with linear backoff.

    After failed attempt k there is a wait of `delay * k` seconds, or of as many as a TryLater asks
    for. Each failure is logged, and so is each attempt after the first. The last exception is
    raised unchanged. A Refusal is never retried.  of: takes the function's arguments and returns
    what to name in the log.
    """

    def what(state: tenacity.RetryCallState) -> str:
        return f"{_name(state)} {of(*state.args, **state.kwargs)}".rstrip()

    def announce(state: tenacity.RetryCallState) -> None:
        if state.attempt_number > 1:
            logger.info("attempt %d to %s", state.attempt_number, what(state))

    def lament(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        logger.warning("failed attempt %d: %s", state.attempt_number, error)
        if state.attempt_number == n_tries:
            logger.error("all %d attempts to %s failed", n_tries, what(state))

    usual = tenacity.wait_incrementing(start=delay, increment=delay)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(usual(state), error.seconds if isinstance(error, TryLater) else 0)

    return tenacity.retry(
        stop=tenacity.stop_after_attempt(n_tries),
        wait=wait,
        retry=tenacity.retry_if_exception_type() & tenacity.retry_if_not_exception_type(Refusal),
        before=announce,
        after=lament,
        sleep=sleep,
        reraise=True,
    )


def _name(state: tenacity.RetryCallState) -> str:
    """A function's name in words."""
    return getattr(state.fn, "__name__", "").strip("_").replace("_", " ")
