import pytest

from pricewright.cleaning.options import FLAGS
from pricewright.reporting import data

JUMP = {"symbol": "A", "flag": "jump", "column": "close"}
QUALITY = {
    "flagged": [
        JUMP | {"date": "2020-02-03"},
        JUMP | {"date": "2020-04-01"},
        {"symbol": None, "date": "2020-03-02", "flag": "gap", "last": "2020-05-04", "days": 40},
    ]
}


def test_what_lasts_is_in_every_period_that_it_lasts():
    cells = data.flags_by_period(QUALITY, "2020-01-01", "2020-07-14")
    entries = {(cell["flag"], cell["period"]): cell["entries"] for cell in cells}
    months = [f"2020-0{month}" for month in range(1, 8)]
    assert [entries["gap", month] for month in months] == [0, 0, 1, 1, 1, 0, 0]
    assert [entries["jump", month] for month in months] == [0, 1, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("first", "last", "periods"), [("2000", "2013", "2000 Q1"), ("1950", "2020", "1950")]
)
def test_long_histories_are_taken_together(first, last, periods):
    entry = {"flag": "jump", "date": f"{first}-01-05"}
    cells = data.flags_by_period({"flagged": [entry]}, f"{first}-01-01", f"{last}-12-31")
    assert cells[0] == {"flag": "jump", "period": periods, "entries": 1}
    assert len(cells) <= 2 * data.MOST_PERIODS


def test_quarantined_rows_have_their_reasons_in_words_most_first():
    receipts = {"ingest": {"quarantined": {"conflict": 2, "sign": 3, "nul": 0}}}
    assert data.quarantine_counts({"receipts": receipts}) == [
        ("sign", 3, "a sign that is not allowed"),
        ("conflict", 2, "another row has different values for the same symbol and date"),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action": "set", "column": "close", "was": 1, "value": 2}, "close 1 set to 2"),
        ({"action": "split", "rows": 1200, "split": "2:1"}, "1,200 earlier rows adjusted"),
        (
            {"action": "requote", "rows": 9, "requote": "100:1"},
            "9 earlier rows converted to the new unit",
        ),
        ({"action": "rename", "rows": 1200, "to": "META"}, "1,200 earlier rows assigned to META"),
        ({"action": "delisted", "rows": 3}, "the last day; 3 later rows left out"),
        ({"action": "drop", "was": {}}, "the row left out"),
    ],
)
def test_a_declared_correction_says_what_it_did(change, words):
    change |= {"symbol": None, "date": "2020-01-02", "reason": "said so"}
    found = data.applied_corrections({"receipts": {"clean": {"corrections": [change]}}})
    assert words in found[0]["what"]
    assert (found[0]["symbol"], found[0]["reason"]) == ("", "said so")


MOVE = JUMP | {"date": "2020-02-03", "previous": 88.99, "price": 44.86}
SPLIT = MOVE | {"flag": "split-like", "split": "2:1"}


@pytest.mark.parametrize(
    ("entry", "date", "found"),
    [
        (MOVE, "2020-02-03", "close 88.99 to 44.86"),
        (SPLIT | {"confirmed": True}, "2020-02-03", "close 88.99 to 44.86, 2:1, as in adj_close"),
        (
            SPLIT | {"confirmed": False},
            "2020-02-03",
            "close 88.99 to 44.86, 2:1, not so in adj_close",
        ),
        (SPLIT | {"confirmed": None}, "2020-02-03", "close 88.99 to 44.86, 2:1"),
        (QUALITY["flagged"][2], "2020-03-02 to 2020-05-04", "40 days"),
        (
            JUMP | {"date": "2020-02-03", "price": 3, "proposal": "if A ended, declare it"},
            "2020-02-03",
            "close 3, if A ended, declare it",
        ),
        (
            JUMP | {"flag": "same-as", "date": "2020-02-03", "last": "2020-02-03", "other": "B"},
            "2020-02-03",
            "close, as B",
        ),
    ],
)
def test_a_flag_says_when_and_what_was_found(entry, date, found):
    symbol = entry["symbol"] or ""
    assert data.flags_by_gravity({"flagged": [entry]}) == [(symbol, date, entry["flag"], found)]


def test_the_gravest_flag_comes_first_and_among_equals_the_newest_by_its_last_day():
    holiday = {"symbol": "A", "flag": "holiday", "date": "2020-05-05"}
    slip = {"symbol": "A", "flag": data.SLIP, "date": "2019-01-01"}
    gap = QUALITY["flagged"][2]
    repeat = {"symbol": "A", "flag": "repeat", "date": "2018-01-03"}
    flagged = [holiday, gap | {"last": "2020-06-01"}, *QUALITY["flagged"][:2], repeat, slip]
    found = [(flag, date[:10]) for _, date, flag, _ in data.flags_by_gravity({"flagged": flagged})]
    assert found == [
        (data.SLIP, "2019-01-01"),
        ("jump", "2020-04-01"),
        ("jump", "2020-02-03"),
        ("repeat", "2018-01-03"),
        ("gap", "2020-03-02"),
        ("holiday", "2020-05-05"),
    ]


def test_every_grave_flag_is_one_that_cleaning_knows():
    assert set(data.GRAVEST) <= set(FLAGS)


def test_symbols_are_counted_among_the_rows_kept():
    came = {"source": "a.csv", "sha256": "0" * 64, "rows": 9, "symbols": 1, "quarantined": {}}
    came |= {"first_date": "2024-01-01", "last_date": "2024-01-02", "missing": {}}
    came |= dict.fromkeys(["left_out", "in_bars", "kept", "restated", "rescaled", "withdrawn"], 0)
    model = {"data": came, "receipts": {"ingest": came}}
    said = "9 rows; kept of them: 1 symbol, 2024-01-01 to 2024-01-02"
    assert dict(data.data_facts(model))["delivered"] == said
