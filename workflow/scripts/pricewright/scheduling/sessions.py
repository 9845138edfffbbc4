"""An exchange's sessions: on which days, when each closes, and which are due to be run for.

Holidays, half days and changes of the clocks are `exchange_calendars`' (Quantopian's, Apache 2.0),
which takes half a second to load, and so is loaded when it is asked.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from pricewright.files.errors import Refusal
from pricewright.tables.options import Bounds, Options

PAST = timedelta(days=30)
"""How far back sessions are looked at, if none was run for: no exchange is closed for so long."""


@dataclass(frozen=True)
class Schedule(Options):
    """When the workflow runs by itself, and as which command."""

    section = "schedule"

    exchange: Annotated[str | None, Bounds(least=1)] = None
    """The exchange after the close of whose sessions it runs, by its MIC as XNYS, or another name
    that `exchange_calendars` has. None: it does not run by itself."""
    after_minutes: Annotated[int, Bounds(least=0, most=1200)] = 30
    """So many minutes after the close, when the prices have come."""
    command: Annotated[str, Bounds(least=1)] = "snakemake --cores 1"
    """What is run."""


@dataclass(frozen=True)
class Session:
    """A day on which an exchange is open.  due: when it has closed and its prices have come."""

    day: date
    due: datetime


@dataclass(frozen=True)
class Timetable:
    """Sessions in order, from the last that was run for and as far ahead as they are known.

    zone: the exchange's.
    """

    exchange: str
    zone: ZoneInfo
    sessions: Sequence[Session]

    def due(self, done: date | None, at: datetime) -> list[date]:
        """The sessions that a run is due for at a time, after the one that was `done` last; with
        none done the newest alone.

        Raises Refusal if what is known of the exchange's days has come to its end.
        """
        if self.sessions[-1].due < at:
            raise Refusal(
                f"config key 'schedule.exchange': the days of {self.exchange} are known to "
                f"{self.sessions[-1].day} only; install a newer exchange_calendars."
            )
        closed = [session.day for session in self.sessions if session.due <= at]
        return [day for day in closed if day > done] if done else closed[-1:]

    def after(self, at: datetime, count: int) -> list[Session]:
        """The next sessions."""
        return [session for session in self.sessions if session.due > at][:count]

    def usual(self, at: datetime, zone: tzinfo | None) -> list[tuple[time, set[int]]]:
        """At which times of day, on which weekdays (Monday is 0), the sessions to come are due as
        a rule.

        zone: on whose clocks; None: the machine's. Where these change on other days than the
        exchange's there are two times. What closes earlier for once is due by then, too.
        """
        ahead = [
            (datetime.combine(session.day, time()), session.due.astimezone(self.zone))
            for session in self.after(at, 366)
        ]
        waits = Counter(due.replace(tzinfo=None) - day for day, due in ahead)
        [(usual, _)] = waits.most_common(1)
        days: dict[time, set[int]] = {}
        for day, _ in ahead:
            due = (day + usual).replace(tzinfo=self.zone).astimezone(zone)
            days.setdefault(due.time(), set()).add(due.weekday())
        return sorted(days.items())


def next_close(exchange: str, day: date) -> datetime:
    """When an exchange's first session after a day closes; raises what `timetable` raises."""
    at = datetime.combine(day, time(), UTC)
    known = timetable(Schedule(exchange=exchange, after_minutes=0), at)
    return next(session.due for session in known.sessions if session.day > day)


def late_data(options: Schedule, newest: date, at: datetime) -> str | None:
    """That the newest price is not of the last session that is due, if it is not.

    Raises what `timetable` raises.
    """
    last = timetable(options, at).due(None, at)
    if not last or last[0] <= newest:
        return None
    was = f"the last session of {options.exchange} was on {last[0]}"
    return f"The newest price is of {newest}, and {was}."


def timetable(options: Schedule, at: datetime, done: date | None = None) -> Timetable:
    """The sessions of the declared exchange, from the one that was `done` last.

    Raises Refusal if there is no exchange of that name, or none is declared.
    """
    name = options.exchange
    if name is None:
        raise Refusal(
            "config key 'schedule.exchange': found null, allowed: the exchange after whose close "
            "the workflow is to run, as XNYS."
        )
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    start = min((at - PAST).date(), done or date.max).isoformat()
    try:
        calendar = exchange_calendars.get_calendar(name, start=start)
    except InvalidCalendarName:
        raise Refusal(
            f"config key 'schedule.exchange': found {name!r}, allowed: a MIC as XNYS, XLON, XETR "
            "or XTKS, or another name that exchange_calendars has."
        ) from None
    except (ValueError, NotImplementedError) as error:
        raise Refusal(
            f"config key 'schedule.exchange': exchange_calendars does not know the days of {name} "
            f"from {start} on ({str(error)[:80]}…); install a newer one."
        ) from None
    wait = timedelta(minutes=options.after_minutes)
    sessions = [
        Session(day.date(), close.to_pydatetime() + wait) for day, close in calendar.closes.items()
    ]
    return Timetable(name, ZoneInfo(str(calendar.tz)), sessions)
