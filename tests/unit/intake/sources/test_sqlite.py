import contextlib
import datetime
import os
import sqlite3
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pricewright.intake.sources.engines import SQLite
from pricewright.intake.sources.source import Source
from source_items import NO_ROWS, ask, read, records, refused

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture
def file(tmp_path):
    """A database file with two prices."""
    path = tmp_path / "prices.db"
    run(
        path,
        "CREATE TABLE prices (day TEXT, symbol TEXT, close REAL, volume INTEGER)",
        "INSERT INTO prices VALUES ('2024-01-02', 'NA', 1.1, 100), ('2024-01-03', 'TRUE', 2, NULL)",
    )
    return path


def run(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def on(path, query=None, **settings):
    """What is asked of a file."""
    return ask(f"sqlite:///{path}", query, **settings)


def test_a_table_is_its_rows_as_json_lines(file):
    assert read(on(file)) == (
        b'{"day":"2024-01-02","symbol":"NA","close":1.1,"volume":100}\n'
        b'{"day":"2024-01-03","symbol":"TRUE","close":2.0,"volume":null}\n'
    )


def test_values_are_as_exact_as_they_are_stored(file):
    query = """SELECT 9223372036854775807 AS whole, 0.1 + 0.2 AS float, 9e999 AS most,
        -9e999 AS least, '1.10' AS text, NULL AS absent, x'6162' AS bytes, 'ä\n"' AS odd,
        '0700' AS code"""
    assert records(on(file, query)) == [
        {"whole": 9223372036854775807, "float": 0.1 + 0.2, "most": "inf", "least": "-inf",
         "text": "1.10", "absent": None, "bytes": "b'ab'", "odd": 'ä\n"', "code": "0700"}
    ]  # fmt: skip


def test_a_relative_path_is_seen_from_here(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert read(on("prices.db")) == read(on(file))


@pytest.mark.parametrize("name", ["a b.db", "a%20b.db", "a#b.db", "ä.db", "mode=rw&x.db"])
def test_a_path_is_taken_as_it_is_written(file, name):
    os.rename(file, file.with_name(name))
    assert read(on(file.with_name(name))).count(b"\n") == 2


def test_a_placeholder_in_the_path_is_filled_in_and_never_shown(file, monkeypatch):
    monkeypatch.setenv("FOLDER", str(file.parent))
    item = on("${FOLDER}/prices.db")
    assert read(item).count(b"\n") == 2
    said = refused(lambda: read(on("${FOLDER}/none.db")), "no such file")
    assert str(file.parent) not in said + repr(item)


def test_a_missing_file_is_refused_and_not_made(tmp_path):
    refused(lambda: read(on(tmp_path / "none.db")), "source.uri", "none.db: no such file")
    refused(lambda: read(on(tmp_path)), "source.uri", "no such file")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_closed_to_us_is_refused(file, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (file, os.R_OK))
    refused(lambda: read(on(file)), "source.uri", "permission denied")


def test_a_file_that_is_no_database_is_refused(file):
    file.write_bytes(b"date,close\n" * 200)
    refused(lambda: read(on(file)), "source.uri", "not a database")


@pytest.mark.parametrize(
    "uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://prices.db",
            "sqlite:///prices.db?mode=rw"],
)  # fmt: skip
def test_a_uri_that_names_no_file_is_refused(uri):
    refused(lambda: ask(uri), "source.uri", "sqlite:////data/prices.db")


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO prices VALUES ('2024-01-04', 'X', 1, 1)",
        "INSERT INTO prices VALUES ('2024-01-04', 'X', 1, 1) RETURNING day",
        "DELETE FROM prices",
        "CREATE TABLE other (x)",
        "CREATE TEMP TABLE other (x)",
        "DROP TABLE prices",
        "PRAGMA writable_schema = 1",
        "ATTACH 'other.db' AS other",
        "ATTACH 'file:other.db?mode=rwc' AS other",
        "VACUUM INTO 'other.db'",
        "BEGIN EXCLUSIVE",
        "CREATE VIRTUAL TABLE other USING json_each",
    ],
)
def test_what_does_more_than_read_is_refused_and_does_nothing(file, query, monkeypatch):
    monkeypatch.chdir(file.parent)
    before = file.read_bytes()
    refused(lambda: read(on(file, query)), "source.query", "does more than read")
    assert os.listdir() == ["prices.db"]
    assert file.read_bytes() == before


def test_the_file_itself_is_open_for_reading_only(file):
    deletion = text("DELETE FROM prices")
    with (
        SQLite(f"sqlite:///{file}", 5).connect() as connection,
        pytest.raises(DBAPIError, match="readonly database"),
    ):
        connection.execute(deletion)


def test_a_recursive_query_and_functions_are_reading(file):
    counted = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3)"
    assert records(on(file, f"{counted} SELECT max(x) AS most FROM n")) == [{"most": 3}]
    assert records(on(file, "SELECT value FROM json_each('[7]')")) == [{"value": 7}]


@pytest.mark.parametrize("query", ["SELECT 1 AS x; DROP TABLE prices", "SELECT 1 AS x; SELECT 2"])
def test_only_one_statement_is_run(file, query):
    refused(lambda: read(on(file, query)), "source.query", "one statement")
    assert read(on(file))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM none", "no such table: none"),
        ("SELECT none FROM prices", "no such column: none"),
        ("SELEC 1", "syntax error"),
        ("-- nothing", "no columns"),
        ("SELECT day, symbol AS day FROM prices", "two columns are named 'day'"),
    ],
)
def test_a_query_that_gives_no_prices_is_refused(file, query, words):
    refused(lambda: read(on(file, query)), "config key 'source.query'", words)


@pytest.mark.parametrize("table", ["none", "none.prices", "prices; DROP TABLE prices", 'x" --'])
def test_a_table_that_is_not_there_is_refused(file, table):
    refused(lambda: read(on(file, table=table)), "config key 'source.table'", "no such table")
    assert read(on(file))


@pytest.mark.parametrize("table", ["prices; DROP TABLE prices", 'a "b" c', "select", "UPPER"])
def test_a_tables_name_is_only_ever_a_name(file, table):
    quoted = '"' + table.replace('"', '""') + '"'
    run(file, f"CREATE TABLE {quoted} (x)", f"INSERT INTO {quoted} VALUES (7)")
    assert read(on(file, table=table)) == b'{"x":7}\n'
    assert read(on(file, table=f"main.{table}")) == b'{"x":7}\n'
    assert read(on(file))


def test_parameters_are_bound(file):
    query = "SELECT symbol FROM prices WHERE day = :day"
    assert records(on(file, query, parameters={"day": "2024-01-02"})) == [{"symbol": "NA"}]
    day = datetime.date(2024, 1, 3)
    assert records(on(file, query, parameters={"day": day})) == [{"symbol": "TRUE"}]
    always = {"day": "' OR 1 = 1 --"}
    assert read(on(file, query, parameters=always)) == NO_ROWS


@pytest.mark.parametrize(
    ("parameters", "name", "words"),
    [
        ({}, "day", "missing"),
        ({"day": "x", "month": 1}, "month", "no :month"),
        ({"day": ["x"]}, "day", "list"),
        ({"day": b"x"}, "day", "bytes"),
    ],
)
def test_parameters_are_those_of_the_query(file, parameters, name, words):
    item = on(file, "SELECT * FROM prices WHERE day = :day", parameters=parameters)
    refused(lambda: read(item), f"config key 'source.parameters.{name}'", words)


def test_a_table_has_no_parameters(file):
    item = on(file, table="prices", parameters={"day": "x"})
    refused(lambda: read(item), "config key 'source.parameters.day'", "remove it")


def test_a_whole_number_that_sqlite_has_not_is_refused(file):
    item = on(file, "SELECT * FROM prices WHERE volume = :x", parameters={"x": 2**63})
    assert str(2**63) not in refused(lambda: read(item), "'source.parameters'", "64 bits")


def test_text_that_is_not_utf_8_is_refused(file):
    run(file, "UPDATE prices SET symbol = CAST(x'ff41' AS TEXT)")
    refused(lambda: read(on(file)), "source.table", "UTF-8")


def test_the_same_rows_are_the_same_bytes_in_any_order(file):
    run(file, "INSERT INTO prices SELECT * FROM prices WHERE symbol = 'NA'")
    query = "SELECT * FROM prices ORDER BY day"
    up, down = (read(on(file, query + way)) for way in ("", " DESC"))
    assert up == down == read(on(file))
    assert up.count(b"NA") == 2  # a duplicate is not ours to drop
    assert up.splitlines() == sorted(up.splitlines())


def test_there_is_no_version_and_a_known_one_changes_nothing(file):
    with on(file).open("anything") as answer:
        assert answer.version == ""
        assert b"".join(answer.chunks) == read(on(file))


def test_more_than_the_cap_is_refused(file):
    size = len(read(on(file)))
    assert read(on(file, max_bytes=size))
    refused(lambda: read(on(file, max_bytes=size - 1)), "source.max_bytes", f"{size - 1} bytes")


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"


@pytest.mark.parametrize("query", [f"{ENDLESS} max(x) FROM n", f"{ENDLESS} x FROM n WHERE x < 5"])
def test_a_query_that_never_ends_is_given_up(file, query):
    start = time.monotonic()
    with pytest.raises(OSError, match=r"prices\.db#.*: no answer within the 0\.2 s"):
        read(on(file, query, timeout=0.2))
    assert time.monotonic() - start < 5


def test_the_timeout_is_for_the_database_and_not_for_who_reads(file):
    with on(file, timeout=0.2).open() as answer:
        time.sleep(0.3)
        assert b"".join(answer.chunks)


def test_a_file_that_somebody_writes_may_be_free_again(file):
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        start = time.monotonic()
        with pytest.raises(OSError, match=r"prices\.db#prices: database is locked"):
            read(on(file, timeout=0.1))
        assert time.monotonic() - start < 3
        writer.execute("COMMIT")
    assert read(on(file))


def test_a_file_in_wal_mode_is_read(file):
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO prices VALUES ('2024-01-04', 'X', 1, 1)")
        assert read(on(file)).count(b"\n") == 3


@pytest.mark.parametrize("what", [{}, {"table": "prices", "query": "SELECT 1"}])
def test_exactly_one_of_table_and_query_is_asked_for(what):
    refused(lambda: Source(uri="sqlite:///a.db", **what), "source.table", "either")


def test_a_scheme_that_is_no_database_is_refused():
    refused(lambda: ask("postgresql+asyncpg://host/db"), "source.uri", "+asyncpg'")
