"""The time of day, in one form, from a clock that a test can set."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The time, with its zone, which is UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """A time as text, to the second: `2026-11-24T20:20:16Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """The time that `stamp` wrote; raises ValueError for any other text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
