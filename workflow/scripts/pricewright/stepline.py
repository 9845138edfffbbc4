"""A step in one line: what its log says of how far it is, what it did, and why it failed."""

from collections.abc import Iterator, Mapping, Sequence

from pricewright.clock import duration
from pricewright.decisions.wording import printable
from pricewright.events import Event

LONG = 2.0
"""Seconds from which on a step's work per second is worth telling."""

_UNITS = ("rows", "kept", "symbols")
_FILES = ("output", "artifact", "deployed", "release")


def line(name: str, seconds: float, words: str) -> str:
    """A step, how long it took, and the rest in words, fit for a terminal."""
    return printable(f"{name:<15} {duration(seconds):>10}  {words}".rstrip())


def doing(events: Sequence[Event]) -> tuple[float | None, str]:
    """Which share of the work at hand is done, if that is known, and that work in words."""
    for event in reversed(events):
        if event.message == "progress":
            words = _counted(event.fields, event.number("seconds") or 0)
            return event.number("share"), ", ".join([*words, *_named(event)])
        if event.number("rows") is not None:
            return None, ", ".join(_counted(event.fields, 0))
    return None, ""


def done(events: Sequence[Event], seconds: float) -> str:
    """What a step that has ended made: how much, how fast, or which file."""
    for event in reversed(events):
        if event.message == "end":
            words = list(_counted(event.fields, seconds if seconds >= LONG else 0))
            files = [event.fields[name] for name in _FILES if name in event.fields]
            return ", ".join(words or files[:1])
    return ""


def why(events: Sequence[Event]) -> str:
    """The sentence with which a step failed; empty if it left none, for it was killed, say."""
    errors = [event.text for event in events if event.level == "ERROR"]
    return errors[-1].removeprefix("failed for good: ").removeprefix("failed: ") if errors else ""


def _named(event: Event) -> Iterator[str]:
    if "doing" in event.fields:
        yield event.fields["doing"]


def _counted(fields: Mapping[str, str], seconds: float) -> Iterator[str]:
    """The figures of an event, and the first of them per second."""
    found = [(unit, int(fields[unit])) for unit in _UNITS if fields.get(unit, "").isdecimal()]
    if fields.get("kept") == fields.get("rows"):
        found = [(unit, count) for unit, count in found if unit != "kept"]
    whole = f" of {int(fields['of']):,}" if fields.get("of", "").isdecimal() else ""
    for unit, count in found:
        yield f"{count:,}{whole} {unit.removesuffix('s') if count == 1 and not whole else unit}"
    if found and seconds > 0:
        rate = found[0][1] / seconds
        yield f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
