import contextlib
import datetime
import time

import pytest

from source_items import NO_ROWS, PRICES, ask, read, records, refused


@pytest.fixture(scope="module", autouse=True)
def traps(postgresql):
    """What a query should not reach, and what tells more than it should."""
    postgresql.execute(
        "CREATE TABLE closed (x int)",
        "CREATE SEQUENCE counter",
        "CREATE EXTENSION hstore",
        "CREATE TYPE side AS ENUM ('bid')",
        "CREATE FUNCTION adds() RETURNS int LANGUAGE sql AS 'DELETE FROM prices RETURNING 1'",
        "CREATE FUNCTION tells(x text) RETURNS int LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'it is %', x; END$$",
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("1.10::numeric", "1.10"),
        ("0.1::numeric(20, 10)", "0.1000000000"),
        ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
        ("'NaN'::numeric", "NaN"),
        ("0.1::float8 + 0.2::float8", 0.1 + 0.2),
        ("1e-300::float8", 1e-300),
        ("0.1::float4", 0.1),
        ("'NaN'::float8", "nan"),
        ("'Infinity'::float8", "inf"),
        ("'-Infinity'::float4", "-inf"),
        ("9223372036854775807", 9223372036854775807),
        ("9223372036854775808", "9223372036854775808"),
        ("(-32768)::int2", -32768),
        ("date '2024-01-02'", "2024-01-02"),
        ("date 'infinity'", "infinity"),
        ("date '0044-03-15 BC'", "0044-03-15 BC"),
        ("timestamptz '2024-01-02 10:00-05'", "2024-01-02T15:00:00+00:00"),
        ("timestamptz '2024-01-02 10:00:00.123456+09:30'", "2024-01-02T00:30:00.123456+00:00"),
        ("timestamp '2024-01-02 10:00'", "2024-01-02T10:00:00"),
        ("timestamptz 'infinity'", "infinity"),
        ("time '10:30'", "10:30:00"),
        ("interval '1 day 2 hours'", "P1DT2H"),
        ("NULL", None),
        ("true", True),
        ("'NA'", "NA"),
        ("'0700'::char(6)", "0700  "),
        ("E'ä\\n\"'", 'ä\n"'),
        ("'\\x6162'::bytea", "\\x6162"),
        ("'{\"a\": 1.10}'::json", '{"a": 1.10}'),
        ("'{\"a\": 1.10}'::jsonb", '{"a": 1.10}'),
        ("array[1, 2]", "{1,2}"),
        ("array['a']", "{a}"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'10.0.0.1'::inet", "10.0.0.1"),
        ("ROW(1, 'a')", "(1,a)"),
        ("numrange(1, 2)", "[1,2)"),
        ("'bid'::side", "bid"),
        ("'a=>1'::hstore", '"a"=>"1"'),
    ],
)
def test_values_are_as_exact_as_they_are_stored(owner, value, found):
    assert records(ask(owner.uri(), f"SELECT {value} AS x")) == [{"x": found}]


def test_how_a_user_likes_values_shown_changes_nothing(owner):
    query = "SELECT 0.1::float8 + 0.2::float8 AS f, now()::date >= '2024-01-02' AS b,"
    query += " timestamptz '2024-01-02 10:00Z' AS t, date '2024-01-02' AS d, '\\x6162'::bytea AS y,"
    query += " interval '1 day' AS i"
    before = read(ask(owner.uri(), query))
    likes = {"extra_float_digits": "-5", "timezone": "'Asia/Kathmandu'", "intervalstyle": "verbose",
             "datestyle": "'German'", "bytea_output": "escape"}  # fmt: skip
    quoted = [f"ALTER ROLE reader SET {key} = {value}" for key, value in likes.items()]
    owner.execute(*(each.replace("verbose", "postgres_verbose") for each in quoted))
    try:
        uri = owner.uri(userinfo="reader:${CANARY_PASSWORD}")
        assert read(ask(uri, query)) == before
    finally:
        owner.execute("ALTER ROLE reader RESET ALL")


def test_text_of_another_encoding_is_the_same_text(owner):
    with database(owner, "latin", "LATIN1"):
        owner.execute(
            "CREATE TABLE prices (symbol text)",
            "INSERT INTO prices VALUES (convert_from('\\xe4', 'LATIN1'))",
            database="latin",
        )
        assert read(ask(owner.uri("latin"))) == '{"symbol":"ä"}\n'.encode()


def test_text_of_no_encoding_is_refused_if_it_is_not_utf_8(owner):
    with database(owner, "bytes", "SQL_ASCII"):
        owner.execute(
            "CREATE TABLE prices (symbol text)",
            "INSERT INTO prices VALUES (E'\\xe4\\x41')",
            database="bytes",
        )
        item = ask(owner.uri("bytes"))
        refused(lambda: read(item), "source.table", "not UTF-8")


@contextlib.contextmanager
def database(owner, name, encoding):
    owner.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    try:
        yield
    finally:
        owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_rows_come_in_parts_and_none_is_lost(owner, monkeypatch):
    monkeypatch.setattr("pricewright.intake.sources.database._ROWS", 7)
    found = records(ask(owner.uri(), "SELECT x FROM generate_series(1, 100) AS x"))
    assert sorted(row["x"] for row in found) == list(range(1, 101))


def test_more_than_the_cap_is_refused_before_all_of_it_has_come(owner):
    start = time.monotonic()
    item = ask(owner.uri(), "SELECT generate_series(1, 3000000000) AS x", max_bytes=100_000)
    refused(lambda: read(item), "source.max_bytes", "100000")
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("none", 'relation "none" does not exist'),
        ("none.prices", "does not exist"),
        ("prices; DROP TABLE prices", "does not exist"),
        ('prices" --', "does not exist"),
        ("PRICES", "does not exist"),
        ("prices.", "zero-length"),
    ],
)
def test_a_table_that_is_not_there_is_refused(owner, table, words):
    refused(lambda: read(ask(owner.uri(), table=table)), "config key 'source.table'", words)
    assert read(ask(owner.uri())) == PRICES


@pytest.mark.parametrize("table", ["prices; DROP TABLE prices", 'a "b" %s :c', "select", "UPPER"])
def test_a_tables_name_is_only_ever_a_name(owner, table):
    quoted = '"' + table.replace('"', '""') + '"'
    owner.execute(f"CREATE TABLE {quoted} AS SELECT 7 AS x")
    try:
        assert read(ask(owner.uri(), table=table)) == b'{"x":7}\n'
        assert read(ask(owner.uri(), table=f"public.{table}")) == b'{"x":7}\n'
    finally:
        owner.execute(f"DROP TABLE {quoted}")
    assert read(ask(owner.uri())) == PRICES


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO prices VALUES ('2024-01-04', 'X', 1, 1) RETURNING day",
        "WITH x AS (DELETE FROM prices RETURNING 1) SELECT * FROM x",
        "UPDATE prices SET close = 0",
        "DROP TABLE prices",
        "CREATE TABLE other (x int)",
        "SELECT adds() AS x",
        "SELECT nextval('counter') AS x",
        "SELECT set_config('transaction_read_only', 'off', false) AS x, adds() AS y",
        "SELECT 1 AS x; DELETE FROM prices",
        "SELECT 1 AS x; COMMIT; DELETE FROM prices",
        "COMMIT",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "COPY prices TO STDOUT",
        "LOCK TABLE prices",
    ],
)
def test_what_does_more_than_read_is_refused_and_does_nothing(owner, query):
    refused(lambda: read(ask(owner.uri(), query)), "config key 'source.query': the database says: ")
    assert read(ask(owner.uri())) == PRICES


def test_only_a_read_only_transaction_is_begun(owner):
    """Whatever a query may reach that the tests above did not think of."""
    found = records(ask(owner.uri(), "SELECT current_setting('transaction_read_only') AS x"))
    assert found == [{"x": "on"}]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM none", 'relation "none" does not exist'),
        ("SELECT none FROM prices", 'column "none" does not exist'),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT 1 AS x, 2 AS x", "two columns are named 'x'"),
        ("SELECT FROM prices", "no columns"),
    ],
)
def test_a_query_that_gives_no_prices_is_refused(owner, query, words):
    refused(lambda: read(ask(owner.uri(), query)), "config key 'source.query'", words)


def test_an_error_is_short_and_on_one_line_whatever_the_query(owner):
    query = "SELECT 'a\n" + "b" * 1000
    text = refused(lambda: read(ask(owner.uri(), query)), "source.query", "unterminated")
    assert len(text) < 500


def test_a_table_that_this_user_may_not_read_is_refused(owner):
    uri = owner.uri(userinfo="reader:${CANARY_PASSWORD}")
    assert read(ask(uri)) == PRICES
    refused(
        lambda: read(ask(uri, table="closed")),
        "config key 'source.table': the database says: permission denied for table closed",
    )


def test_parameters_are_bound(owner):
    query = "SELECT symbol FROM prices WHERE day = :day AND volume > :least AND symbol LIKE 'N%'"
    query += " AND '10:30' <> :time AND symbol <> :text AND day = '2024-01-02'::date;"
    values = {"least": 99, "time": "x", "text": datetime.date(2024, 1, 2)}
    for day in ("2024-01-02", datetime.date(2024, 1, 2)):
        assert records(ask(owner.uri(), query, parameters=values | {"day": day})) == [
            {"symbol": "NA"}
        ]
    always = {"symbol": "' OR 1 = 1 --"}
    query = "SELECT * FROM prices WHERE symbol = :symbol"
    assert read(ask(owner.uri(), query, parameters=always)) == NO_ROWS


@pytest.mark.parametrize(
    ("query", "value", "key"),
    [
        ("SELECT * FROM prices WHERE day = :value", "canary-value", "source.query"),
        ("SELECT * FROM prices WHERE volume = :value", "canary-value", "source.query"),
        ("SELECT * FROM prices WHERE symbol = :value", "canary-value\0", "source.parameters"),
        ("SELECT tells(:value) AS x", "canary-value", "source.query"),
    ],
)
def test_no_parameters_value_is_in_an_error(owner, query, value, key):
    item = ask(owner.uri(), query, parameters={"value": value})
    assert "canary" not in refused(lambda: read(item), f"config key '{key}'") + repr(item)
