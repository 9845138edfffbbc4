"""A table cleaned in parts is the table cleaned as a whole."""

from dataclasses import replace

import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clean_shard import clean_shard
from corrections import DROP, SET, SPLIT, delivered
from price_tables import write_table
from pricewright.cleaning.corrected_table import correct, join_parts, keep_part
from pricewright.files.errors import Refusal
from pricewright.tables import records as tables
from pricewright.tables import table_files
from pricewright.tables.records import Shard
from step_functions import clean


def in_parts(folder, raw, count, corrections=None):
    """The files that so many shards leave: `parts` and `part_receipts` of clean."""
    parts, receipts = [], []
    for number in range(1, count + 1):
        parts.append(folder / f"{number}.parquet")
        receipts.append(folder / f"{number}.json")
        clean_shard(
            raw, parts[-1], receipts[-1], shard=f"{number}-of-{count}", corrections=corrections
        )
    return {"parts": parts, "part_receipts": receipts}


def made(folder, raw, corrections=None, **options):
    """The bytes of all that clean writes; paths are the same each time."""
    output = folder / f"clean{raw.suffix}"
    receipt, quality = folder / "clean_receipt.json", folder / "quality.json"
    clean(raw, output, receipt=receipt, quality=quality, corrections=corrections, **options)
    return [file.read_bytes() for file in (output, receipt, quality)]


def same(folder, table, corrections=None, suffix=".json", **options):
    """Whether 1, 2 and 5 shards make the same bytes of a table as none."""
    raw = folder / f"raw{suffix}"
    write_table(raw, table)
    whole = made(folder, raw, corrections, **options)
    return all(
        made(folder, raw, corrections, **in_parts(folder, raw, count, corrections), **options)
        == whole
        for count in (1, 2, 5)
    )


def market(symbols=6, days=30):
    dates = pd.bdate_range("2024-01-01", periods=days).strftime("%Y-%m-%d")
    rows = [
        {"date": day, "symbol": f"S{number}", "close": 10.0 + number + place % 3, "volume": 100}
        for place, day in enumerate(dates)
        for number in range(symbols)
    ]
    return pd.DataFrame(rows).astype({"volume": "Int64"})


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_any_number_of_shards_cleans_a_delivery_to_the_same_bytes(tmp_path, suffix):
    assert same(tmp_path, market(), suffix=suffix)


@pytest.mark.parametrize("missing", ["zero", "ffill", "drop"])
def test_what_is_missing_is_settled_alike(tmp_path, missing):
    table = market()
    table.loc[[0, 7, 8, 40], "close"] = None
    table.loc[[3, 9], "volume"] = pd.NA
    assert same(tmp_path, table, missing_price=missing, missing_volume=missing)


def test_symbols_that_are_each_others_twins_are_found_though_in_two_shards(tmp_path):
    table = market(2, 60)
    table["close"] = [50 + 0.37 * (place // 2 % 17) for place in range(len(table))]
    raw = tmp_path / "raw.json"
    write_table(raw, table)
    quality = orjson.loads(made(tmp_path, raw, **in_parts(tmp_path, raw, 2))[2])
    assert quality["flags"]["same-as"] == 1
    assert same(tmp_path, table)


@pytest.mark.parametrize("text", [SET, SPLIT, DROP, DROP + SPLIT + SET])
def test_corrections_are_those_of_the_whole_and_in_their_order(tmp_path, text):
    corrections = tmp_path / "corrections.yaml"
    corrections.write_text(text)
    assert same(tmp_path, delivered(), corrections, missing_price="ffill")


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_symbol_is_renamed_though_its_new_name_is_in_another_shard(tmp_path, suffix):
    table = market(8)
    days = sorted(set(table["date"]))
    old = table["symbol"].isin(["S1", "S4"]) & (table["date"] >= days[10])
    new = table["symbol"].isin(["S2", "S5"]) & (table["date"] < days[10])
    corrections = tmp_path / "corrections.yaml"
    corrections.write_text(
        f"- {{symbol: S4, date: {days[10]}, rename: S5, reason: called so since}}\n"
        f"- {{symbol: S1, date: {days[10]}, rename: S2, reason: called so since}}\n"
        "- {symbol: S3, rename: OURS, reason: how the vendor calls it}\n"
        f"- {{symbol: OURS, date: {days[9]}, split: 2:1, was: {10 + 3 + 8 % 3}, reason: r}}\n"
        f"- {{symbol: S5, date: {days[-1]}, delisted: true, reason: bought}}\n"
    )
    assert same(tmp_path, table[~old & ~new].reset_index(drop=True), corrections, suffix)


def test_a_column_that_a_correction_gives_fractions_has_them_in_all_parts(tmp_path):
    """Prices that are all whole are whole numbers, until one is corrected by half."""
    rows = [
        {"date": day, "symbol": symbol, "close": 5}
        for symbol in ("A", "B", "C")
        for day in ("2024-01-02", "2024-01-03")
    ]
    raw = tmp_path / "raw.json"
    write_table(raw, pd.DataFrame(rows).astype({"close": "Int64"}))
    corrections = tmp_path / "corrections.yaml"
    corrections.write_text(
        "- {symbol: A, date: 2024-01-02, column: close, was: 5, value: 5.5, reason: half}\n"
        "- {symbol: B, date: 2024-01-03, drop: true, reason: a bank holiday}\n"
    )
    whole = made(tmp_path, raw, corrections)
    assert made(tmp_path, raw, corrections, **in_parts(tmp_path, raw, 3, corrections)) == whole
    assert b'"close": 5.0' in whole[0]


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_single_series_is_the_first_shards(tmp_path, suffix):
    table = market(1).drop(columns="symbol")
    corrections = tmp_path / "corrections.yaml"
    corrections.write_text("- {date: 2024-01-03, drop: true, reason: a bank holiday}\n")
    assert same(tmp_path, table, corrections, suffix=suffix)
    assert same(tmp_path, table[::-1], corrections, suffix=suffix)  # in any order


def test_no_records_are_no_records(tmp_path):
    assert same(tmp_path, market()[:0], suffix=".parquet")
    assert same(tmp_path, market()[:0])


def refusals(folder, raw, count, corrections=None):
    """What each shard says that ends in a refusal."""
    said = []
    for number in range(1, count + 1):
        try:
            correct(raw, corrections, Shard(number, count))
        except Refusal as refusal:
            said.append(str(refusal))
    return said


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
@pytest.mark.parametrize("column", ["symbol", "date"])
def test_a_record_without_its_keys_is_refused_by_its_number_in_the_whole(tmp_path, suffix, column):
    table = market()
    table.loc[17, column] = None
    raw = tmp_path / f"raw{suffix}"
    write_table(raw, table)
    with pytest.raises(Refusal) as refusal:
        correct(raw, None)
    assert refusals(tmp_path, raw, 3) == [str(refusal.value)]
    assert "record 18 has no" in str(refusal.value)


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_records_that_disagree_are_refused_by_their_numbers_in_the_whole(tmp_path, suffix):
    table = market()
    other = table.iloc[[9]].assign(close=99.0)
    raw = tmp_path / f"raw{suffix}"
    write_table(raw, pd.concat([table, other], ignore_index=True))
    with pytest.raises(Refusal) as refusal:
        correct(raw, None)
    assert refusals(tmp_path, raw, 4) == [str(refusal.value)]
    assert f"records 10 and {len(table) + 1} disagree" in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "- {symbol: NOBODY, date: 2024-01-03, drop: true, reason: r}\n",
        "- {date: 2024-01-03, drop: true, reason: r}\n",
        "- {symbol: NOBODY, rename: S1, reason: r}\n",
        "- {symbol: NOBODY, date: 2024-01-03, rename: S1, reason: r}\n",
    ],
)
def test_a_correction_of_nobody_is_refused(tmp_path, text):
    raw, corrections = tmp_path / "raw.json", tmp_path / "corrections.yaml"
    write_table(raw, market())
    corrections.write_text(text)
    with pytest.raises(Refusal) as refusal:
        correct(raw, corrections)
    said = refusals(tmp_path, raw, 3, corrections)
    assert said
    assert set(said) == {str(refusal.value)}


def test_parts_of_other_prices_are_refused(tmp_path):
    raw = tmp_path / "raw.json"
    write_table(raw, market())
    files = in_parts(tmp_path, raw, 2)
    part = correct(raw, None, Shard(2, 2))
    keep_part(files["parts"][1], files["part_receipts"][1], replace(part, sha256="0" * 64))
    with pytest.raises(Refusal, match=r"2\.json: was not made from .*raw\.json; run its"):
        join_parts(raw, files["parts"], files["part_receipts"])


def test_a_missing_part_is_refused_because_rows_would_be_lost(tmp_path):
    raw = tmp_path / "raw.json"
    write_table(raw, market(symbols=6, days=30))
    files = in_parts(tmp_path, raw, 3)
    with pytest.raises(Refusal, match=r"raw\.json: has 180 rows, but .* were made from 120; run"):
        join_parts(raw, files["parts"][:2], files["part_receipts"][:2])


cells = st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-5, 5))
rows = st.lists(
    st.tuples(st.integers(1, 28), st.sampled_from(["A", "B", "C", "Ä", "a"]), cells, cells),
    max_size=30,
    unique_by=lambda row: row[:2],
)


@given(rows=rows, count=st.integers(1, 6))
def test_whatever_the_table_the_parts_are_the_whole(tmp_path_factory, rows, count):
    folder = tmp_path_factory.mktemp("parts")
    raw = folder / "raw.json"
    records = [
        {"date": f"2024-02-{day:02}", "symbol": symbol, "close": close, "extra": extra}
        for day, symbol, close, extra in rows
    ]
    raw.write_bytes(orjson.dumps(records))
    whole = correct(raw, None)
    files = in_parts(folder, raw, count)
    together = join_parts(raw, files["parts"], files["part_receipts"])
    assert (together.rows, together.distinct) == (whole.rows, whole.distinct)
    one, other = folder / "one.json", folder / "other.json"
    for path, table in ((one, whole), (other, together)):
        tables.write_table(path, table.schema, table.groups())
    assert one.read_bytes() == other.read_bytes()


def test_shards_that_read_row_groups_of_other_prices_are_refused(tmp_path, monkeypatch):
    """Though each has read and hashed but its own, and the rows are as many."""
    monkeypatch.setattr(table_files, "ROW_GROUP", 60)
    table = market().sort_values(["symbol", "date"])
    raw = tmp_path / "raw.parquet"
    write_table(raw, table)
    before = in_parts(tmp_path, raw, 3)
    receipts = [orjson.loads(receipt.read_bytes()) for receipt in before["part_receipts"]]
    assert [receipt["row_groups"] for receipt in receipts] == [[0], [1], [2]]
    made(tmp_path, raw, **before)
    table.loc[table["symbol"] == "S5", "close"] += 1.0
    write_table(raw, table)
    with pytest.raises(Refusal, match=r"1\.json: was not made from .*raw\.parquet; run its"):
        join_parts(raw, before["parts"], before["part_receipts"])
    (tmp_path / "again").mkdir()
    again = in_parts(tmp_path / "again", raw, 3)
    mixed = [*again["part_receipts"][:2], before["part_receipts"][2]]
    with pytest.raises(Refusal, match=r"3\.json: was not made from .*raw\.parquet; run its"):
        join_parts(raw, again["parts"], mixed)
