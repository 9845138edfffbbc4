"""Deliveries from an SQL database: the rows of a table or a query, as exact JSON Lines.

The order of the lines does not depend on the order of the rows.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from heapq import merge
from itertools import islice
from tempfile import TemporaryFile
from typing import Any, Final

import orjson
from sqlalchemy import (
    Connection,
    CursorResult,
    Executable,
    literal_column,
    quoted_name,
    select,
    table,
    text,
)

from pricewright.files.errors import Refusal
from pricewright.files.secrets import redact
from pricewright.intake.sources.engines import PostgreSQL, SQLite
from pricewright.intake.sources.source import Answer, Source, scheme

IN_MEMORY = 256 << 20
"""Bytes of lines sorted at once; if there are more, sorted parts wait on disk."""

_IN_PIECE = 10_000
"""Lines joined into a piece."""

_ROWS = 10_000
"""Rows fetched at a time."""

_ENGINES: Final[dict[str, type[SQLite] | type[PostgreSQL]]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "postgresql+psycopg": PostgreSQL,
    "postgres": PostgreSQL,
}
_ADVICE: Final = {
    "source.uri": "correct the URI, its user or its password",
    "source.table": "name an existing table that this user may read",
    "source.query": "write one SELECT that this user may run, with values that it accepts",
    "source.parameters": "give values that the query accepts",
}


@dataclass(frozen=True)
class Query:
    """The rows of a table or of one SELECT, as an Item.

    Raises Refusal for impossible config, such as a plain password in the URI.
    """

    source: Source

    def __post_init__(self) -> None:
        self._engine()

    @property
    def place(self) -> str:
        return self.source.name

    @contextmanager
    def open(self, known: str = "") -> Iterator[Answer]:
        """Ask for the rows: JSON Lines in the order of their bytes, one object per row.

        Exact decimals are text with all their digits, floats and integers are numbers, and moments
        are in UTC; see `json_lines`. Without rows it is an empty array. There is no version.
        Raises Refusal for an error in config, for a table that this user may not read and for two
        columns with the same name; OSError for a failure that may pass.
        """
        engine, statement = self._engine(), self._statement()
        values = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in self.source.parameters.items()
        }
        with self._plain_errors(engine):
            connection = engine.connect()
        with connection:
            with self._plain_errors(engine), engine.clock(connection):
                engine.prepare(connection)
                asked = connection.execution_options(yield_per=_ROWS)
                result = asked.execute(statement, values)
            lines = json_lines(self._titles(result), self._rows(engine, connection, result))
            yield Answer(in_byte_order(self._within_cap(lines)))

    def _engine(self) -> SQLite | PostgreSQL:
        kind = scheme(self.source.uri)
        if kind not in _ENGINES:
            raise Refusal(
                f"config key 'source.uri': found the scheme {kind!r}, which is not a database; "
                "allowed: sqlite, postgresql."
            )
        return _ENGINES[kind](self.source.uri, self.source.timeout)

    def _statement(self) -> Executable:
        """The statement to run; raises Refusal unless config gives exactly its parameters."""
        if self.source.table:
            schema, _, name = self.source.table.rpartition(".")
            asked = table(
                quoted_name(name, True), schema=quoted_name(schema, True) if schema else None
            )
            self._check_parameters(set())
            return select(literal_column("*")).select_from(asked)
        query = text(self.source.query or "")
        self._check_parameters(set(query.compile().params))
        return query

    def _check_parameters(self, names: set[str]) -> None:
        for name in sorted(names - self.source.parameters.keys()):
            raise Refusal(
                f"config key 'source.parameters.{name}': missing, but the query has :{name}; set "
                "its value."
            )
        for name, value in self.source.parameters.items():
            if name not in names:
                raise Refusal(
                    f"config key 'source.parameters.{name}': the query has no :{name}; remove it."
                )
            if not isinstance(value, str | int | float | date | None):
                raise Refusal(
                    f"config key 'source.parameters.{name}': found a {type(value).__name__}; write "
                    "a text, a number, a date or null."
                )

    def _titles(self, result: CursorResult[Any]) -> Sequence[str]:
        titles = list(result.keys()) if result.returns_rows else []
        twice = [title for title, times in Counter(titles).items() if times > 1]
        if twice or not titles:
            found = f"two columns are named {twice[0]!r}" if twice else "it gives no columns"
            raise Refusal(
                f"config key '{self._key}': {found}; write one SELECT that gives each of its "
                "columns a different name."
            )
        return titles

    def _rows(
        self, engine: SQLite | PostgreSQL, connection: Connection, result: CursorResult[Any]
    ) -> Iterator[Sequence[Any]]:
        while True:
            with self._plain_errors(engine), engine.clock(connection):
                rows = result.fetchmany(_ROWS)
            if not rows:
                return
            yield rows

    def _within_cap(self, batches: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        size, most = 0, self.source.max_bytes
        for lines in batches:
            size += sum(map(len, lines))
            if size > most:
                raise Refusal(
                    f"config key 'source.max_bytes': {self.place} has more than {most} "
                    "bytes; ask for less at a time, or raise it."
                )
            yield lines
        if not size:
            yield [b"[]\n"]

    @property
    def _key(self) -> str:
        return "source.table" if self.source.table else "source.query"

    @contextmanager
    def _plain_errors(self, engine: SQLite | PostgreSQL) -> Iterator[None]:
        """Turn the driver's errors into a Refusal, or into an OSError if they may pass."""
        try:
            yield
        except Exception as error:
            verdict = engine.verdict(getattr(error, "orig", None) or error)
            if verdict is None:
                raise
            text = " ".join(verdict.text.split())[:300].rstrip(". ")
            if verdict.may_pass:
                raise OSError(redact(f"{self.place}: {text}")) from None
            key = verdict.key or self._key
            raise Refusal(
                redact(f"config key '{key}': the database says: {text}; {_ADVICE[key]}.")
            ) from None


def json_lines(
    titles: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]]
) -> Iterator[list[bytes]]:
    """One line per row: an object with the columns in order.

    Floats are the shortest equal numbers, and `"nan"`, `"inf"`, `"-inf"`, which JSON lacks. None is
    null, and a value without a JSON type is its str().
    """
    for rows in batches:
        columns = [_with_named_floats(column) for column in zip(*rows, strict=True)]
        yield [
            # `+` copies, which frees the kilobytes of buffer that orjson's result keeps
            orjson.dumps(dict(zip(titles, row, strict=True)), str) + b"\n"
            for row in zip(*columns, strict=True)
        ]


def in_byte_order(batches: Iterable[list[bytes]]) -> Iterator[bytes]:
    """Lines in the order of their bytes, joined in pieces; duplicates stay."""
    held: list[bytes] = []
    runs: list[Iterable[bytes]] = []
    size = 0
    with ExitStack() as files:
        for lines in batches:
            held += lines
            size += sum(map(len, lines))
            if size >= IN_MEMORY:
                run = files.enter_context(TemporaryFile())
                run.writelines(sorted(held))
                run.seek(0)
                runs.append(run)
                held, size = [], 0
        held.sort()
        ordered = merge(*runs, held) if runs else iter(held)
        while piece := b"".join(islice(ordered, _IN_PIECE)):
            yield piece


def _with_named_floats(column: Sequence[Any]) -> Sequence[Any]:
    """A column with `nan` and infinities as text, because orjson would write null for them."""
    if float not in set(map(type, column)):
        return column
    try:
        if all(map(math.isfinite, filter(None, column))):
            return column
    except TypeError:
        pass  # it holds text as well
    return [
        str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for value in column
    ]
