"""Who is notified of which events: the options of config's section `notify`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pricewright.files.errors import Refusal
from pricewright.tables.options import Options

Event = Literal[
    "failed",
    "not_accepted",
    "waiting",
    "released",
    "rolled_back",
    "watch_yellow",
    "watch_red",
    "late",
]

EVENTS: Final[Mapping[Event, str]] = {
    "failed": "failed",
    "not_accepted": "not accepted",
    "waiting": "waiting for people",
    "released": "released",
    "rolled_back": "rolled back",
    "watch_yellow": "watch yellow",
    "watch_red": "watch red",
    "late": "data late",
}
"""Every event, and its name in the title of a message."""


@dataclass(frozen=True)
class Notify(Options):
    """Who is notified of which events."""

    section = "notify"

    to: tuple[str, ...] = ()
    """The names of environment variables that hold Apprise URLs of services, separated by blanks.
    None: nobody is notified."""
    events: tuple[str, ...] = tuple(EVENTS)
    """The events to send."""
    reasons: bool = False
    """Also send the error with which a step failed, which may quote delivered data."""

    def __post_init__(self) -> None:
        """Raise Refusal for an invalid name; it may be a secret, so it is not repeated."""
        if not all(name.isidentifier() and name.isascii() for name in self.to):
            raise Refusal(
                "config key 'notify.to': found something that is not the name of an environment "
                "variable, allowed: names such as DESK_CHAT; put a service's URL into the variable."
            )
        for event in self.events:
            if event not in EVENTS:
                self.refuse("events", f"allowed: some of {', '.join(EVENTS)}")
        super().__post_init__()
