"""A new user's folder, described by one command and read with the config it wrote."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from conftest import Project, command, run_pricewright
from file_formats import excel, parquet
from web_server import reply, sent, serving

SYMBOLS = ("AAA", "BBB", "CCC")
TITLES = ["Date", "Symbol", "Open", "High", "Low", "Close", "Volume"]


def rows(month: int) -> list[list[object]]:
    """A month's prices: three symbols on ten days."""
    return [
        [f"2024-{month:02}-{day:02}", symbol, price, price + 1, price - 1, price, 100 * day]
        for day in range(10, 20)
        for symbol, price in zip(SYMBOLS, (10.25, 20.5, 30.75), strict=True)
    ]


def text(month: int, delimiter: str = ",") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows([TITLES, *rows(month)])
    return file.getvalue()


def columns(month: int) -> dict[str, list[object]]:
    return dict(zip(TITLES, map(list, zip(*rows(month), strict=True)), strict=True))


def side_by_side(month: int) -> str:
    """A column for each field and symbol under two header lines, as yfinance writes them."""
    found = rows(month)
    lines = [["Price", *["Close"] * 3, *["Volume"] * 3], ["Ticker", *SYMBOLS, *SYMBOLS]]
    for place in range(0, len(found), 3):
        day = found[place : place + 3]
        lines.append([day[0][0], *(row[5] for row in day), *(row[6] for row in day)])
    return "".join(",".join(map(str, line)) + "\n" for line in lines)


def records(month: int) -> str:
    names = [title.lower() for title in TITLES]
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows(month)])


def deliver(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write files into a folder or into folders below it."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def inbox(project: Project) -> Project:
    """A project with a folder of twelve deliveries in seven shapes, and other files beside them."""
    contents: dict[str, str | bytes] = {
        "01.csv": text(1),
        "02.csv": text(2),
        "03.csv": text(3, ";"),
        "04.json": records(4),
        "05.parquet": parquet(columns(5)),
        "06.parquet": parquet(columns(6)),
        "07.xlsx": excel(TITLES, *rows(7)),
        "08.csv.gz": gzip.compress(text(8).encode()),
        "09.csv": "# from the vendor\n# do not edit\n" + text(9),
        "10.txt": text(10, "\t"),
        "11.csv": side_by_side(11),
        "12.json": records(12),
        "README.md": "Prices.\n",
        "_SUCCESS": "",
    }
    deliver(project.folder / "inbox", contents)
    return project


def test_twelve_deliveries_of_seven_shapes_are_described_and_read_in_one_go(inbox):
    script = str(inbox.folder / "workflow/scripts/pricewright")
    told = command(script, "describe", "inbox", "--output", "mine.yaml", cwd=inbox.folder)
    assert told.code == 0, told.stderr
    assert told.stdout.startswith("mine.yaml has the config.\n")
    assert "needs a source of its own" not in told.stdout
    assert "left out: inbox/README.md" in told.stdout
    written = yaml.safe_load((inbox.folder / "mine.yaml").read_text())
    assert written == {"source": {"uri": "inbox"}}

    (inbox.folder / "config/config.yaml").write_text("{}\n")
    done = inbox.snakemake("results/prices_raw.json", "--configfile", "mine.yaml", "--cores", "1")
    assert done.code == 0, done.stderr
    receipt = json.loads((inbox.folder / "results/ingest.json").read_text())
    assert (receipt["rows"], receipt["kept"], receipt["quarantined"]) == (360, 360, {})
    assert sum(way["deliveries"] for way in receipt["read_as"]) == 12
    assert {way["kind"] for way in receipt["read_as"]} == {"text", "json", "parquet", "excel"}
    assert {way.get("delimiter") for way in receipt["read_as"]} == {",", ";", "\t", None}
    kept = json.loads((inbox.folder / "results/prices_raw.json").read_text())
    assert [(row["date"], row["symbol"], row["close"], row["volume"]) for row in kept] == sorted(
        [(row[0], row[1], row[5], row[6]) for month in range(1, 13) for row in rows(month)],
        key=lambda row: (row[1], row[0]),
    )


def asked(project, text, answers, uri="prices.csv"):
    """What `describe` says about a source on a terminal, on which these answers are typed."""
    deliver(project.folder, text if isinstance(text, dict) else {uri: text})
    script = project.folder / "workflow/scripts/pricewright"
    keyboard, terminal = os.openpty()
    os.write(keyboard, answers)
    done = subprocess.run(
        [sys.executable, script, "describe", uri],
        stdin=terminal,
        capture_output=True,
        text=True,
        cwd=project.folder,
        check=True,
    )
    for descriptor in (keyboard, terminal):
        os.close(descriptor)
    return done, yaml.safe_load(done.stdout.partition("\n\n")[0])["source"]


def test_describe_asks_on_a_terminal_if_two_readings_fit(project):
    text = "Date,Close\n01/02/2024,1\n02/02/2024,2\n"
    done, written = asked(project, text, b"7\n2\n")
    assert "prices.csv: choose source.date_formats: line 2 has 01/02/2024\n" in done.stderr
    assert done.stderr.count("a number, or nothing to leave it open: ") == 2
    assert written["date_formats"] == ["%m/%d/%Y"]
    assert "2 rows, 2 kept" in done.stdout


def test_describe_asks_again_after_an_unknown_name(project):
    text = "Date,Close\n2024-02-01T16:00:00-05:00,1\n2024-02-02T16:00:00-05:00,2\n"
    done, written = asked(project, text, b"Mars/Base\nAsia/Tokyo\n")
    assert "config key 'source.time_zone': found 'Mars/Base'" in done.stderr
    assert written["time_zone"] == "Asia/Tokyo"
    done, written = asked(project, text, b"\n")
    assert written["time_zone"] == "?"


def described(project, uri, contents):
    """What `describe` says of files that are delivered, and the source that it writes."""
    deliver(project.folder, contents)
    told = run_pricewright("describe", uri, cwd=project.folder)
    assert told.code == 0, told.stderr
    return told.stdout, yaml.safe_load(told.stdout.partition("\n\n")[0])["source"]


def test_files_named_by_dates_are_not_taken_for_symbols(project):
    names = ("kurse-2023.csv", "kurse-2024.csv", "dax-2024.csv")
    files = {
        f"in/{name}": f"Date,Close\n2024-01-0{number},1\n2024-01-1{number},2\n"
        for number, name in enumerate(names, 1)
    }
    told, source = described(project, "in/kurse-*", files)
    assert source["symbol"] == "kurse-2023"
    assert "needs a source of its own" not in told
    told, source = described(project, "in/*-*.csv", {})
    assert source["symbol"] == "{file}"
    assert "# the names of in/kurse-2023.csv and in/kurse-2024.csv differ only by dates or " in told


def test_files_of_a_day_each_show_together_that_a_session_begins_on_an_evening(project):
    files = {}
    for day in range(1, 15):  # 2024-01-01 is a Monday
        hours = {5: range(16), 6: (), 0: range(17, 24)}.get(day % 7, (*range(16), *range(17, 24)))
        lines = [f"2024-01-{day:02} {hour:02}:00,ES,{100 + hour}\n" for hour in hours]
        if lines:
            files[f"in/2024-01-{day:02}.csv"] = "".join(["Time,Symbol,Close\n", *lines])
    told, source = described(project, "in", files)
    assert source == {"uri": "in", "bars": "intraday", "session": "?"}
    assert "choose session: '17:00' or session: 00:00: bars begin on the evening before" in told
    assert "as on Sunday 2024-01-07" in told
    done, source = asked(project, {}, b"1\n", "in")
    assert "choose source.session: bars begin on the evening before" in done.stderr
    assert source == {"uri": "in", "bars": "intraday", "session": "17:00"}
    assert "in/2024-01-01.csv: 23 rows" in done.stdout


def test_what_would_be_lost_is_told_with_its_reason_and_an_example(project):
    lines = [f"2024-01-{day},A,{'n/k' if day == 13 else 5}\n" for day in range(10, 25)]
    told, _ = described(project, "p.csv", {"p.csv": "".join(["Date,Symbol,Close\n", *lines])})
    assert "p.csv: 15 rows, 14 kept, 1 quarantined\n" in told
    assert (
        "p.csv: 1 row lost as unreadable-number in column 'Close' (not a number), such as line 5: "
        "2024-01-13,A,n/k\n"
    ) in told


def test_series_that_name_their_own_column_are_read_as_one_source(project):
    columns = {"DGS2": "DGS2", "DGS10": "DGS10", "DGS30": "DGS30", "payments": "payment"}
    files = {
        f"in/{name}.csv": f"observation_date,{title}\n2024-01-10,1.5\n"
        for name, title in columns.items()
    }
    told, source = described(project, "in", files)
    assert (source["symbol"], source["columns"]) == ("{file}", {"close": 2})
    assert source["leave_out"] == ["payments.csv"]
    assert "differ only by" not in told


def test_files_that_differ_by_numbers_but_begin_on_one_day_are_asked_about(project):
    files = {f"in/ES{n}.csv": f"Date,Close\n2024-01-10,1.5\n2024-01-11,{n}\n" for n in (1, 2)}
    told, source = described(project, "in", files)
    assert source["symbol"] == "?"
    assert "choose symbol: '{file}' or symbol: ES1: the files begin on the same day" in told


def test_two_files_of_one_name_are_said_to_be_of_one_symbol(project):
    places = ("in/us/T.csv", "in/us/MSFT.csv", "in/ca/T.csv")
    files = dict.fromkeys(places, "Date,Close\n2024-01-10,1.5\n2024-01-11,2.5\n")
    told, _ = described(project, "in/*/*", files)
    assert "# in/ca/T.csv and in/us/T.csv are both of T by source.symbol" in told


def test_signs_of_the_first_file_are_asked_about_though_another_settles_its_dates(project):
    first = "Date,Close\n01/02/2024,1.5\n02/02/2024,-1.5\n"
    second = "Date,Close\n01/02/2024,1.5\n13/02/2024,1.5\n"
    _, source = described(project, "in", {"in/AA.csv": first, "in/BB.csv": second})
    assert source["date_formats"] == ["%d/%m/%Y"]
    assert source["prices"] == "?"


def test_later_files_settle_what_the_first_file_leaves_open(project):
    first = "Tag;Kurs\n01.02.2024;234,5\n02.02.2024;235,5\n"
    second = "Tag;Kurs\n01.02.2024;1.234,5\n02.02.2024;1.235,5\n"
    told, source = described(project, "?.csv", {"A.csv": first, "B.csv": second})
    assert source["thousands"] == "."
    assert "needs a source of its own" not in told
    first = "Date,Close\n01/02/2024,234.5\n02/02/2024,235.5\n"
    second = "Date,Close\n01/02/2024,1\n13/02/2024,1\n"
    told, _ = described(project, "?.csv", {"A.csv": first, "B.csv": second})
    assert "date_formats: ['%d/%m/%Y']   # line 2 has 01/02/2024" in told
    assert "choose" not in told


def test_files_with_timestamps_in_different_units_are_read_as_one_source(project):
    files = {}
    for year, unit in ((2024, 1_000), (2025, 1_000_000), (2026, 1_000_000)):
        first = int(datetime(year, 1, 10, tzinfo=UTC).timestamp())
        rows = (f"{(first + 86_400 * day) * unit},1.5,{day}.25,7.5\n" for day in range(5))
        files[f"in/BTCUSDT-1d-{year}.csv"] = "time,open,close,volume\n" + "".join(rows)
    told, source = described(project, "in", files)
    assert "needs a source of its own" not in told
    assert sorted(source["date_formats"]) == ["epoch-microseconds", "epoch-milliseconds"]


@pytest.mark.parametrize("switched", [False, True])
def test_files_whose_dates_would_not_follow_each_other_settle_nothing(project, switched):
    files = {}
    for day in (1, 2, 5, 6, 7, 13, 14):
        text = f"{day:02}/02/2024" if switched and day < 13 else f"02/{day:02}/2024"
        prices = "".join(f"{text},{name},{50 + day}.5\n" for name in ("AAA", "BBB", "CCC"))
        files[f"in/prices_202402{day:02}.csv"] = f"date,symbol,close\n{prices}"
    told, _ = described(project, "in", files)
    choices = "date_formats: ['%d/%m/%Y'] or date_formats: ['%m/%d/%Y']"
    is_open = f'date_formats: "?"   # choose {choices}' in told
    assert is_open == switched
    assert ("would not be the order of their dates" in told) == switched


DAYS = range(10, 20)
PRICES = "Date,Open,Close\n" + "".join(f"2024-01-{day},{day}.1,{day}.2\n" for day in DAYS)
BESIDE = {
    "AAA_notes.txt": "hello\n",
    "contact.json": '{"vendor":"x"}',
    "dividends.csv": "Date,Symbol,Dividend\n2024-01-10,AAA,0.24\n2024-01-12,BBB,0.25\n",
    "logo.png": b"\x89PNG\r\n\x1a\n",
    "notes.txt": "These are the prices\nthat Jim sent.\n",
    "symbols.csv": "Symbol,Name\nAAA,Alpha\n",
}


@pytest.mark.parametrize("files", [("AAA.csv", "EEE.csv", "ZZZ.csv"), ("prices.csv",)])
def test_other_files_beside_prices_are_named_and_left_out_by_the_written_config(project, files):
    deliver(project.folder / "in", dict.fromkeys(files, PRICES) | BESIDE)
    told = run_pricewright("describe", "in", "--output", "mine.yaml", cwd=project.folder)
    assert told.code == 0, told.stderr
    for name in BESIDE:
        assert f"left out: in/{name}, because " in told.stdout
    source = yaml.safe_load((project.folder / "mine.yaml").read_text())["source"]
    assert source["leave_out"] == sorted(BESIDE)
    assert source["symbol"] == ("{file}" if len(files) > 1 else "prices")
    (project.folder / "config/config.yaml").write_text("{}\n")
    done = project.snakemake("results/prices_raw.json", "--configfile", "mine.yaml", "--cores", "1")
    assert done.code == 0, done.stderr
    receipt = json.loads((project.folder / "results/ingest.json").read_text())
    assert [each["place"] for each in receipt["deliveries"]] == [f"in/{name}" for name in files]


def test_a_damaged_file_among_prices_is_named_but_not_left_out(project):
    content = gzip.compress(PRICES.encode())
    files = {"in/AAA.csv.gz": content, "in/BBB.csv.gz": content[:-9]}
    told, source = described(project, "in", files | {"in/CCC.zip": b"PK\x03\x04 and no more"})
    assert "another file cannot be read: in/BBB.csv.gz: the gzip file is cut off" in told
    assert "another file cannot be read: in/CCC.zip: the zip file is cut off" in told
    assert "deliver it again. Or list it in leave_out." in told
    assert "leave_out" not in source


def test_options_of_access_are_used_and_written_into_the_config(project, monkeypatch):
    monkeypatch.setenv("DESK_KEY", "hunter2hunter2")
    options = ("--allow-hosts", "127.0.0.1", "--timeout", "5", "--headers.X-Key")
    with serving({"/AAA.csv": reply(b"Date,Close\n2024-01-15,1.5\n2024-01-16,1.6\n")}) as server:
        uri = f"{server.uri}/AAA.csv"
        told = run_pricewright("describe", uri, cwd=project.folder)
        assert told.code == 1
        assert "if it may be asked, add the host to --allow-hosts." in told.stderr
        told = run_pricewright("describe", uri, *options, "hunter2", cwd=project.folder)
        assert "--headers.X-Key: it holds a plain secret; put it into an env" in told.stderr
        told = run_pricewright("describe", uri, *options, "${DESK_KEY}", cwd=project.folder)
        assert told.code == 0, told.stderr
        assert sent(server)["X-Key"] == "hunter2hunter2"
    assert "hunter2" not in told.stdout
    assert yaml.safe_load(told.stdout.partition("\n\n")[0])["source"] == {
        "uri": uri,
        "headers": {"X-Key": "${DESK_KEY}"},
        "allow_hosts": ["127.0.0.1"],
        "timeout": 5.0,
        "symbol": "AAA",
    }
    assert "allow_hosts: [127.0.0.1]   # as asked for" in told.stdout


def test_files_to_leave_out_are_given_together_with_those_that_hold_no_prices(project):
    files = {"in/AAA.csv": PRICES, "in/b.csv": "x\n1\n", "in/c.csv": "x\n1\n"}
    deliver(project.folder, files)
    told = run_pricewright("describe", "in", "--leave-out", "b*", cwd=project.folder)
    source = yaml.safe_load(told.stdout.partition("\n\n")[0])["source"]
    assert source["leave_out"] == ["b*", "c.csv"]
    told = run_pricewright("describe", "in", "--leave-out", "*", cwd=project.folder)
    assert told.stderr.endswith("in: --leave-out leaves out all of its files; correct it.\n")


def test_a_file_that_exists_is_not_overwritten(project):
    prices = project.folder / "prices.csv"
    prices.write_text("Date,Close\n2024-01-15,1.5\n")
    told = run_pricewright("describe", "prices.csv", "--output", "prices.csv", cwd=project.folder)
    assert told.code == 1
    assert "prices.csv: exists already; remove it, or name another file." in told.stderr
    assert prices.read_text().startswith("Date")
