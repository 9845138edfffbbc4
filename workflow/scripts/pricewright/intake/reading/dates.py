"""Text and timestamps to calendar days: one that is not certain is none."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.intake.reading.dialect import Calendar

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_EITHER_WAY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})", re.ASCII)
_SHAPES = {"%Y": r"\d{4}", "%y": r"\d{2}", "%m": r"\d{1,2}", "%d": r"\d{1,2}", "%j": r"\d{1,3}"}
_EPOCH = date(1970, 1, 1).toordinal()
NO_DAY = np.int32(np.iinfo(np.int32).min)
"""In the place of a day that is none."""


@dataclass(frozen=True)
class Days:
    """A column of n days: days (n,) since 1970-01-01, and the reasons (n,), "" for a good one."""

    days: npt.NDArray[np.int32]
    reasons: npt.NDArray[np.object_]


class _NoDay(Exception):
    """Why a text is no day, as a reason's code."""


def parse_days(column: pa.Array, calendar: Calendar) -> Days:
    """A column of text, dates or timestamps as days; each distinct value is looked at once.

    The reasons: `unreadable-date`, `impossible-date`, `ambiguous-date` (as 01/02/2024, when no
    format is declared or two are that read it differently), `dst-gap` (a local time that the
    clocks skipped), `future-date`.
    """
    if pa.types.is_timestamp(column.type):  # nanoseconds would come as pandas' own objects
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    elif not pa.types.is_string(column.type) and not pa.types.is_date32(column.type):
        column = column.cast(pa.string(), safe=False)
    coded = pc.dictionary_encode(column, null_encoding="encode")
    read = [_judged(value, calendar) for value in coded.dictionary.to_pylist()]
    codes = coded.indices.to_numpy()
    days = np.array([day for day, _ in read], dtype=np.int32)
    reasons = np.array([reason for _, reason in read], dtype=object)
    return Days(days[codes], reasons[codes])


def _judged(value: object, calendar: Calendar) -> tuple[int, str]:
    try:
        day = _day(value, calendar)
    except _NoDay as reason:
        return int(NO_DAY), str(reason)
    if day > (calendar.last_day or date.max):
        return int(NO_DAY), "future-date"
    return day.toordinal() - _EPOCH, ""


def _day(value: object, calendar: Calendar) -> date:
    if isinstance(value, datetime):
        return _local_day(value, calendar.time_zone, timed=True)
    if isinstance(value, date):
        return value
    text = value.strip(" \t") if isinstance(value, str) else ""
    if not text.isascii():
        raise _NoDay("unreadable-date")
    readers: list[Callable[[str], tuple[datetime, bool] | None]] = [
        _declared(form) for form in calendar.date_formats
    ] or [_iso]
    read = [found for reader in readers if (found := reader(text))]
    if not read:
        raise _NoDay(_why_none(text, calendar.date_formats))
    days = {_local_day(moment, calendar.time_zone, timed=timed) for moment, timed in read}
    if len(days) > 1:
        raise _NoDay("ambiguous-date")
    return days.pop()


def _local_day(moment: datetime, zone: str | None, *, timed: bool) -> date:
    """The day of a moment in a zone; one without an offset was taken there."""
    here = ZoneInfo(zone) if zone else UTC
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(here).date()
        if timed:
            taken = moment.replace(tzinfo=here)
            if taken.astimezone(UTC).astimezone(here).replace(tzinfo=None) != moment:
                raise _NoDay("dst-gap")
    except OverflowError:  # beyond the years 1 to 9999
        raise _NoDay("impossible-date") from None
    return moment.date()


def _iso(text: str) -> tuple[datetime, bool] | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    try:
        return datetime.fromisoformat(text), found[2] is not None
    except ValueError:
        return None


@cache
def _declared(form: str) -> Callable[[str], tuple[datetime, bool] | None]:
    timed = re.search(r"%[HIcX]", form) is not None

    def read(text: str) -> tuple[datetime, bool] | None:
        try:
            return datetime.strptime(text, form), timed
        except ValueError:
            return None

    return read


def _why_none(text: str, formats: Sequence[str]) -> str:
    if any(_shape(form).fullmatch(text) for form in formats) or (
        not formats and _ISO.fullmatch(text)
    ):
        return "impossible-date"
    either_way = None if formats else _EITHER_WAY.fullmatch(text)
    if either_way and max(map(int, either_way.group(1, 2))) <= 12:
        return "ambiguous-date"
    return "unreadable-date"


@cache
def _shape(form: str) -> re.Pattern[str]:
    parts = re.split(r"(%.)", form)
    return re.compile(
        "".join(
            _SHAPES.get(part, r".+" if part.startswith("%") else re.escape(part)) for part in parts
        ),
        re.ASCII,
    )


def day_after(moment: datetime) -> date:
    """The latest date on any calendar on Earth at a moment: the clocks of UTC+14 lead."""
    return (moment.astimezone(UTC) + timedelta(hours=14)).date()
