"""Runs on every kind of source: nothing runs unless the source changed, and no secret leaks.

The steps after ingest are the same for every source, so they run for only one of them.
"""

import sqlite3

import orjson

from conftest import STEPS, as_csv, market
from web_server import reply, sent, serving

CANARY = "c4n4ry-s3cret"
MORE = {"date": "2020-07-15", "symbol": "S0", "close": 51.5, "volume": 1000}


def everything_written(project, *outcomes):
    """All bytes that runs left behind or printed."""
    written = [outcome.stdout.encode() + outcome.stderr.encode() for outcome in outcomes]
    return written + [path.read_bytes() for path in project.folder.rglob("*") if path.is_file()]


def receipt(project):
    return orjson.loads((project.folder / "results" / "ingest.json").read_bytes())


def test_a_web_source_reruns_everything_only_when_it_changes(project):
    page = {"body": as_csv(market()).encode(), "tag": '"one"'}

    def answer(request):
        if request.headers["If-None-Match"] == page["tag"]:
            return reply(b"", 304, length=False, ETag=page["tag"])
        return reply(page["body"], ETag=page["tag"])

    with serving({"/prices.csv": answer}) as server:
        project.configure(
            source={
                "uri": server.uri + "/prices.csv?apikey=${PRICES_KEY}",
                "headers": {"Authorization": "Bearer ${PRICES_KEY}"},
                "allow_hosts": ["127.0.0.1"],
            }
        )
        secret = {"PRICES_KEY": CANARY}
        first = project.snakemake(env=secret)
        assert (first.code, first.ran) == (0, list(STEPS)), first.stderr
        assert sent(server)["Authorization"] == f"Bearer {CANARY}"
        again = project.snakemake(env=secret)
        assert (again.code, again.ran) == (0, []), again.stderr
        assert sent(server)["If-None-Match"] == '"one"'
        page.update(body=as_csv([*market(), MORE]).encode(), tag='"two"')
        changed = project.snakemake(env=secret)
        assert changed.ran == list(STEPS)
        assert receipt(project)["rows"] == 281
        assert receipt(project)["source"] == f"{server.uri}/prices.csv?apikey=${{PRICES_KEY}}"
        server.answers["/prices.csv"] = reply(b"no", 503)
        down = project.snakemake(env=secret)
        assert (down.code, down.ran) == (0, [])
        server.answers["/prices.csv"] = reply(b"no", 404)
        gone = project.snakemake(env=secret)
        assert gone.code == 1
        assert "404" in gone.stderr
        unset = project.snakemake()
        assert unset.code == 1
        assert "PRICES_KEY is not set" in unset.stderr
    written = everything_written(project, first, again, changed, down, gone, unset)
    assert not [content for content in written if CANARY.encode() in content]


def test_a_web_source_without_versions_is_read_once_to_compare_and_once_to_take_it_in(project):
    with serving({"/prices.csv": reply(as_csv(market()).encode())}) as server:
        project.configure(source={"uri": server.uri + "/prices.csv", "allow_hosts": ["127.0.0.1"]})
        project.snakemake()
        assert len(server.seen) == 2
        assert project.snakemake().ran == []
        assert len(server.seen) == 3


RAW = "results/prices_raw.json"


def test_a_folder_is_ingested_again_when_a_delivery_arrives(project):
    inbox = project.folder / "inbox"
    inbox.mkdir()
    (inbox / "day-9.csv").write_text(as_csv(market()))
    project.configure(source={"uri": "inbox"})
    assert project.snakemake(RAW).ran == ["ingest"]
    restated = market()[-1] | {"close": 12.5}
    (inbox / "day-10.csv").write_text(as_csv([MORE, restated]))
    assert project.snakemake(RAW).ran == ["ingest"]
    facts = receipt(project)
    assert [part["place"] for part in facts["deliveries"]] == [
        "inbox/day-9.csv",
        "inbox/day-10.csv",
    ]
    assert (facts["rows"], facts["records"]["rows"], facts["superseded"]) == (282, 281, 1)
    [entry] = orjson.loads((project.folder / "results" / "restatements.json").read_bytes())
    assert entry["new"] == 12.5
    assert project.snakemake(RAW).ran == []


def test_a_bucket_of_s3_is_ingested_again_when_an_object_changes(project, s3):
    bucket = f"bucket-{project.folder.parent.name.replace('_', '-').lower()}"[:60].rstrip("-")
    s3.put(bucket, {"in/day-1.csv": as_csv(market()).encode()})
    project.configure(source={"uri": f"s3://{bucket}/in/", "endpoint": s3.endpoint})
    keys = {"AWS_ACCESS_KEY_ID": s3.key, "AWS_SECRET_ACCESS_KEY": s3.secret}
    first = project.snakemake(RAW, env=keys)
    assert (first.code, first.ran) == (0, ["ingest"]), first.stderr
    again = project.snakemake(RAW, env=keys)
    assert (again.code, again.ran) == (0, [])
    s3.put(bucket, {"in/day-2.csv": as_csv([MORE]).encode()})
    assert project.snakemake(RAW, env=keys).ran == ["ingest"]
    assert receipt(project)["rows"] == 281
    written = everything_written(project, first, again)
    assert not [content for content in written if s3.secret.encode() in content]


def test_a_table_of_sqlite_is_ingested_again_when_a_row_changes(project):
    with sqlite3.connect(project.folder / "prices.db") as database:
        database.execute("create table prices (date text, symbol text, close real, volume int)")
        insert = "insert into prices values (:date, :symbol, :close, :volume)"
        database.executemany(insert, market())
    project.configure(source={"uri": "sqlite:///prices.db", "table": "prices"})
    outcome = project.snakemake(RAW)
    assert (outcome.code, outcome.ran) == (0, ["ingest"]), outcome.stderr
    assert project.snakemake(RAW).ran == []
    with sqlite3.connect(project.folder / "prices.db") as database:
        database.execute(insert, MORE)
    assert project.snakemake(RAW).ran == ["ingest"]
    assert receipt(project)["rows"] == 281
    assert receipt(project)["source"] == "sqlite:///prices.db#prices"


def test_a_query_of_postgresql_takes_its_password_from_the_environment(project, postgresql):
    table = f"prices_{abs(hash(project.folder))}"
    rows = ", ".join("('{date}', '{symbol}', {close}, {volume})".format(**row) for row in market())
    postgresql.execute(
        f"create table {table} (date date, symbol text, close numeric, volume bigint)",
        f"insert into {table} values {rows}",
    )
    project.configure(
        source={
            "uri": postgresql.uri(),
            "query": f"select * from {table} where date <= :day",
            "parameters": {"day": "2020-07-13"},
        }
    )
    secret = {"CANARY_PASSWORD": postgresql.password}
    first = project.snakemake(RAW, env=secret)
    assert (first.code, first.ran) == (0, ["ingest"]), first.stderr
    assert receipt(project)["rows"] == 278
    assert project.snakemake(RAW, env=secret).ran == []
    wrong = project.snakemake("--forceall", env={"CANARY_PASSWORD": CANARY})
    assert wrong.code == 1
    for hidden in (postgresql.password, CANARY):
        written = everything_written(project, first, wrong)
        assert not [content for content in written if hidden.encode() in content]


def test_a_source_file_may_have_any_odd_name(project):
    """Snakemake takes braces for wildcards, and text in angle brackets for a variable."""
    odd = "a b<c>{d}$(e)&;.csv"
    (project.folder / "data" / odd).write_text(as_csv(market()))
    project.configure(source={"uri": f"data/{odd}"})
    first = project.snakemake(RAW)
    assert (first.code, first.ran) == (0, ["ingest"]), first.stderr
    assert receipt(project)["source"] == f"data/{odd}"
    again = project.snakemake(RAW)
    assert (again.code, again.ran) == (0, []), again.stderr
    (project.folder / "data" / odd).write_text(as_csv([*market(), MORE]))
    assert project.snakemake(RAW).ran == ["ingest"]
    assert receipt(project)["rows"] == 281
