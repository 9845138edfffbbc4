"""What an error of a database means to whoever wrote the config."""

from typing import NamedTuple


class Verdict(NamedTuple):
    """Whether trouble may pass, and what to say of it.

    text: a clause with no value in it.  key: the config key at fault; None if it is the one
    that says what to read, a table or a query.
    """

    may_pass: bool
    text: str
    key: str | None = None


def too_slow(timeout: float) -> Verdict:
    """The verdict on a database that did not answer in time."""
    return Verdict(True, f"no answer within the {timeout:g} s of config key 'source.timeout'")
