"""The one error that people are meant to read, and text from files as a terminal may show it."""

import textwrap
from collections.abc import Sequence


class Refusal(Exception):
    """Data, a file or config that is wrong for good: no retry will mend it.

    Its text is one sentence that names the file and line, or the config key, says what
    was found and what to do. Everything else that is raised is either trouble that may
    pass or a defect of ours.
    """


MAY_PASS = (OSError, MemoryError, KeyboardInterrupt)
"""Trouble that another attempt, with more memory, may not have."""


def printable(text: str) -> str:
    """Text in which nothing moves the cursor, hides or turns around: such characters as escapes.

    Lines stay lines.
    """
    return "\n".join(
        "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        for line in text.splitlines()
    )


def format_labelled(facts: Sequence[tuple[str, str]], width: int = 100) -> str:
    """Label and text side by side, the text in as many lines as it needs."""
    indent = max(len(label) for label, _ in facts) + 2
    lines = []
    for label, text in facts:
        parts = textwrap.wrap(printable(text), width - indent, break_on_hyphens=False) or [""]
        lines += [f"{label:<{indent}}{parts[0]}", *(" " * indent + part for part in parts[1:])]
    return "\n".join(lines)
