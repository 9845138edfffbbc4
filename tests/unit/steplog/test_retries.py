import logging

import pytest

from pricewright.files.errors import Refusal, TryLater
from pricewright.steplog.retries import retry


class Flaky:
    """A function that fails a number of times, then says what it was given."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def __call__(self, value: str) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return value


def decorated(flaky: Flaky, waits: list[float], **settings):
    @retry(sleep=waits.append, of=lambda value: value, **settings)
    def fetch(value: str) -> str:
        """Fetch it."""
        return flaky(value)

    return fetch


def test_after_failed_attempt_k_comes_a_wait_of_k_delays():
    waits: list[float] = []
    fetch = decorated(Flaky(4, OSError("busy")), waits, n_tries=5, delay=0.2)
    assert fetch("prices") == "prices"
    assert waits == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_a_server_that_asks_to_wait_longer_is_waited_for():
    waits: list[float] = []
    fetch = decorated(Flaky(2, TryLater("busy", 0.3)), waits, n_tries=3, delay=0.2)
    assert fetch("prices") == "prices"
    assert waits == pytest.approx([0.3, 0.4])


def test_the_defaults_are_three_tries_and_a_fifth_of_a_second_and_all_is_logged(caplog):
    caplog.set_level(logging.INFO, "pricewright")
    error, waits = ValueError("boom"), []
    with pytest.raises(ValueError, match="boom") as caught:
        decorated(Flaky(9, error), waits)("prices")
    assert caught.value is error
    assert waits == pytest.approx([0.2, 0.4])
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "failed attempt 1: boom"),
        (logging.INFO, "attempt 2 to fetch prices"),
        (logging.WARNING, "failed attempt 2: boom"),
        (logging.INFO, "attempt 3 to fetch prices"),
        (logging.WARNING, "failed attempt 3: boom"),
        (logging.ERROR, "all 3 attempts to fetch prices failed"),
    ]


def test_what_succeeds_at_once_logs_nothing(caplog):
    caplog.set_level(logging.INFO, "pricewright")
    assert decorated(Flaky(0, OSError("busy")), [])("prices") == "prices"
    assert not caplog.records


def test_a_success_after_a_failure_logs_no_final_failure(caplog):
    assert decorated(Flaky(1, OSError("busy")), [])("prices") == "prices"
    assert "all" not in caplog.text


@pytest.mark.parametrize("error", [Refusal("bad data"), KeyboardInterrupt()])
def test_what_is_wrong_for_good_and_an_interrupt_are_tried_once(error):
    flaky, waits = Flaky(9, error), []
    with pytest.raises(type(error)):
        decorated(flaky, waits)("prices")
    assert (flaky.calls, waits) == (1, [])


def test_the_function_keeps_its_name_and_docstring():
    fetch = decorated(Flaky(0, OSError()), [])
    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Fetch it.")
