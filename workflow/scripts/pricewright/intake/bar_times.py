"""What the times of described intraday bars mean: their start or their end, and the session."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from pricewright.files.clock import date_of
from pricewright.intake.findings import Description
from pricewright.intake.reading.dialect import Dialect

_DAY: Final = 86_400_000_000  # microseconds
_LATEST: Final = 86_399_999_999
"""How 24:00 is read."""
_SUNDAY: Final = 6


def choose_times(
    dialect: Dialect, moments: Sequence[tuple[int, int]], lines: Sequence[int], found: Description
) -> Dialect:
    """Ask what times mark, and when a session begins, where the bars suggest it.

    moments: the day, since 1970-01-01, and the time in microseconds of each row, on these lines.
    """
    calendar = dialect.calendar
    known = sorted({(day, time) for day, time in moments if 0 <= time < _DAY})
    stamps = _ends(known)
    if (late := [n for n, (_, time) in enumerate(moments) if time == _LATEST]) and stamps:
        stamps, why = ["end"], f"line {lines[late[0]]} is at 24:00, the end of its day"
    elif stamps:
        why = (
            f"the first bar is at {_clock(known[0][1])}, and others are at 00:00: the start or the "
            "end of a bar?"
        )
    if stamps:
        chosen = found.choose("stamps", stamps, why, "start")
        calendar = replace(calendar, stamps=chosen)
    session = choose_session(dict(reversed(known)), found)
    return replace(dialect, calendar=replace(calendar, session=session))


def choose_session(first: Mapping[int, int], found: Description) -> str | None:
    """Ask when a session begins, if bars begin on an evening after a day without bars and last
    until the day after; None if they do not.

    first: the time in microseconds of the first bar of each day since 1970-01-01.
    """
    begins = [
        (day, time)
        for day, time in sorted(first.items())
        if time >= _DAY / 2 and first.get(day + 1, _DAY) < _DAY / 12 and day - 1 not in first
    ]
    if not any(day != min(first) or (day + 3) % 7 == _SUNDAY for day, _ in begins):
        return None
    usual = Counter(time for _, time in begins).most_common(1)[0][0]
    day = next(date_of(day) for day, time in reversed(begins) if time == usual)
    why = (
        f"bars begin on the evening before a trading day, as on {day:%A} {day}: 00:00 makes a bar "
        "of that evening alone"
    )
    return str(found.choose("session", [_clock(usual), "00:00"], why))


def _ends(known: Sequence[tuple[int, int]]) -> list[str]:
    """The values of source.stamps that fit bars which trade across midnight, if the first of all
    is one step after it, as the end of a day's first bar is; else empty."""
    times = [day * _DAY + time + (time == _LATEST) for day, time in known]
    steps = Counter(later - earlier for earlier, later in pairwise(times))
    if not steps:
        return []
    step = steps.most_common(1)[0][0]
    at_midnight = any(time % _DAY == 0 for time in times)
    return ["end", "start"] if at_midnight and known[0][1] == step else []


def _clock(time: int) -> str:
    minutes = time // 60_000_000
    return f"{minutes // 60:02}:{minutes % 60:02}"
