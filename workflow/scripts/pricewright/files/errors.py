"""The error class meant for people, and helpers for showing text from files in a message."""

from collections.abc import Sequence


class Refusal(Exception):
    """Data, a file or config is wrong, and no retry will help.

    The text is one sentence that names the file and line, or the config key, and says what was
    found and what to do. Every other exception is either trouble that may pass or a bug in
    Pricewright.
    """


class TryLater(OSError):
    """Trouble that may pass, but not before `seconds` from now."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


MAY_PASS = (OSError, MemoryError, KeyboardInterrupt)
"""Trouble that another attempt, with more memory, may avoid."""


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Names for a sentence: the first few, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def count_of(count: int, noun: str) -> str:
    """A number of things in words, such as "1 row" and "2,000 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shortened(text: str, most: int = 60) -> str:
    """The text, cut to `most` characters and ending in "..." if it is longer."""
    return text if len(text) <= most else text[: most - 3] + "..."


def printable(text: str) -> str:
    """Text with unprintable characters escaped, so that none moves the cursor or hides text.

    Line breaks stay.
    """

    return "\n".join(
        "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        for line in text.splitlines()
    )
