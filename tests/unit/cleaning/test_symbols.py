"""What happens to symbols, as it is declared: renamed, delisted, quoted in another unit."""

import numpy as np
import pandas as pd
import pytest

from corrections import DATES, SET, SPLIT, column, corrected, delivered
from price_tables import WEEKDAYS, entry, flags, market, series, values
from pricewright.cleaning.declarations import read_corrections
from pricewright.files.errors import Refusal


def histories(**closes):
    """Symbols of four days, None where one has no row."""
    rows = [
        {"date": date, "symbol": symbol, "close": close}
        for symbol, prices in sorted(closes.items())
        for date, close in zip(DATES, prices, strict=True)
        if close is not None
    ]
    return pd.DataFrame(rows)


OLD, NEW = (1.0, 2.0, None, None), (None, None, 3.0, 4.0)
RENAME = "- {symbol: FB, date: 2024-01-04, rename: META, reason: called so since}\n"


def test_a_renamed_symbol_has_one_history_under_its_new_name():
    table, changes = corrected(RENAME, histories(FB=OLD, META=NEW, A=(9.0,) * 4))
    pd.testing.assert_frame_equal(table, histories(A=(9.0,) * 4, META=(1.0, 2.0, 3.0, 4.0)))
    assert changes == [
        {
            "line": 1,
            "action": "rename",
            "symbol": "FB",
            "date": "2024-01-04",
            "to": "META",
            "rows": 2,
            "first": "2024-01-02",
            "last": "2024-01-03",
            "reason": "called so since",
        }
    ]


@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_the_kind_of_the_symbols_stays(kind):
    table = histories(FB=OLD, META=NEW).astype({"symbol": kind})
    renamed, _ = corrected(RENAME, table)
    assert renamed["symbol"].dtype == ("category" if kind == "category" else table["symbol"].dtype)
    assert renamed["symbol"].tolist() == ["META"] * 4


def test_a_name_that_another_had_before_and_that_another_has_since_stays_theirs():
    """META was a fund's until 2022, and FB may be anyone's since."""
    fund = "- {symbol: META, date: 2024-01-03, rename: METV, reason: the fund}\n"
    later = (8.0, 8.0)
    table = histories(FB=(1.0, 2.0, *later), META=(7.0, None, 3.0, 4.0), METV=(None, 7.0, 7.0, 7.0))
    for text in (fund + RENAME, RENAME + fund):
        renamed, _ = corrected(text, table)
        assert column(renamed, "close", "FB") == [*later]
        assert column(renamed, "close", "META") == [1.0, 2.0, 3.0, 4.0]
        assert column(renamed, "close", "METV") == [7.0] * 4


def test_a_vendors_symbol_is_mapped_to_ours_with_all_that_it_has():
    text = "- {symbol: BRK-B.US, rename: BRK.B, reason: how the vendor calls it}\n"
    table, changes = corrected(text, histories(**{"BRK-B.US": (1.0, 2.0, 3.0, 4.0)}))
    assert column(table, "close", "BRK.B") == [1.0, 2.0, 3.0, 4.0]
    assert (changes[0]["date"], changes[0]["rows"]) == (None, 4)


@pytest.mark.parametrize("names", ["FB META", "FB.US META", "FB META.US", "FB.US META.US"])
def test_a_vendors_symbols_can_be_mapped_and_renamed_by_either_name(names):
    old, new = names.split()
    text = (
        f"- {{symbol: {old}, date: 2024-01-04, rename: {new}, reason: called so since}}\n"
        "- {symbol: META.US, rename: META, reason: how the vendor calls it}\n"
    )
    if old == "FB":
        text += "- {symbol: FB.US, rename: FB, reason: how the vendor calls it}\n"
    table, _ = corrected(text, histories(**{"FB.US": OLD, "META.US": NEW}))
    assert column(table, "close", "META") == [1.0, 2.0, 3.0, 4.0]
    assert len(table) == 4


def test_a_renamed_symbols_rows_are_corrected_by_either_name():
    for symbol in ("FB", "META"):
        row = f"- {{symbol: {symbol}, date: 2024-01-03, reason: r, "
        value, split = row + "column: close, was: 2, value: 5}\n", row + "split: 2:1, was: 1}\n"
        table, _ = corrected(value + RENAME + split, histories(FB=OLD, META=NEW))
        assert column(table, "close", "META") == [0.5, 5.0, 3.0, 4.0]


def test_a_split_after_it_was_renamed_adjusts_what_it_had_before():
    split = '- {symbol: META, date: 2024-01-05, split: "2:1", was: 3, reason: r}\n'
    table, changes = corrected(RENAME + split, histories(FB=OLD, META=NEW))
    assert column(table, "close", "META") == [0.5, 1.0, 1.5, 4.0]
    assert (changes[1]["rows"], changes[1]["first"]) == (3, "2024-01-02")


@pytest.mark.parametrize(
    ("text", "closes", "sentence"),
    [
        (RENAME, {"META": NEW}, r"raw\.json has no row of FB before 2024-01-04; correct"),
        (RENAME, {"FB": NEW, "META": NEW}, r"raw\.json has no row of FB before 2024-01-04; corr"),
        (RENAME, {"FB": OLD}, r"META on 2024-01-04 is not in raw\.json; name a row"),
        (
            RENAME,
            {"FB": OLD, "META": (None, 5.0, 3.0, 4.0)},
            r"both META and FB have a row on 2024-01-03; correct the date",
        ),
        (
            "- {symbol: X, rename: META, reason: r}\n",
            {"META": NEW},
            r"raw\.json has no row of X; correct the symbol",
        ),
        (
            "- {symbol: FB, rename: META, reason: r}\n",
            {"FB": NEW, "META": NEW},
            r"both META and FB have a row on 2024-01-04",
        ),
    ],
)
def test_a_rename_that_does_not_fit_the_delivery_is_refused_in_a_sentence(text, closes, sentence):
    with pytest.raises(Refusal, match=rf"^c\.yaml:1: {sentence}"):
        corrected(text, histories(**closes))


def test_a_vendor_that_delivers_all_under_the_new_name_later_makes_the_rename_refuse():
    once, _ = corrected(RENAME, histories(FB=OLD, META=NEW))
    with pytest.raises(Refusal, match=r"raw\.json has no row of FB before 2024-01-04"):
        corrected(RENAME, once)


END = "- {symbol: B, date: 2024-01-03, delisted: true, reason: bought}\n"


def test_a_delisted_symbol_keeps_its_history_and_what_fills_in_its_price_later_is_left_out():
    table, changes = corrected(END, histories(A=(1.0,) * 4, B=(7.0, 5.0, 5.0, float("nan"))))
    assert column(table, "close", "B") == [7.0, 5.0]
    assert column(table, "close", "A") == [1.0] * 4
    assert changes == [
        {
            "line": 1,
            "action": "delisted",
            "symbol": "B",
            "date": "2024-01-03",
            "rows": 2,
            "reason": "bought",
        }
    ]
    assert corrected(END, histories(A=(1.0,) * 4, B=OLD))[1][0]["rows"] == 0


def test_a_delisted_symbol_that_has_another_price_later_is_refused():
    sentence = r"^c\.yaml:1: B has another price on 2024-01-05, after its last day 2024-01-03; corr"
    with pytest.raises(Refusal, match=sentence):
        corrected(END, histories(B=(7.0, 5.0, 5.0, 6.0)))
    with pytest.raises(Refusal, match=r"B on 2024-01-03 is not in raw\.json"):
        corrected(END, histories(B=(7.0, None, None, None)))
    with pytest.raises(Refusal, match=r"c\.yaml:2: B on 2024-01-04 is already corrected in line 1"):
        corrected(END + END.replace("01-03", "01-04"), histories(B=(7.0, 5.0, 5.0, 5.0)))


def test_a_renamed_symbol_that_is_delisted_is_so_by_its_new_name():
    text = RENAME + "- {symbol: META, date: 2024-01-05, delisted: true, reason: bought}\n"
    _, changes = corrected(text, histories(FB=OLD, META=NEW))
    assert [(change["action"], change["symbol"]) for change in changes] == [
        ("rename", "FB"),
        ("delisted", "META"),
    ]


def test_another_unit_changes_all_prices_before_its_date_and_no_volume():
    text = SPLIT.replace("split", "requote", 1).replace("2:1", "100:1")
    table, changes = corrected(text)
    assert column(table, "close") == [0.09, 0.11, 6.0, None]
    assert column(table, "adj_close") == [0.045, 0.055, 6.0, 6.5]
    assert column(table, "high") == [0.1, 0.12, 6.5, 7.0]
    assert column(table, "volume") == [100, 201, 300, 400]
    pd.testing.assert_frame_equal(table.iloc[4:], delivered().iloc[4:])
    assert (changes[0]["action"], changes[0]["requote"]) == ("requote", "100:1")
    assert changes[0]["columns"] == ["high", "low", "close", "adj_close"]
    only = text.replace("was", "columns: [close], was")
    assert column(corrected(only)[0], "high") == [10.0, 12.0, 6.5, 7.0]


def test_another_unit_may_be_any_ratio_and_the_same_day_have_a_split():
    text = SPLIT.replace("split", "requote", 1).replace("2:1", "1:31.1034768")
    assert column(corrected(text)[0], "close")[1] == 11 * 31.1034768
    both, _ = corrected(SET + SPLIT + text.replace("1:31.1034768", "10:1"))
    assert column(both, "close")[:2] == [0.45, 0.525]


# What the flags propose


def entries(entry):
    """What a flag proposes, as it is declared with a reason."""
    words, text = entry["proposal"].split(", declare ")
    assert words.startswith("if ")
    with pytest.raises(Refusal, match="'reason': found \"\""):
        read_corrections(f"- {text}".encode(), "c.yaml")
    return f"- {text}".replace("reason: ", "reason: asked the vendor") + "\n"


@pytest.mark.parametrize(("factor", "unit"), [(0.01, "100:1"), (1000, "1:1000")])
def test_a_price_that_stays_a_hundred_times_off_proposes_another_unit(factor, unit):
    prices = [100.0 + day % 5 for day in range(30)]
    table = series(*prices[:15], *(price * factor for price in prices[15:])).assign(symbol="A")
    (found,) = flags(table, "unit-slip")
    assert f'requote: "{unit}"' in found["proposal"]
    assert flags(corrected(entries(found), table)[0], "unit-slip", "jump", "split-like") == []
    alone = table.drop(columns="symbol")
    (found,) = flags(alone, "unit-slip")
    assert flags(corrected(entries(found), alone)[0], "unit-slip", "jump", "split-like") == []
    (back,) = flags(series(*prices[:15], 10_000, *prices[15:]), "unit-slip")
    assert "proposal" not in back


@pytest.mark.parametrize("adjusted", [True, False])
def test_a_split_that_nothing_is_adjusted_for_proposes_the_entry_that_corrects_all(adjusted):
    prices = np.array([100 + day % 5 / 10 for day in range(30)])
    prices[15:] /= 2
    table = series(*prices).assign(symbol="A", **({"adj_close": prices * 0.9} if adjusted else {}))
    (found,) = flags(table, "split-like", "jump")
    assert found["proposal"].startswith("if 2:1 is a split that earlier prices are not adjusted f")
    assert flags(corrected(entries(found), table)[0], "unit-slip", "jump", "split-like") == []


def ending(day, days=60, first=0, start=100.0):
    """A symbol with a price from one weekday to before another."""
    prices = [start + day % 5 for day in range(first, min(day, days))]
    return series(*prices, dates=WEEKDAYS[first:])


def test_a_symbol_that_ends_long_before_the_others_proposes_that_it_is_delisted():
    table = market(A=ending(60), B=ending(60), C=ending(54), D=ending(55))
    (found,) = flags(table, "ended")
    assert found.pop("proposal").startswith("if C was delisted, declare {symbol: C, date: ")
    assert found == entry(WEEKDAYS[53], "ended", symbol="C", price=103.0, days=6)
    assert flags(table, "ended", gap_days=6) == []
    assert flags(table[table["symbol"] == "C"], "ended") == []  # alone it has not ended early


def test_a_weekly_symbol_has_not_ended_after_a_week():
    weekly = ending(60).iloc[:50:5]
    assert flags(market(A=ending(60), B=ending(60), W=weekly), "ended") == []
    long_ago = ending(60).iloc[:25:5]
    assert len(flags(market(A=ending(60), B=ending(60), W=long_ago), "ended")) == 1


def test_what_is_declared_as_delisted_is_not_flagged_again():
    table = market(A=ending(60), B=ending(60), C=ending(30))
    (found,) = flags(table, "ended")
    fixed, changes = corrected(entries(found), table)
    assert changes[0]["action"] == "delisted"
    assert flags(fixed, "ended", "gap", "stale", delisted={"C"}) == []


def test_a_symbol_that_begins_where_another_ends_at_its_price_proposes_that_it_is_renamed():
    later = {"META": ending(60, first=30), "X": ending(60, first=31, start=150), "Y": ending(60)}
    table = market(A=ending(60), FB=ending(30), **later)
    (found,) = flags(table, "ended")
    assert found["next"] == "META"
    assert found["proposal"] == (
        "if FB was renamed to META, declare "
        f"{{symbol: FB, date: {WEEKDAYS[30]}, rename: META, reason: }}"
    )
    fixed, _ = corrected(entries(found), table)
    assert values(flags(fixed, "ended", "gap", "jump"), "symbol") == []
    for first, proposed in ((35, "META"), (36, None)):
        late = market(A=ending(60), B=ending(60), FB=ending(30), META=ending(60, first=first))
        assert flags(late, "ended")[0].get("next") == proposed


def test_contracts_that_expire_in_turn_have_not_ended_and_one_that_ends_alone_has():
    chain = {
        "ESH24": ending(20),
        "ESM24": ending(35, first=8),
        "ESU24": ending(50, first=22),
        "ESZ24": ending(60, first=38),
    }
    assert flags(market(**chain, A=ending(60)), "ended") == []
    others = {"KO": "ESH24", "PEP": "ESM24", "FB": "ESU24", "GE": "ESZ24"}
    renamed = {name: chain[contract] for name, contract in others.items()}
    assert len(flags(market(**renamed, A=ending(60)), "ended")) == 3
    alone = market(A=ending(60), FUND1=ending(30), FUND2=ending(60, first=20), FUND3=ending(60))
    assert values(flags(alone, "ended"), "symbol") == [("FUND1",)]


def test_a_single_day_left_over_by_a_conflict_proposes_nothing():
    table = market(A=ending(60), B=ending(60), T=ending(21, first=20), Y=ending(31, first=30))
    assert ["proposal" in entry for entry in flags(table, "ended")] == [False, False]
    ended = market(A=ending(60), FB=ending(30), Y=ending(31, first=30))
    assert "FB was delisted" in flags(ended, "ended")[0]["proposal"]
