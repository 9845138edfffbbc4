"""The ingest step as a whole: what it writes, keeps and logs."""

import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

import ingest as script
from conftest import ROOT, as_csv, market
from pricewright.files.errors import Refusal
from pricewright.intake import deliveries, intake
from pricewright.signoffs import ledger
from pricewright.tables.records import read_table
from step_functions import ingest


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prices.csv").write_text(as_csv(market()))
    return tmp_path


def load(path):
    return orjson.loads(path.read_bytes())


def test_the_receipt_lists_deliveries_and_their_rows_without_the_time_of_day(desk):
    ingest("prices.csv", desk / "raw.json", receipt=desk / "receipt.json")
    receipt = load(desk / "receipt.json")
    assert list(receipt) == [
        *("source", "sha256", "bytes", "rows", "left_out", "in_bars", "kept", "quarantined"),
        *(
            "missing",
            "newest_lost",
            "last_bar_lost",
            "superseded",
            "restated",
            "rescaled",
            "withdrawn",
            "not_compared",
            "symbols",
            "first_date",
            "last_date",
        ),
        *("read_as", "deliveries", "earlier", "records"),
    ]
    assert receipt["source"] == "prices.csv"
    assert receipt["bytes"] == (desk / "prices.csv").stat().st_size
    assert (receipt["rows"], receipt["kept"], receipt["symbols"]) == (280, 280, 2)
    assert (receipt["first_date"], receipt["last_date"]) == ("2020-01-01", "2020-07-14")
    kept = desk / "data" / "received" / receipt["sha256"]
    assert kept.read_bytes() == (desk / "prices.csv").read_bytes()


def test_a_row_in_a_file_of_ones_own_resolves_a_conflict_that_stays_in_the_quarantine(desk):
    (desk / "in").mkdir()
    head, *rows = as_csv(market()).splitlines()
    other = rows[-1].replace(rows[-1].split(",")[2], "9")
    (desk / "in" / "prices.csv").write_text("\n".join([head, *rows, other]))
    ingest("in", desk / "raw.json", receipt=desk / "receipt.json")
    receipt = load(desk / "receipt.json")
    assert (receipt["kept"], list(receipt["newest_lost"])) == (279, ["S1"])
    (desk / "in" / "resolved.csv").write_text("\n".join([head, rows[-1]]))
    ingest("in", desk / "raw.json", receipt=desk / "receipt.json")
    receipt = load(desk / "receipt.json")
    assert (receipt["kept"], receipt["quarantined"]) == (280, {"conflict": 2})
    assert receipt["newest_lost"] == {}


def test_a_newest_row_that_is_lost_in_a_file_of_its_own_day_counts_until_it_is_delivered(desk):
    (desk / "in").mkdir()
    head, *rows = as_csv(market()).splitlines()
    (desk / "in" / "1.csv").write_text("\n".join([head, *rows[:-2]]))
    lost = rows[-1].replace(rows[-1].split(",")[2], "bad")
    (desk / "in" / "2.csv").write_text("\n".join([head, rows[-2], lost]))
    other = "2020-07-14,NEW,bad" + "," * (head.count(",") - 2)
    (desk / "in" / "3.csv").write_text("\n".join([head, rows[0].replace("S0", "S9"), other]))
    ingest("in", desk / "raw.json", receipt=desk / "receipt.json")
    receipt = load(desk / "receipt.json")
    assert (receipt["kept"], receipt["newest_lost"]) == (280, {"S1": "2020-07-14"})
    (desk / "in" / "4.csv").write_text("\n".join([head, rows[-1]]))
    ingest("in", desk / "raw.json", receipt=desk / "receipt.json")
    assert load(desk / "receipt.json")["newest_lost"] == {}


def test_delivered_rows_are_those_left_out_in_daily_bars_and_quarantined(desk):
    rows = [
        f"{record['date']} {hour:02}:00,{record['symbol']},{series},{record['close'] + hour}"
        for record in market()
        for hour in (9, 12, 15)
        for series in ("EQ", "BE")
    ]
    rows[-2] = rows[-2].replace(",EQ,", ",EQ,x")
    (desk / "prices.csv").write_text("\n".join(["Date,Symbol,SERIES,Close", *rows]))
    options = {"bars": "intraday", "where": {"SERIES": ["EQ"]}}
    for _ in range(2):
        ingest("prices.csv", desk / "raw.json", receipt=desk / "receipt.json", **options)
    receipt = load(desk / "receipt.json")
    counts = [receipt[name] for name in ("rows", "left_out", "in_bars", "kept")]
    assert counts == [1680, 840, 839, 280]
    assert receipt["quarantined"] == {"unreadable-number": 1}
    [delivery] = receipt["deliveries"]
    assert [delivery[name] for name in ("rows", "left_out", "in_bars", "kept")] == counts
    closes = {(row["date"], row["symbol"]): row["close"] for row in load(desk / "raw.json")}
    first = market()[0]
    assert closes[first["date"], first["symbol"]] == first["close"] + 15
    (desk / "prices.csv").write_text("\n".join(["Date,Symbol,SERIES,Close", *rows[:1400]]))
    with pytest.raises(Refusal, match=r"700 of its 1400 rows can be kept, but the .* had 839;"):
        ingest("prices.csv", desk / "raw.json", max_shrink=0.1, **options)


def test_a_lost_or_changed_archive_is_warned_of_while_the_ledger_knows_it(desk, caplog):
    def warnings_of(uri):
        caplog.clear()
        ingest(uri, desk / "raw.json", project=desk)
        return [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]

    assert warnings_of("prices.csv") == warnings_of("prices.csv") == []
    [line] = ledger.read(desk / "ledger")
    assert line.fields["deliveries"][0]["place"] == "prices.csv"
    (desk / "prices.csv").write_text(as_csv(market()[:-1]))
    assert warnings_of("prices.csv") == []
    shutil.copy("prices.csv", "other.csv")
    assert warnings_of("other.csv") == []
    for path in Path("data/received").glob("prices-csv-*"):
        shutil.rmtree(path)
    [warning] = warnings_of("prices.csv")
    assert re.fullmatch(
        r"data/received/prices-csv-\w+: lacks what the ledger says was received on \S+ "
        r"\(line 1\), or was changed; restore the folder from a backup\.",
        warning,
    )


def test_the_same_delivery_again_writes_the_same_bytes(desk):
    outputs = {name: desk / f"{name}.json" for name in ("receipt", "quarantine", "restatements")}
    ingest("prices.csv", desk / "raw.json", **outputs)
    before = {path: path.read_bytes() for path in (desk / "raw.json", *outputs.values())}
    ingest("prices.csv", desk / "raw.json", **outputs)
    assert {path: path.read_bytes() for path in before} == before


def test_restated_and_withdrawn_prices_are_listed(desk):
    records = market()
    ingest("prices.csv", desk / "raw.json")
    later = [records[0] | {"close": 99.5}, *records[2:]]
    (desk / "prices.csv").write_text(as_csv(later))
    outputs = {name: desk / f"{name}.json" for name in ("receipt", "restatements")}
    ingest("prices.csv", desk / "raw.json", **outputs)
    receipt, [restated, withdrawn] = map(load, outputs.values())
    assert (receipt["restated"], receipt["withdrawn"], receipt["rows"]) == (1, 1, 279)
    assert (restated["old"], restated["new"]) == (records[0]["close"], 99.5)
    assert withdrawn["date"] == records[1]["date"]
    digests = [receipt["earlier"][0]["sha256"], receipt["sha256"]]
    assert [restated["old_sha256"], restated["new_sha256"]] == digests


def test_a_name_that_ends_in_parquet_is_written_as_parquet(desk):
    ingest("prices.csv", desk / "raw.json")
    ingest("prices.csv", desk / "raw.parquet")
    assert (desk / "raw.parquet").read_bytes()[:4] == b"PAR1"
    assert read_table(desk / "raw.parquet")[0].equals(read_table(desk / "raw.json")[0])


def test_the_docs_recommend_parquet_from_the_same_number_of_rows_as_the_code():
    assert f"Use Parquet from {script.MANY:,} rows" in (ROOT / "config/README.md").read_text()


@pytest.mark.parametrize("mode", ["parts", "append"])
def test_many_small_files_are_read_only_once_and_make_the_same_bytes(
    desk, monkeypatch, files_read, mode
):
    names = [f"in/{number:02}.csv" for number in range(8)]
    (desk / "in").mkdir()
    for place, name in enumerate(names):
        (desk / name).write_text(as_csv(market()[place * 30 : place * 30 + 30]))
    snapshots, outputs = desk / "data/received", {"receipt": desk / "receipt.json"}
    monkeypatch.setattr(deliveries, "SNAPSHOT_FROM_FILES", 9)
    ingest("in", desk / "raw.json", deliveries=mode)
    assert not list(snapshots.glob("*/snapshot"))
    monkeypatch.setattr(deliveries, "SNAPSHOT_FROM_FILES", 8)
    ingest("in", desk / "raw.json", deliveries=mode)
    (desk / "in/new.csv").write_text(as_csv(market()[240:]))
    ingest("in", desk / "raw.json", deliveries=mode, **outputs)
    assert files_read == [*names, *names, "in/new.csv"]
    before = {path: path.read_bytes() for path in (desk / "raw.json", *outputs.values())}
    (kept,) = snapshots.glob("*/snapshot")
    shutil.rmtree(kept)
    ingest("in", desk / "raw.json", deliveries=mode, **outputs)
    assert {path: path.read_bytes() for path in before} == before


def test_the_docs_state_when_only_new_rows_are_read():
    said = " ".join((ROOT / "docs/prices.md").read_text().split())
    rows, files = deliveries.SNAPSHOT_FROM, deliveries.SNAPSHOT_FROM_FILES
    assert f"From {rows:,} rows or {files} files on, only the new and changed files" in said


def test_parquet_is_recommended_once_for_many_rows_in_json(desk, caplog, monkeypatch):
    monkeypatch.setattr(script, "MANY", 280)
    caplog.set_level(logging.INFO, "pricewright")
    ingest("prices.csv", desk / "raw.json")
    assert [record.message for record in caplog.records if "parquet" in record.message] == [
        "recommend format: parquet (JSON is slow and large)"
    ]
    caplog.clear()
    ingest("prices.csv", desk / "raw.parquet")
    monkeypatch.setattr(script, "MANY", 281)
    ingest("prices.csv", desk / "raw.json")
    assert not [record for record in caplog.records if "recommend" in record.message]


@pytest.mark.parametrize("off", [{"rows": 1}, {"kept": -1}, {"rows": -1, "kept": -1}])
def test_a_receipt_that_does_not_add_up_ends_the_step(desk, monkeypatch, off):
    def miscounted(*arguments):
        facts = original(*arguments)
        return facts | {name: facts[name] + by for name, by in off.items()}

    original = intake._facts
    monkeypatch.setattr(intake, "_facts", miscounted)
    with pytest.raises(AssertionError, match="the sum is off"):
        ingest("prices.csv", desk / "raw.json")
    assert not (desk / "raw.json").exists()


def test_a_reader_that_loses_a_row_ends_the_step(desk, monkeypatch):
    def forgetful(parts, *rest):
        prices, lost = original(parts, *rest)
        columns = {name: column[1:] for name, column in prices.values.items()}
        shorter = replace(prices, symbols=prices.symbols[1:], days=prices.days[1:], values=columns)
        return shorter, lost

    from pricewright.intake.reading import delivery

    original = delivery.in_order
    monkeypatch.setattr(delivery, "in_order", forgetful)
    with pytest.raises(AssertionError, match="280 rows were delivered, 279 kept and 0 quarantined"):
        ingest("prices.csv", desk / "raw.json")


def test_a_folder_is_read_as_parts_and_a_file_as_the_whole(desk):
    records = market()
    (desk / "in").mkdir()
    (desk / "in" / "a.csv").write_text(as_csv(records[:140]))
    (desk / "in" / "b.csv").write_text(as_csv(records[140:]))
    ingest("prices.csv", desk / "whole.json")
    ingest("in", desk / "parts.json", receipt=desk / "receipt.json")
    assert (desk / "parts.json").read_bytes() == (desk / "whole.json").read_bytes()
    receipt = load(desk / "receipt.json")
    assert [part["place"] for part in receipt["deliveries"]] == ["in/a.csv", "in/b.csv"]
    assert receipt["rows"] == sum(part["rows"] for part in receipt["deliveries"]) == 280
    shutil.rmtree("in")  # as when a release is rebuilt, which does not query the source
    ingest("in", desk / "again.json", receipt=desk / "again_receipt.json", ask=False)
    assert (desk / "again.json").read_bytes() == (desk / "parts.json").read_bytes()
    assert load(desk / "again_receipt.json")["deliveries"] == receipt["deliveries"]


def test_a_file_that_had_prices_and_is_now_empty_is_refused(desk):
    (desk / "in").mkdir()
    for name, records in (("a.csv", market()[:140]), ("b.csv", market()[140:])):
        (desk / "in" / name).write_text(as_csv(records))
    (desk / "in" / "new.csv").touch()
    ingest("in", desk / "raw.json")
    (desk / "in" / "b.csv").write_text("")
    with pytest.raises(Refusal, match=r"in/b\.csv: is empty but had prices before; deliver"):
        ingest("in", desk / "raw.json")
    (desk / "in" / "b.csv").unlink()
    ingest("in", desk / "raw.json")
    assert len(load(desk / "raw.json")) == 280


def test_a_plain_text_secret_is_refused_before_anything_is_logged(desk, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Refusal, match="found 'password' in plain text"):
        ingest("https://user:hunter2@host/prices.csv", desk / "raw.json")
    assert "hunter2" not in caplog.text


def test_a_day_cut_between_files_whose_last_part_is_lost_is_named_as_in_one_file(desk):
    morning = "date,symbol,close\n" + "".join(
        f"2026-03-0{day} 09:00,{symbol},100\n" for day in (4, 5) for symbol in ("ES", "NQ")
    )
    rest = "2026-03-05 15:00,ES,#REF!\n2026-03-06 09:00,ES,104\n2026-03-05 15:00,NQ,102\n"
    apart, in_one = [morning, f"date,symbol,close\n{rest}"], [morning + rest]
    terms = {"bars": "intraday", "max_quarantined": 0.5}
    for name, files in (("apart", apart), ("in_one", in_one)):
        (desk / name).mkdir()
        for number, text in enumerate(files):
            (desk / name / f"{number}.csv").write_text(text)
        ingest(name, desk / "raw.json", receipt=desk / "receipt.json", **terms)
        receipt = load(desk / "receipt.json")
        assert (receipt["newest_lost"], receipt["last_bar_lost"]) == ({}, {"ES": ["2026-03-05"]})
