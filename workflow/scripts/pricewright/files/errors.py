"""The one error that people are meant to read, and text from files as a sentence may show it."""

from collections.abc import Sequence


class Refusal(Exception):
    """Data, a file or config that is wrong for good: no retry will mend it.

    Its text is one sentence that names the file and line, or the config key, says what
    was found and what to do. Everything else that is raised is either trouble that may
    pass or a defect of ours.
    """


MAY_PASS = (OSError, MemoryError, KeyboardInterrupt)
"""Trouble that another attempt, with more memory, may not have."""


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence: the first ones, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shortened(text: str, most: int = 60) -> str:
    """A text, or its beginning if it is longer than `most`."""
    return text if len(text) <= most else text[: most - 3] + "..."


def printable(text: str) -> str:
    """Text in which nothing moves the cursor, hides or turns around: such characters as escapes.

    Lines stay lines.
    """
    return "\n".join(
        "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        for line in text.splitlines()
    )
