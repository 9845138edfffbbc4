"""Turn text and timestamps into calendar days; an uncertain one is not a day."""

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.files.clock import day_number
from pricewright.intake.reading.dialect import DAY_COUNTS, EPOCHS, EXCEL_SERIAL, Calendar
from pricewright.tables.fields import FIRST_DAY

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z| UTC| GMT|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_EASTERN = re.compile(r"(\d{4})[年년] ?(\d{1,2})[月월] ?(\d{1,2})[日일]", re.ASCII)
"""A date as written in Chinese, Japanese and Korean, which can be read in only one way."""
_CLOCK = re.compile(
    r"(\d{1,2}(?=:)|\d{2}):?(\d{2})(?::?(\d{2})(?:\.(\d{1,9}))?)? ?(?:([ap])\.?m\.?)?",
    re.ASCII | re.IGNORECASE,
)
_BESIDE = "\x1f"  # between the texts of a date and its time, if these are two columns
_EITHER_WAY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})", re.ASCII)
_DIGITS = {
    **dict.fromkeys(("%Y", "%G"), (4, 4)),
    **dict.fromkeys(("%y",), (2, 2)),
    **dict.fromkeys(("%m", "%d", "%H", "%I", "%M", "%S", "%V"), (1, 2)),
    "%j": (1, 3),
    "%u": (1, 1),
    "%f": (1, 6),
}
"""The fewest and the most digits of each numeric directive."""
_WHOLE = re.compile(r"-?\d{1,20}(\.0*)?", re.ASCII)
_SERIAL = re.compile(r"-?\d{1,7}(\.\d*)?", re.ASCII)
_MOST_DAYS = 719_162  # from 1970-01-01 back to the year 1
_EXCEL_IS_WRONG_BEFORE = 61  # the first of March 1900
_COARSER = 10_000_000  # fewer seconds since 1970 mean that the count is of a coarser unit
_EARLIEST, _LATEST = -5_000_000_000, 8_000_000_000  # seconds: the years 1811 to 2223
_YEARS_AHEAD = 3650  # days
_TO = " - "  # between the beginning and the end of a period of time
_WHOLE_FLOAT = re.compile(r"(\d+)\.0+", re.ASCII)
_NO_ACCIDENT = 3  # from this many dates as values, and as texts, on, a pattern is no accident
Mask = npt.NDArray[np.bool_]
_MICROSECOND, _NO_TIME = timedelta(microseconds=1), timedelta()
_END = time.max
"""What 24:00 is read as: the end of a day, still on that day."""
_END_OF_DAY = re.compile(r"(?<=[T ])24:00(:00(\.0+)?)?", re.ASCII)
NO_DAY = np.int32(np.iinfo(np.int32).min)
"""Stands for a day that could not be read."""


@dataclass(frozen=True)
class Days:
    """A column of n days: days (n,) since 1970-01-01, and reasons (n,), "" for a good day.

    faults: the distinct reasons.  times: (n,) microseconds since the midnight of the day, None if
    all are at midnight.
    """

    days: npt.NDArray[np.int32]
    reasons: npt.NDArray[np.object_]
    faults: Set[str]
    times: npt.NDArray[np.int64] | None = None


Reader = Callable[[str], tuple[datetime, bool] | None]
"""Returns the moment that a text states, and whether it states a time of day."""


class _NoDay(Exception):
    """Raised for a text that is not a day, with the code of the reason."""


def parse_days(
    column: pa.Array,
    calendar: Calendar,
    typed: Mask | None = None,
    clock: pa.Array | None = None,
) -> Days:
    """Parse a column of text, dates or timestamps as days; each distinct value only once.

    A timestamp with an offset is a day on the calendar of the declared time zone. If none is
    declared, midnight at its own offset is that day, and any other time is `unzoned-time`.
    The declared session may begin the day at another time than midnight. 24:00 of a day is its end,
    and belongs to it; if stamps mark the end of a bar, so does the moment when the next day begins.
    typed: which texts (n,) the file holds as values; a date among them is in ISO 8601, whatever
    the declared formats.  clock: the times of day (n,) if they have their own column, written as
    9:30, 09:30:00, 0930, 093000 or 9:30 AM.

    The other reasons: `unreadable-date`, `impossible-date`, `dst-gap` (the local time of an
    intraday bar that the clocks skipped), `future-date`, `ancient-date` (before 1600) and
    `ambiguous-date`. The last is a date such as 01/02/2024 if no format is declared or two formats
    read it differently; 1112024 in a format without marks between its numbers; or a value where a
    program took days for months.

    A period of at most a day, written from its beginning to its end, counts as its beginning.
    """
    if clock is not None:
        texts = [part.cast(pa.string(), safe=False) for part in (column, clock)]
        column = pc.binary_join_element_wise(*texts, _BESIDE)
    parse = partial(_parse, calendar=calendar, clocked=clock is not None)
    if typed is not None and typed.any():
        return _of_both(column, parse, typed)
    return parse(column)


def _of_both(column: pa.Array, parse: Callable[..., Days], typed: Mask) -> Days:
    times, faults = np.zeros(len(column), np.int64), set[str]()
    found = Days(np.empty(len(column), np.int32), np.empty(len(column), object), faults, times)
    for cells, is_typed in ((typed, True), (~typed, False)):
        if cells.any():
            some = parse(column.filter(pa.array(cells)), typed=is_typed)
            found.days[cells], found.reasons[cells] = some.days, some.reasons
            times[cells] = 0 if some.times is None else some.times
            faults |= some.faults
    if _are_exchanged(found, typed):
        found.reasons[typed & (found.reasons == "")] = "ambiguous-date"
        found.days[typed] = NO_DAY
        faults.add("ambiguous-date")
    return found


def _are_exchanged(days: Days, typed: Mask) -> bool:
    """Whether a program took days for months wherever it could.

    In that case, all dates that became values are within the first twelve days of a month, and all
    that stayed text are not.
    """
    good = days.reasons == ""
    if (good & typed).sum() < _NO_ACCIDENT or (good & ~typed).sum() < _NO_ACCIDENT:
        return False
    dates = days.days.astype("datetime64[D]")
    early = dates - dates.astype("datetime64[M]") < np.timedelta64(12, "D")
    return bool((early == typed)[good].all())


def _parse(column: pa.Array, calendar: Calendar, *, clocked: bool, typed: bool = False) -> Days:
    if pa.types.is_timestamp(column.type):  # nanoseconds would become pandas objects
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    elif not pa.types.is_string(column.type) and not pa.types.is_date32(column.type):
        column = column.cast(pa.string(), safe=False)
    coded = pc.dictionary_encode(column, null_encoding="encode")
    readers = _readers(calendar.date_formats, typed=typed, clocked=clocked)
    read = [_judged(value, calendar, readers) for value in coded.dictionary.to_pylist()]
    codes = coded.indices.to_numpy()
    days = np.array([day for day, _, _ in read], dtype=np.int32)
    times = np.array([since for _, since, _ in read], dtype=np.int64)
    reasons = np.array([reason for _, _, reason in read], dtype=object)
    faults = set(reasons) - {""}
    none = np.array("", dtype=object)
    every = reasons[codes] if faults else np.broadcast_to(none, len(codes))
    return Days(days[codes], every, faults, times[codes] if times.any() else None)


def _judged(value: object, calendar: Calendar, readers: Sequence[Reader]) -> tuple[int, int, str]:
    try:
        day, since = _day(value, calendar, readers)
    except _NoDay as reason:
        return int(NO_DAY), 0, str(reason)
    if day > (calendar.last_day or date.max):
        return int(NO_DAY), 0, "future-date"
    if day < FIRST_DAY:
        return int(NO_DAY), 0, "ancient-date"
    return day_number(day), since, ""


def _day(value: object, calendar: Calendar, readers: Sequence[Reader]) -> tuple[date, int]:
    """A value's day, and its time in microseconds since the midnight of that day."""
    if isinstance(value, datetime):
        return _local_day(value, calendar, timed=True)
    if isinstance(value, date):
        return value, 0
    text = value.strip(" \t") if isinstance(value, str) else ""
    if eastern := not calendar.date_formats and _EASTERN.fullmatch(text):
        text = "{}-{:0>2}-{:0>2}".format(*eastern.groups())
    if not text.isascii():
        raise _NoDay("unreadable-date")
    read = [found for reader in readers if (found := reader(text))]
    if not read:
        raise _NoDay(_why_none(text.partition(_BESIDE)[0], calendar.date_formats))
    if calendar.stamps == "end" and _TO in text:  # a period says itself when it begins
        calendar = replace(calendar, stamps="start")
    days = dict(_local_day(moment, calendar, timed=timed) for moment, timed in read)
    if len(days) > 1:
        raise _NoDay("ambiguous-date")
    return days.popitem()


def _readers(formats: Sequence[str], *, typed: bool, clocked: bool) -> list[Reader]:
    """The readers of a text: the declared formats, or ISO 8601, which typed values always use."""
    readers = [*map(reader_of, formats), *([_begin(_iso)] if typed or not formats else [])]
    return [partial(_with_time, reader) for reader in readers] if clocked else readers


def _with_time(of_date: Reader, text: str) -> tuple[datetime, bool] | None:
    """The moment of a date and of the time of day beside it."""
    day, _, clock = text.partition(_BESIDE)
    read, found = of_date(day.strip(" \t")), _CLOCK.fullmatch(clock.strip(" \t"))
    if not read:
        return None
    if not found or read[0].time() != time.min:
        raise _NoDay("unreadable-date")
    hour, minute, second, fraction, half = found.groups()
    hours = int(hour) % 12 + 12 * (half.lower() == "p") if half else int(hour)
    if hours == 24 and not any(map(int, (minute, second or 0, fraction or 0))):
        return datetime.combine(read[0], _END, read[0].tzinfo), True
    try:
        since = time(hours, int(minute), int(second or 0), int((fraction or "")[:6].ljust(6, "0")))
    except ValueError:
        raise _NoDay("unreadable-date") from None
    return datetime.combine(read[0], since, read[0].tzinfo), True


def _local_day(moment: datetime, calendar: Calendar, *, timed: bool) -> tuple[date, int]:
    """The day of a moment in the time zone, and the time since its midnight.

    A moment without an offset is in that time zone already.
    """
    zone = calendar.time_zone
    if moment.tzinfo is not None and zone is None:
        if moment.time() not in (time.min, _END):
            raise _NoDay("unzoned-time")
        moment = moment.replace(tzinfo=None)
    if moment.tzinfo is None and (not timed or calendar.bars == "daily"):
        # a daily row's time names its day, even if the clocks skipped that time
        midnight = datetime.combine(moment, time.min)
        return moment.date(), (moment - midnight) // _MICROSECOND
    try:
        is_end = timed and calendar.stamps == "end" and moment.time() != _END
        less = _MICROSECOND if is_end else _NO_TIME
        local = _in_zone(moment, ZoneInfo(zone), less) if zone else moment - less
        day = (local - calendar.day_begins).date()
        midnight = datetime.combine(day, time.min, local.tzinfo)
        since = local - midnight
        if zone:  # on a day when the clocks change, there are not 24 hours
            since += (midnight.utcoffset() or _NO_TIME) - (local.utcoffset() or _NO_TIME)
    except OverflowError:  # beyond the years 1 to 9999
        raise _NoDay("impossible-date") from None
    return day, since // _MICROSECOND


def _in_zone(moment: datetime, zone: ZoneInfo, less: timedelta) -> datetime:
    """The time in a zone shortly before a moment, by elapsed time: the clocks may change between
    the two, and a bar may end when they do."""
    since = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    if moment.tzinfo is None and since.astimezone(zone).replace(tzinfo=None) != moment:
        if not less:
            raise _NoDay("dst-gap")
        return _in_zone(moment - less, zone, _NO_TIME)
    return (since - less).astimezone(zone)


def _begin(reader: Reader) -> Reader:
    """Extend a reader to periods, such as the hours of a power exchange; it reads the
    beginning."""

    def read(text: str) -> tuple[datetime, bool] | None:
        if (found := reader(text)) or _TO not in text:
            return found
        begin, end = map(reader, map(str.strip, text.split(_TO, 1)))
        if not begin or not end or not begin[1]:
            return None
        if (begin[0].tzinfo is None) != (end[0].tzinfo is None):
            return None
        return begin if _NO_TIME < end[0] - begin[0] <= timedelta(days=1) else None

    return read


def _iso(text: str) -> tuple[datetime, bool] | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    if text.endswith((" UTC", " GMT")):
        text = text[:-4] + "Z"
    try:
        if found[2] and found[2].startswith("24", 1):
            text = _END_OF_DAY.sub(_END.isoformat(), text)
        return datetime.fromisoformat(text), found[2] is not None
    except ValueError:
        return None


@cache
def reader_of(form: str) -> Reader:
    """The reader of a format."""
    if form in EPOCHS:
        return partial(_since_epoch, EPOCHS[form])
    if form in DAY_COUNTS:
        return partial(_counted_days, form)
    timed = re.search(r"%[HI]", form) is not None
    fixed = _shape(form)

    def read(text: str) -> tuple[datetime, bool] | None:
        if "." not in form and (whole := _WHOLE_FLOAT.fullmatch(text)):
            text = whole[1]  # a date that a program stored as a number
        if not fixed.fullmatch(text):
            return None
        try:
            return datetime.strptime(text, form), timed
        except ValueError:
            return _end_of_day(text, form)

    return _begin(read)


def _end_of_day(text: str, form: str) -> tuple[datetime, bool] | None:
    """The moment of a text whose time in a format is 24:00; None if it is not."""
    if "%H" not in form:
        return None
    try:
        day = datetime.strptime(text, form.replace("%H", "24", 1))
    except ValueError:
        return None
    return (datetime.combine(day, _END, day.tzinfo), True) if day.time() == time.min else None


def _since_epoch(per_second: int, text: str) -> tuple[datetime, bool] | None:
    """The moment of a count since 1970; None if the count suits another unit."""
    if not _WHOLE.fullmatch(text):
        return None
    count = int(text.partition(".")[0])
    seconds = count // per_second
    if not _EARLIEST <= seconds <= _LATEST or (per_second > 1 and 0 <= seconds < _COARSER):
        return None
    since = timedelta(microseconds=1_000_000 * count // per_second)
    return datetime(1970, 1, 1, tzinfo=UTC) + since, True


def _counted_days(form: str, text: str) -> tuple[datetime, bool] | None:
    """The moment that a count of days states; None for years in which there is no price."""
    if not _SERIAL.fullmatch(text):
        return None
    days, rest = divmod(float(text), 1)
    since = days - DAY_COUNTS[form]
    if abs(since) > _MOST_DAYS or (form == EXCEL_SERIAL and days < _EXCEL_IS_WRONG_BEFORE):
        return None
    seconds = min(round(86_400 * rest), 86_399)
    return datetime(1970, 1, 1) + timedelta(days=since, seconds=seconds), seconds > 0


def _why_none(text: str, formats: Sequence[str]) -> str:
    if any(_shape(form).fullmatch(text) for form in formats) or (
        not formats and _ISO.fullmatch(text)
    ):
        return "impossible-date"
    either_way = None if formats else _EITHER_WAY.fullmatch(text)
    if either_way and max(map(int, either_way.group(1, 2))) <= 12:
        return "ambiguous-date"
    return "ambiguous-date" if any(_is_cut(text, form) for form in formats) else "unreadable-date"


def _is_cut(text: str, form: str) -> bool:
    """Whether strptime splits digits of a text where no mark separates them."""
    if form in EPOCHS or form in DAY_COUNTS:
        return False
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


@cache
def _shape(form: str) -> re.Pattern[str]:
    """The pattern of texts in a format; numbers without a mark between them need all digits."""
    parts = [part for part in re.split(r"(%.)", form) if part]
    shape = ""
    for place, part in enumerate(parts):
        beside = parts[max(place - 1, 0) : place] + parts[place + 1 : place + 2]
        if part in _DIGITS:
            least, most = _DIGITS[part]
            shape += rf"\d{{{most if _DIGITS.keys() & set(beside) else least},{most}}}"
        elif part.startswith("%"):
            shape += ".+"
        else:
            shape += re.sub(r"(\\\s)+|\s+", r"\\s+", re.escape(part))
    return re.compile(shape, re.ASCII | re.IGNORECASE)


def are_of_last_century(texts: Sequence[str], calendar: Calendar) -> bool:
    """Whether texts with years of two digits are read as days that are years ahead."""
    if calendar.last_day is None or not any("%y" in form for form in calendar.date_formats):
        return False
    days = parse_days(pa.array(texts, pa.string()), replace(calendar, last_day=None)).days
    return bool((days > day_number(calendar.last_day) + _YEARS_AHEAD).all())


def day_after(moment: datetime) -> date:
    """The latest date in any time zone at a moment; UTC+14 is the first."""
    return (moment.astimezone(UTC) + timedelta(hours=14)).date()
