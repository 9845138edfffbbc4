import logging
import os
import signal
import socket
import threading
import time
import traceback

import pytest

from pricewright.files import secrets
from pricewright.files.errors import Refusal
from pricewright.intake.sources import engines
from source_items import PRICES, ask, read, refused


def test_a_table_is_its_rows_as_json_lines(owner):
    with ask(owner.uri()).open("anything") as answer:
        assert b"".join(answer.chunks) == PRICES
        assert answer.version == ""


@pytest.mark.parametrize(
    ("userinfo", "name", "words"),
    [
        ("owner:${WRONG}", "prices", 'password authentication failed for user "owner"'),
        ("nobody:${CANARY_PASSWORD}", "prices", "password authentication failed"),
        ("owner", "prices", "no password supplied"),
        ("owner:${CANARY_PASSWORD}", "none", 'database "none" does not exist'),
        ("owner:${ABSENT}", "prices", "ABSENT is not set"),
    ],
)
def test_who_is_not_let_in_is_refused(owner, monkeypatch, userinfo, name, words):
    monkeypatch.setenv("WRONG", "canary-wrong")
    item = ask(owner.uri(name, userinfo))
    assert "canary" not in refused(lambda: read(item), "config key 'source.uri'", words)


def test_a_password_file_is_not_looked_at(owner, monkeypatch, tmp_path):
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:*:{owner.password.replace(':', chr(92) + ':')}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    refused(lambda: read(ask(owner.uri(userinfo="owner"))), "no password supplied")


def test_libpqs_own_variables_say_what_the_uri_leaves_out(owner, monkeypatch):
    variables = {"PGHOST": owner.host, "PGPORT": str(owner.port), "PGUSER": "owner"}
    for name, value in (variables | {"PGPASSWORD": owner.password}).items():
        monkeypatch.setenv(name, value)
    assert read(ask("postgresql:///prices")) == PRICES
    assert secrets.redact(f"is {owner.password}") == "is ***"


def test_every_part_of_the_uri_may_be_a_placeholder(owner, monkeypatch):
    uri = "postgresql+psycopg://${U}:${CANARY_PASSWORD}@${H}:${P}/${D}?sslmode=${S}"
    values = {"U": "owner", "H": owner.host, "P": str(owner.port), "D": "prices", "S": "disable"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert read(ask(uri)) == PRICES


def test_a_socket_and_a_schema_may_be_options(owner):
    owner.execute("CREATE SCHEMA desk", "CREATE TABLE desk.prices AS SELECT 7 AS x")
    uri = f"postgresql://owner:${{CANARY_PASSWORD}}@:{owner.port}/prices?host={owner.sockets}"
    assert read(ask(uri)) == PRICES
    assert read(ask(f"{uri}&options=-c search_path%3Ddesk")) == b'{"x":7}\n'
    assert read(ask(owner.uri(), table="desk.prices")) == b'{"x":7}\n'


def test_a_host_may_be_a_quoted_path_or_in_brackets(owner):
    quoted = str(owner.sockets).replace("/", "%2F")
    assert read(ask(owner.uri().replace(owner.host, quoted))) == PRICES
    with pytest.raises(OSError, match=r"^postgresql:.*: ") as caught:
        read(ask("postgresql://owner@[::1]:9/prices"))
    assert "host name" not in str(caught.value)


@pytest.mark.parametrize(
    "userinfo", ["owner:canary", "owner:canary${X}", "owner:${X}canary", ":canary", "a:b@canary",
                 "owner:can/ary", "owner:can:ary", "owner:can?ary", "owner:%63anary"],
)  # fmt: skip
def test_a_password_in_the_uri_is_refused_and_not_shown(owner, userinfo):
    text = refused(lambda: ask(owner.uri(userinfo=userinfo)), "source.uri", "${")
    assert "ary" not in text


@pytest.mark.parametrize(
    "option", ["password=canary", "passfile=canary", "user=canary", "service=canary", "x=canary"]
)
def test_an_option_that_is_not_taken_is_refused_and_not_shown(owner, option):
    assert "canary" not in refused(lambda: ask(f"{owner.uri()}?{option}"), "source.uri")


@pytest.mark.parametrize("option", ["sslmode=whatever", "sslmode=require", "port=x"])
def test_an_option_that_cannot_be_is_refused(owner, option):
    refused(lambda: read(ask(f"{owner.uri()}?{option}")), "source.uri")


def test_a_server_that_is_not_reached_may_come_back(owner):
    for uri in (
        "postgresql://127.0.0.1:9/prices",
        f"postgresql:///prices?host={owner.sockets}/an invalid certificate",
    ):
        with pytest.raises(OSError, match=r"^postgresql:.*: "):
            read(ask(uri))


def test_a_server_that_says_nothing_is_given_up(owner):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/prices"
        start = time.monotonic()
        with pytest.raises(OSError, match=r"^postgresql:.*: "):
            read(ask(uri, timeout=1))
        assert time.monotonic() - start < 6


def test_a_query_that_never_ends_is_given_up(owner):
    with pytest.raises(OSError, match=r"^postgresql:.*: no answer within the 0\.2 s"):
        read(ask(owner.uri(), "SELECT pg_sleep(60) AS x", timeout=0.2))


def backend(owner, condition="true"):
    """The process that serves whoever calls himself `ours`."""
    find = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ours'"
    for _ in range(500):
        if found := owner.execute(f"{find} AND pid <> pg_backend_pid() AND {condition}"):
            return found[0][0]
        time.sleep(0.01)
    raise AssertionError("nobody is served")


def test_a_server_that_falls_silent_is_given_up(owner, monkeypatch):
    monkeypatch.setattr(engines, "GRACE", 0.3)
    monkeypatch.setenv("PGAPPNAME", "ours")
    stopped = []

    def stop():
        stopped.append(backend(owner, "query LIKE 'FETCH%' AND state = 'active'"))
        os.kill(stopped[0], signal.SIGSTOP)

    helper = threading.Thread(target=stop)
    helper.start()
    try:
        with pytest.raises(OSError, match=r"^postgresql:.*: "):
            read(ask(owner.uri(), "SELECT pg_sleep(60) AS x", timeout=1.5))
    finally:
        helper.join()
        os.kill(stopped[0], signal.SIGCONT)


def test_a_server_that_falls_silent_between_rows_is_given_up(owner, monkeypatch):
    monkeypatch.setattr(engines, "GRACE", 0.2)
    monkeypatch.setattr("pricewright.intake.sources.database._ROWS", 10)
    monkeypatch.setenv("PGAPPNAME", "ours")
    with ask(owner.uri(), "SELECT generate_series(1, 9999) AS x", timeout=0.5).open() as answer:
        silent = backend(owner)
        os.kill(silent, signal.SIGSTOP)
        wakes = threading.Timer(5, os.kill, [silent, signal.SIGCONT])
        wakes.start()
        try:
            with pytest.raises(OSError, match=r"^postgresql:.*: "):
                b"".join(answer.chunks)
        finally:
            wakes.cancel()
            os.kill(silent, signal.SIGCONT)


def test_a_connection_that_is_lost_in_the_middle_is_trouble_that_may_pass(
    owner, monkeypatch, caplog
):
    monkeypatch.setattr("pricewright.intake.sources.database._ROWS", 10)
    monkeypatch.setenv("PGAPPNAME", "ours")
    with ask(owner.uri(), "SELECT generate_series(1, 100000) AS x").open() as answer:
        owner.execute(f"SELECT pg_terminate_backend({backend(owner)})")
        with pytest.raises(OSError, match=r"^postgresql:.*: "):
            b"".join(answer.chunks)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_trouble_of_whoever_reads_is_left_as_it_is(owner):
    error = OSError("no space left")
    with pytest.raises(OSError, match="no space left") as caught, ask(owner.uri()).open():
        raise error
    assert caught.value is error


def test_nothing_is_left_open(owner):
    mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'prices' AND usename = 'reader'"
    item = ask(owner.uri(userinfo="reader:${CANARY_PASSWORD}"))
    with item.open():
        assert owner.execute(mine) == [(1,)]
    for _ in range(100):
        if owner.execute(mine) == [(0,)]:
            return
        time.sleep(0.02)
    raise AssertionError("a connection stayed")


def test_no_secret_is_in_an_error_a_repr_a_log_or_the_bytes(owner, monkeypatch, caplog, capfd):
    for name in (None, "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "psycopg"):
        caplog.set_level(logging.DEBUG, name)
    monkeypatch.setenv("WRONG", "canary-wrong/@:%")
    monkeypatch.setenv("HOST", "canary-host")
    bound = {"value": "canary-value"}
    item = ask(owner.uri(), "SELECT day FROM prices WHERE symbol <> :value", parameters=bound)
    with item.open() as answer:
        written = [repr(item), repr(answer), read(item).decode()]
    failing = [
        ask(owner.uri(userinfo="owner:${WRONG}")),
        ask(owner.uri("none")),
        ask("postgresql://owner:${WRONG}@127.0.0.1:9/prices"),
        ask("postgresql://owner:${WRONG}@${HOST}:9/prices"),
        ask(f"{owner.uri()}?sslmode=${{HOST}}"),
        ask(owner.uri(), "SELECT * FROM none WHERE x = :value", parameters=bound),
        ask(owner.uri(), "SELECT day FROM prices WHERE day = :value", parameters=bound),
        ask(owner.uri(), "SELECT pg_sleep(9) AS x, :value AS y", timeout=0.1, parameters=bound),
    ]
    for item in failing:
        with pytest.raises((OSError, Refusal)) as caught:
            read(item)
        written.append("".join(traceback.format_exception(caught.value)))
        written.append(repr(item))
    logged = [record.getMessage() for record in caplog.records]
    assert any("FROM prices WHERE symbol" in line for line in logged)
    assert "canary-host" not in "\n".join(written)
    for text in [*written, *logged, *capfd.readouterr()]:
        for canary in (owner.password, "canary-wrong", "canary-value"):
            assert canary not in text
