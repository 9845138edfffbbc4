"""Who is told of a run, and of what: the options of config's section `notify`."""

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
"""Every event, and what the title of a message calls it."""


@dataclass(frozen=True)
class Notify(Options):
    """Who is told, and of what."""

    section = "notify"

    to: tuple[str, ...] = ()
    """The names of environment variables, each with the Apprise URLs of services, a blank
    between them. None: nobody is told."""
    events: tuple[str, ...] = tuple(EVENTS)
    """Of what they are told."""
    reasons: bool = False
    """Also the sentence with which a step failed, which may quote what was delivered."""

    def __post_init__(self) -> None:
        """Raise Refusal for what is no variable's name; it may be a secret, and is not repeated."""
        if not all(name.isidentifier() and name.isascii() for name in self.to):
            raise Refusal(
                "config key 'notify.to': found what is no name of an environment variable, "
                "allowed: names as DESK_CHAT; a service's URL goes into the variable."
            )
        for event in self.events:
            if event not in EVENTS:
                self.refuse("events", f"allowed: some of {', '.join(EVENTS)}")
        super().__post_init__()
