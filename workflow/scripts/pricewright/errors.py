"""The one error that people are meant to read."""


class Refusal(Exception):
    """Data, a file or config that is wrong for good: no retry will mend it.

    Its text is one sentence that names the file and line, or the config key, says what
    was found and what to do. Everything else that is raised is either trouble that may
    pass or a defect of ours.
    """


MAY_PASS = (OSError, MemoryError, KeyboardInterrupt)
"""Trouble that another attempt, with more memory, may not have."""
