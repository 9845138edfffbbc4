"""Messages: one per run, to the services that config names, with what they were not told before.

The services are Apprise's (https://github.com/caronc/apprise), which is imported only when there is
something to send. What each service was told is kept with the logs, in a file that no run deletes.
If a service is down, the run logs a warning that says why.
"""

import logging
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any, Final

from pricewright.files.disk import sha256
from pricewright.files.documents import read_json, write_json
from pricewright.files.errors import Refusal, printable
from pricewright.files.secrets import read_secret, redact
from pricewright.notices.facts import Notice
from pricewright.notices.options import EVENTS, Event, Notify
from pricewright.tables.options import make

TOLD = Path("logs/told.json")
"""What each service was told that still holds: the text by event."""

SECONDS = 20
"""The longest that a service may delay a run."""

OVER: dict[Event, str] = {
    "failed": "A run went well again.",
    "watch_yellow": "The watch is no longer yellow.",
    "watch_red": "The watch is no longer red.",
    "late": "The data are no longer late.",
}
"""The message when an event that was told is over; other events end silently."""

BAD = frozenset({"failed", "not_accepted", "watch_red", "late"})
"""The events that a service shows as a failure, if it can."""

WELL = "well again"

WHY: Final[Mapping[str, str]] = {
    r"^(Unsupported|Unparseable|Could not load) ": "Apprise cannot read its URL",
    r"\berror=(\d{3})\.$": r"HTTP status \1",
    r"\((\d{3}), b['\"]": r"SMTP status \1",
    r"timed out|did not finish": "no answer in time",
    r"refused": "connection refused",
    r"Failed to resolve|\[Errno -\d\]": "unknown host",
    r"SSL": "no secure connection",
    r"\[Errno \d+\]|[Cc]onnection": "connection failed",
}
"""Why a message was not accepted, by a pattern of what Apprise logs; the first that fits counts."""


def tell(
    root: Path,
    config: Mapping[str, Any],
    found: Sequence[Notice],
    known: Collection[Event] = (),
) -> list[str]:
    """Send each service one message with the `found` notices that it does not know yet, and with
    those that are over. Returns a sentence for each service that could not be told.

    config: it may be incomplete.  known: the events whose state this run knows; one of them that is
    not found is over.
    """
    options = make(Notify, config.get("notify") or {})
    about = (config.get("report") or {}).get("title") or root.resolve().name
    wanted = [each for event in EVENTS for each in found if each.event == event]
    wanted = [each for each in wanted if each.event in options.events]
    now = {notice.event for notice in wanted}
    told, after, untold = _read_told(root), {}, []
    for variable in options.to:
        urls = (read_secret(variable) or "").split()
        if not urls and wanted:
            untold.append(
                f"config key 'notify.to': the environment variable {variable} is not set, so its "
                f"services were not told: {_words(wanted)}; set it."
            )
        for number, url in enumerate(urls, 1):
            service = f"{variable} {number}"
            before = told.get(service, {})
            new = [each for each in wanted if before.get(each.event) != _mark(each)]
            over = [event for event in EVENTS if event in before and event in {*known} - now]
            ended = [OVER[event] for event in over if event in OVER and event in options.events]
            if (new or ended) and (why := _send(url, message(about, new, ended), new)):
                untold.append(
                    f"Service {number} of the environment variable {variable} did not accept the "
                    f"message ({why}): {_words(new) or WELL}; check the service and its URL."
                )
                continue
            kept = {event: text for event, text in before.items() if event not in over}
            after[service] = kept | {each.event: _mark(each) for each in new}
    if told | after != told:
        try:
            write_json(root / TOLD, told | after)
        except OSError as error:
            untold.append(f"{TOLD}: cannot be written ({error}), so everything is told again.")
    return untold


def message(about: str, new: Sequence[Notice], ended: Sequence[str]) -> tuple[str, str]:
    """The title and text of a message: new notices with the next command, then what is over."""
    parts = [f"{notice.text}\nNext: {notice.command}" for notice in new]
    text = "\n\n".join([*parts, *([" ".join(ended)] if ended else [])])
    return f"{about}: {_words(new) or WELL}", redact(printable(text))


def _mark(notice: Notice) -> str:
    return notice.text + (f" {sha256(notice.more.encode())[:12]}" if notice.more else "")


def _words(notices: Sequence[Notice]) -> str:
    return ", ".join(EVENTS[notice.event] for notice in notices)


def _send(url: str, said: tuple[str, str], new: Sequence[Notice]) -> str | None:
    """Why a service did not accept the message; None if it did."""
    heard, own = BufferingHandler(sys.maxsize), logging.getLogger("apprise")
    own.addHandler(logging.NullHandler())
    own.addHandler(heard)
    own.propagate = False
    own.setLevel(logging.DEBUG)  # the errors of sockets are logged as such
    try:
        import apprise

        asset = apprise.AppriseAsset(service_timeout=SECONDS)
        asset.app_id = asset.app_desc = "Pricewright"
        service = apprise.Apprise(asset=asset)
        kind = "failure" if any(notice.event in BAD for notice in new) else "info"
        title, text = said
        if service.add(url) and service.notify(text, title, kind, body_format="text"):
            return None
    except Exception as error:  # a service must not affect the run
        return type(error).__name__
    finally:
        own.removeHandler(heard)
    return _why(heard.buffer)


def _why(heard: Sequence[logging.LogRecord]) -> str:
    """Why a message was not accepted, by what Apprise logged; in WHY's words, because the URL and
    the service's reply may hold secrets."""
    said = [
        record.getMessage()
        for record in heard
        if record.levelno > logging.INFO or str(record.msg).startswith("Socket Exception")
    ]
    for pattern, words in WHY.items():
        for text in said:
            if found := re.search(pattern, text):
                return found.expand(words)
    return "its reason is unknown"


def _read_told(root: Path) -> dict[str, Mapping[str, str]]:
    """What was told before; nothing if the file is damaged, so everything is told again."""
    with suppress(Refusal, AttributeError, TypeError, ValueError):
        if (root / TOLD).exists():
            found = read_json(root / TOLD)
            return {str(service): dict(texts) for service, texts in found.items()}
    return {}
