"""SQLite files as a source, opened to be read, and what a database's errors mean."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pricewright.files.errors import Refusal
from pricewright.files.secrets import expand_variables, redact

if TYPE_CHECKING:
    from sqlalchemy import Connection


class DatabaseVerdict(NamedTuple):
    """Whether trouble may pass, and what to say of it.

    text: a clause with no value in it.  key: the config key at fault; None if it is the one
    that says what to read, a table or a query.
    """

    may_pass: bool
    text: str
    key: str | None = None


def too_slow(timeout: float) -> DatabaseVerdict:
    """The verdict on a database that did not answer in time."""
    return DatabaseVerdict(
        True, f"no answer within the {timeout:g} s of config key 'source.timeout'"
    )


_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_CANTOPEN")
_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


@dataclass(frozen=True)
class SQLite:
    """A file, by a URI such as sqlite:///relative.db or sqlite:////absolute.db.

    Raises Refusal for any other URI.
    """

    uri: str
    timeout: float

    def __post_init__(self) -> None:
        path = self.uri.partition("://")[2]
        if not path.startswith("/") or path in ("/", "/:memory:") or "?" in path:
            raise Refusal(
                f"config key 'source.uri': {self.uri!r} names no file; write sqlite:///prices.db, "
                "or sqlite:////data/prices.db from the root."
            )

    def connect(self) -> "Connection":
        """A connection on which the file cannot be written.

        Raises Refusal for a file that is not there, or closed to us.
        """
        from sqlalchemy import NullPool, create_engine

        path = Path(expand_variables(self.uri.partition("://")[2][1:], "source.uri"))
        if not path.is_file() or not os.access(path, os.R_OK):
            found = "permission denied" if path.is_file() else "no such file"
            raise Refusal(redact(f"config key 'source.uri': {path}: {found}; check the path."))
        address = f"{path.absolute().as_uri()}?mode=ro"
        engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: sqlite3.connect(address, uri=True, timeout=self.timeout),
            poolclass=NullPool,
            hide_parameters=True,
        )
        return engine.connect()

    def prepare(self, connection: "Connection") -> None:
        """Allow nothing but SELECT, which opens no other file either."""
        driver: Any = connection.connection.driver_connection
        driver.set_authorizer(_reads_only)

    @contextmanager
    def clock(self, connection: "Connection") -> Iterator[None]:
        """A block that is interrupted after the timeout."""
        deadline = time.monotonic() + self.timeout
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
        yield

    def verdict(self, error: BaseException) -> DatabaseVerdict | None:
        """What an error of the driver means; None for one that is not the driver's."""
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_INTERRUPT":
            return too_slow(self.timeout)
        if name in ("SQLITE_AUTH", "SQLITE_READONLY") or "not authorized" in str(error):
            return DatabaseVerdict(False, "the query does more than read")
        if isinstance(error, OverflowError):
            return DatabaseVerdict(
                False, "a whole number has more than 64 bits", "source.parameters"
            )
        if isinstance(error, sqlite3.Error):
            key = "source.uri" if name.startswith(_DAMAGED) else None
            return DatabaseVerdict(name.startswith(_PASSING), str(error), key)
        return None


def _reads_only(action: int, what: str | None, *_: str | None) -> int:
    # json_each and the like ask to enter themselves in the schema; the file stays read-only
    entry = action == sqlite3.SQLITE_UPDATE and what == "sqlite_master"
    return sqlite3.SQLITE_OK if action in _READS or entry else sqlite3.SQLITE_DENY
