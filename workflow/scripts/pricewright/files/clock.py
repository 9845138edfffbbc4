"""The current time, and conversions of dates, times and durations."""

from collections.abc import Callable
from datetime import UTC, date, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The current time, with UTC as its zone."""
    return datetime.now(UTC)


EPOCH = date(1970, 1, 1).toordinal()


def day_number(day: date) -> int:
    """The number of days since 1970-01-01, as numpy and Arrow count them."""
    return day.toordinal() - EPOCH


def date_of(day: int) -> date:
    """The date that is this many days after 1970-01-01."""
    return date.fromordinal(EPOCH + day)


def format_time(moment: datetime) -> str:
    """A time as text, to the second: `2026-11-24T20:20:16Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Parse a time that `format_time` wrote; raises ValueError for any other text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def format_duration(seconds: float) -> str:
    """A duration for people to read: `0.6 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
