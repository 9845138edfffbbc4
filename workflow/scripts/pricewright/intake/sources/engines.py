"""SQLite and PostgreSQL as sources: read-only connections, and the meaning of their errors."""

import math
import os
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote

from sqlalchemy import Connection, NullPool, create_engine

from pricewright.files.errors import Refusal
from pricewright.files.secrets import PLACEHOLDER, expand_variables, read_secret, redact

if TYPE_CHECKING:
    import psycopg  # at run time it is imported late, because SQLite does not need it


GRACE = 5.0
"""Seconds after the timeout when the connection is cut, if the server has not stopped by itself."""

_READS: Final = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_BUSY: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_CANTOPEN")
_DAMAGED: Final = ("SQLITE_NOTADB", "SQLITE_CORRUPT")

_URI = re.compile(
    r"[a-z+]+://(?:(?P<user>[^:@/?]*)(?::(?P<password>[^@/?]*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@/?]*)(?::(?P<port>[^:@/?]*))?"
    r"(?:/(?P<dbname>[^@/?]*))?(?:\?(?P<options>[^@]*))?"
)
_OPTIONS: Final = {"host", "port", "sslmode", "sslrootcert", "channel_binding", "options"}

_NUMBERS: Final = {"bool", "int2", "int4", "int8", "float4", "float8"}
_MOMENTS: Final = {"timestamp", "timestamptz"}

_REFUSED = re.compile(
    "authentication failed|no password supplied|does not exist|pg_hba.conf|permission denied|"
    "not permitted|not support SSL|certificate (verify|file)|(^|: )invalid "
)
_PASSING: Final = ("08", "40", "53", "55P03", "57", "58", "XX")
_WITHOUT_VALUES: Final = ("0A", "25", "28", "3D", "42", "55")


class DatabaseVerdict(NamedTuple):
    """Whether a failure may pass, and what to say about it.

    text: a clause without any value in it.  key: the config key at fault; None for the key that
    says what to read, source.table or source.query.
    """

    may_pass: bool
    text: str
    key: str | None = None


@dataclass(frozen=True)
class SQLite:
    """A file, named by a URI such as sqlite:///relative.db or sqlite:////absolute.db.

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

    def connect(self) -> Connection:
        """A connection on which the file cannot be written.

        Raises Refusal for a file that is missing or unreadable.
        """
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

    def prepare(self, connection: Connection) -> None:
        """Allow only SELECT, so that no other file can be opened either."""
        driver: Any = connection.connection.driver_connection
        driver.set_authorizer(_reads_only)

    @contextmanager
    def clock(self, connection: Connection) -> Iterator[None]:
        """A block during which queries are interrupted after the timeout."""
        deadline = time.monotonic() + self.timeout
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
        yield

    def verdict(self, error: BaseException) -> DatabaseVerdict | None:
        """The meaning of a driver's error; None if the error is not the driver's."""
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_INTERRUPT":
            return _too_slow(self.timeout)
        if name in ("SQLITE_AUTH", "SQLITE_READONLY") or "not authorized" in str(error):
            return DatabaseVerdict(False, "the query does more than read")
        if isinstance(error, OverflowError):
            bits = "a whole number has more than 64 bits"
            return DatabaseVerdict(False, bits, "source.parameters")
        if isinstance(error, sqlite3.Error):
            key = "source.uri" if name.startswith(_DAMAGED) else None
            return DatabaseVerdict(name.startswith(_BUSY), str(error), key)
        return None


@dataclass(frozen=True)
class PostgreSQL:
    """A database, named by a URI such as postgresql://user:${PASSWORD}@host:5432/prices.

    Raises Refusal for any other URI, and for a password that is not a placeholder.
    """

    uri: str
    timeout: float

    def __post_init__(self) -> None:
        self._parts()

    def connect(self) -> Connection:
        """A connection whose only transaction is read-only.

        Parts missing from the URI come from libpq's variables, such as PGUSER and PGPASSWORD.
        Password files are not read.
        """
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._line,
            poolclass=NullPool,
            hide_parameters=True,
            use_native_hstore=False,
        )
        return engine.connect()

    def prepare(self, connection: Connection) -> None:
        """Fix the text format of values, whatever the user's settings, and the timeout."""
        settings = {
            "statement_timeout": f"{math.ceil(self.timeout * 1000)}",
            "timezone": "'UTC'",
            "datestyle": "'ISO, YMD'",
            "intervalstyle": "'iso_8601'",
            "extra_float_digits": "1",  # the shortest text that is the same float
            "bytea_output": "'hex'",
        }
        connection.exec_driver_sql(
            ";".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())
        )

    @contextmanager
    def clock(self, connection: Connection) -> Iterator[None]:
        """A block in which the connection is cut if the server does not keep to the timeout."""
        line: Any = connection.connection.driver_connection
        cut = threading.Timer(self.timeout + GRACE, _cut, [line.pgconn.socket])
        cut.start()
        try:
            yield
        finally:
            cut.cancel()
            cut.join()

    def verdict(self, error: BaseException) -> DatabaseVerdict | None:
        """The meaning of a driver's error; None if the error is not the driver's."""
        import psycopg

        if not isinstance(error, psycopg.Error):
            return None
        state = error.sqlstate
        if state == "57014":
            return _too_slow(self.timeout)
        if state == "22021":
            return DatabaseVerdict(False, "some text is not UTF-8")
        if state is None:
            return _verdict_without_state(error)
        said = error.diag.message_primary if state.startswith(_WITHOUT_VALUES) else None
        return DatabaseVerdict(state.startswith(_PASSING), said or type(error).__name__)

    def _line(self) -> "psycopg.Connection[Any]":
        import psycopg

        read_secret("PGPASSWORD")  # libpq reads it by itself, but `redact` has to know it
        parts: dict[str, Any] = {
            name: expand_variables(text, "source.uri") for name, text in self._parts().items()
        }
        line = psycopg.connect(
            **parts,
            client_encoding="utf8",
            connect_timeout=max(2, math.ceil(self.timeout)),
            passfile=os.path.join(os.devnull, "none"),  # a file that cannot exist
        )
        line.read_only = True
        _read_exactly(line)
        return line

    def _parts(self) -> dict[str, str]:
        """The parameters for libpq, with placeholders in them."""
        found = _URI.fullmatch(self.uri)
        if not found:  # not shown: it may hold a password
            raise Refusal(
                "config key 'source.uri': not an address of a database; write "
                "postgresql://user:${PASSWORD}@host:5432/database."
            )
        parts = found.groupdict(default="")
        if PLACEHOLDER.sub("", parts["password"]):
            raise Refusal(
                "config key 'source.uri': it holds a plain password; write ${NAME} in its place "
                "and set that environment variable, or leave it out and set PGPASSWORD."
            )
        options = dict(parse_qsl(parts.pop("options"), keep_blank_values=True))
        for name in options.keys() - _OPTIONS:
            raise Refusal(
                f"config key 'source.uri': the option {name!r} is not supported, allowed: "
                f"{', '.join(sorted(_OPTIONS))}."
            )
        parts = {name: unquote(text) for name, text in parts.items()} | options
        parts["host"] = parts["host"].strip("[]")
        return {name: text for name, text in parts.items() if text}


def _too_slow(timeout: float) -> DatabaseVerdict:
    text = f"no answer within the {timeout:g} s of config key 'source.timeout'"
    return DatabaseVerdict(True, text)


def _reads_only(action: int, what: str | None, *_: str | None) -> int:
    # json_each and others ask to register themselves in the schema; the file stays read-only
    entry = action == sqlite3.SQLITE_UPDATE and what == "sqlite_master"
    return sqlite3.SQLITE_OK if action in _READS or entry else sqlite3.SQLITE_DENY


def _verdict_without_state(error: "psycopg.Error") -> DatabaseVerdict:
    import psycopg

    said = " ".join(str(error).split()).rpartition("FATAL: ")[2].removeprefix("connection failed: ")
    if _REFUSED.search(said):
        return DatabaseVerdict(False, said, "source.uri")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseVerdict(True, said)
    return DatabaseVerdict(False, type(error).__name__, "source.parameters")


def _read_exactly(line: "psycopg.Connection[Any]") -> None:
    """Load values as PostgreSQL's own text, except for the types that JSON has."""
    from psycopg.types.string import TextLoader

    class MomentLoader(TextLoader):
        """Load timestamps in ISO 8601: 2024-01-02T15:00:00+00:00."""

        def load(self, data: Any) -> str:
            text = str(super().load(data)).replace(" ", "T", 1)
            return f"{text}:00" if text.endswith("+00") else text

    for kind in line.adapters.types:
        line.adapters.register_loader(kind.array_oid, TextLoader)
        if kind.name not in _NUMBERS:
            loader = MomentLoader if kind.name in _MOMENTS else TextLoader
            line.adapters.register_loader(kind.oid, loader)


def _cut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)
