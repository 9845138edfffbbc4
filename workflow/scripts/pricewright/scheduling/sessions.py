"""An exchange's sessions: their days and closing times, and which ones are due for a run.

Holidays, half days and clock changes come from `exchange_calendars` (Quantopian's, Apache 2.0). It
takes half a second to load, so it is loaded only when needed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from pricewright.files.errors import Refusal, shortened
from pricewright.tables.options import Bounds, Options

PAST = timedelta(days=30)
"""How far back to look for sessions if no run was done: no exchange is closed for so long."""


@dataclass(frozen=True)
class Schedule(Options):
    """When the workflow runs automatically, and with which command."""

    section = "schedule"

    exchange: Annotated[str | None, Bounds(least=1)] = None
    """The exchange whose close starts a run: its MIC, such as XNYS, or another name that
    `exchange_calendars` knows. None: no automatic runs."""
    after_minutes: Annotated[int, Bounds(least=0, most=1200)] = 30
    """How many minutes after the close a run starts, so that the prices have arrived."""
    command: Annotated[str, Bounds(least=1)] = "snakemake --cores 1"
    """The command to run."""


@dataclass(frozen=True)
class Session:
    """A day on which an exchange is open: the time of its open, and when a run is due for it."""

    day: date
    begins: datetime
    due: datetime


@dataclass(frozen=True)
class Timetable:
    """Sessions in order, from the last one with a finished run or earlier, as far as known.

    zone: the exchange's time zone.
    """

    exchange: str
    zone: ZoneInfo
    sessions: Sequence[Session]

    def due(self, done: date | None, at: datetime) -> list[date]:
        """The sessions after `done` that are due at a time; only the newest if `done` is None.

        Raises Refusal if the exchange's known days end before that time.
        """
        if self.sessions[-1].due < at:
            raise self.used_up()
        closed = [session.day for session in self.sessions if session.due <= at]
        return [day for day in closed if day > done] if done else closed[-1:]

    def has_later(self, day: date, at: datetime) -> bool:
        """Whether a session after a day has begun at a time, so that a source may have its bar."""
        return any(session.day > day and session.begins <= at for session in self.sessions)

    def after(self, at: datetime, count: int) -> list[Session]:
        """The next `count` sessions that become due after a time."""
        return [session for session in self.sessions if session.due > at][:count]

    def usual(self, at: datetime, zone: tzinfo | None) -> list[tuple[time, set[int]]]:
        """The usual times of day at which coming sessions are due, each with its weekdays (Monday
        is 0).

        zone: the time zone of the result; None for the machine's. If its clocks change on other
        days than the exchange's, there is more than one time. Sessions that close early are due by
        then, too.

        Raises Refusal if no coming session is known.
        """
        ahead = [
            (datetime.combine(session.day, time()), session.due.astimezone(self.zone))
            for session in self.after(at, 366)
        ]
        if not ahead:
            raise self.used_up()
        waits = Counter(due.replace(tzinfo=None) - day for day, due in ahead)
        [(usual, _)] = waits.most_common(1)
        days: dict[time, set[int]] = {}
        for day, _ in ahead:
            due = (day + usual).replace(tzinfo=self.zone).astimezone(zone)
            days.setdefault(due.time(), set()).add(due.weekday())
        return sorted(days.items())

    def used_up(self) -> Refusal:
        """The refusal once the exchange's known days have passed."""
        return Refusal(
            f"config key 'schedule.exchange': the days of {self.exchange} are known only to "
            f"{self.sessions[-1].day}; install a newer exchange_calendars."
        )


def next_close(exchange: str, day: date) -> datetime:
    """When an exchange's first session after a day closes; raises what `timetable` raises."""
    at = datetime.combine(day, time(), UTC)
    known = timetable(Schedule(exchange=exchange, after_minutes=0), at)
    closes = [session.due for session in known.sessions if session.day > day]
    if not closes:
        raise known.used_up()
    return closes[0]


def late_data(
    options: Schedule, newest: date, at: datetime, as_of: date | None = None
) -> str | None:
    """A sentence if the newest price is older than the last due session, else None.

    as_of: later sessions do not count, if given.  Raises what `timetable` raises.
    """
    due = timetable(options, at, as_of and as_of - PAST).due(newest, at)
    missing = [day for day in due if as_of is None or day <= as_of]
    if not missing:
        return None
    was = f"the last session of {options.exchange} was on {missing[-1]}"
    if as_of is not None:
        was = f"the last session of {options.exchange} up to {as_of} was on {missing[-1]}"
    return f"The newest price is from {newest}, but {was}."


def timetable(options: Schedule, at: datetime, done: date | None = None) -> Timetable:
    """The sessions of the declared exchange, from the last month or from `done` if that is earlier.

    Raises Refusal if no exchange is declared, or if its name or its days are unknown.
    """
    name = options.exchange
    if name is None:
        raise Refusal(
            "config key 'schedule.exchange': found null; name the exchange after whose close the "
            "workflow should run, such as XNYS."
        )
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    start = min((at - PAST).date(), done or date.max).isoformat()
    try:
        try:
            calendar = exchange_calendars.get_calendar(name, start=start)
        except ValueError:  # its known days end before that
            calendar = exchange_calendars.get_calendar(name)
    except InvalidCalendarName:
        raise Refusal(
            f"config key 'schedule.exchange': found {name!r}, allowed: a MIC such as XNYS, XLON, "
            "XETR or XTKS, or another name that exchange_calendars knows."
        ) from None
    except (ValueError, NotImplementedError) as error:
        raise Refusal(
            f"config key 'schedule.exchange': exchange_calendars cannot give the sessions of "
            f"{name} ({shortened(str(error))}); install a newer version of it."
        ) from None
    wait = timedelta(minutes=options.after_minutes)
    sessions = [
        Session(day.date(), begins.to_pydatetime(), close.to_pydatetime() + wait)
        for day, begins, close in calendar.schedule[["open", "close"]].itertuples()
    ]
    return Timetable(name, ZoneInfo(str(calendar.tz)), sessions)
