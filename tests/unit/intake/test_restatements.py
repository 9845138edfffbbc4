"""A rescaled series is one restatement; what was corrected within it is listed all the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricewright.intake.comparison import compare, difference
from pricewright.intake.deliveries import apply_deliveries, empty_state
from pricewright.tables.prices import Prices

DAYS = 60
CLOSE = np.round(100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.02, DAYS))), 2)


def prices(*columns, names=("A",)):
    """Daily prices of some symbols, each a row of every column; a column's name before it."""
    values = dict(zip(columns[::2], map(np.atleast_2d, columns[1::2]), strict=True))
    days = np.arange(next(iter(values.values())).shape[1], dtype=np.int32)
    return Prices(
        list(names),
        np.repeat(np.arange(len(names), dtype=np.int32), len(days)),
        np.tile(days, len(names)),
        {name: np.ravel(found).astype(float) for name, found in values.items()},
    )


def restated(before, after):
    """What one delivery restates of another."""
    old, _ = apply_deliveries(empty_state(), [before], ["aa"])
    new, _ = apply_deliveries(empty_state(), [after], ["bb"])
    entries = difference(compare(old, new), ["aa"], ["bb"])
    merged = apply_deliveries(old, [after], ["aa", "bb"])[1]
    assert [entry for entry in entries if entry["what"] != "withdrawn"] == merged
    return entries


def restated_closes(before, after):
    return restated(prices("close", before), prices("close", after))


def rescaled(values, until, factor, digits):
    return np.concatenate([np.round(values[:until] * factor, digits), values[until:]])


@pytest.mark.parametrize("digits", [2, 4, 15])
def test_a_dividend_is_one_entry_with_its_factor_and_days(digits):
    old = np.round(CLOSE, digits)
    (entry,) = restated_closes(old, rescaled(old, 50, 0.9931, digits))
    assert entry.pop("factor") == pytest.approx(0.9931, rel=1e-4)
    assert entry == {
        "symbol": "A",
        "date": "1970-01-01",
        "last": "1970-02-19",
        "what": "rescaled",
        "column": "close",
        "values": 50,
        "old_sha256": "aa",
        "new_sha256": "bb",
    }


def test_a_correction_within_a_rescaled_series_is_listed_with_its_own_values():
    new = rescaled(CLOSE, 50, 0.5, 4)
    new[20] *= 1.01
    whole, corrected = restated_closes(CLOSE, new)
    assert (whole["what"], whole["values"], whole["factor"]) == ("rescaled", 49, 0.5)
    assert (corrected["what"], corrected["date"]) == ("restated", "1970-01-21")
    assert (corrected["old"], corrected["new"]) == (CLOSE[20], new[20])


def test_two_dividends_since_are_two_entries():
    new = rescaled(rescaled(CLOSE, 50, 0.99, 6), 20, 0.98, 6)
    first, second = restated_closes(CLOSE, new)
    assert [first["factor"], second["factor"]] == pytest.approx([0.99 * 0.98, 0.99], rel=1e-6)
    assert [(each["values"], each["date"]) for each in (first, second)] == [
        (20, "1970-01-01"),
        (30, "1970-01-21"),
    ]


def test_a_split_rescales_prices_and_volumes_each_by_its_factor():
    volume = np.arange(DAYS) * 1_000 + 100_003
    new = prices("close", rescaled(CLOSE, 40, 0.25, 4), "volume", rescaled(volume, 40, 4, 0))
    entries = restated(prices("close", CLOSE, "volume", volume), new)
    assert [(each["column"], each["factor"], each["values"]) for each in entries] == [
        ("close", 0.25, 40),
        ("volume", 4.0, 40),
    ]


def test_of_two_symbols_each_has_its_own():
    both = np.stack([CLOSE, CLOSE * 2])
    new = np.stack([rescaled(CLOSE, 50, 0.5, 4), rescaled(CLOSE * 2, 30, 0.75, 4)])
    found = restated(prices("close", both, names="AB"), prices("close", new, names="AB"))
    assert [(each["symbol"], each["factor"], each["values"]) for each in found] == [
        ("A", 0.5, 50),
        ("B", 0.75, 30),
    ]


@pytest.mark.parametrize(
    ("level", "factor", "digits"), [(0.05, 0.97, 4), (0.02, 0.5, 4), (2.0, 0.98, 2), (0.3, 20, 2)]
)
def test_a_price_of_few_digits_that_is_rescaled_is_one_entry(level, factor, digits):
    old = np.round(CLOSE / 100 * level, digits)
    new = rescaled(old, 50, factor, digits)
    (entry,) = restated_closes(old, new)
    assert (entry["what"], entry["values"]) == ("rescaled", np.count_nonzero(old != new))
    assert entry["factor"] == pytest.approx(factor, rel=0.03)
    new[20] = round(new[20] + np.ceil(2 * (1 + factor)) * 10.0**-digits, digits)
    found = restated_closes(old, new)
    assert [(each["what"], each["date"]) for each in found] == [
        ("rescaled", "1970-01-01"),
        ("restated", "1970-01-21"),
    ]


@pytest.mark.parametrize("factor", [1.003, 0.9996, 1.00011])
def test_a_factor_near_one_is_never_said_to_be_one(factor):
    old = np.round(19.2 + np.arange(21) / 100, 2)
    found = restated_closes(old, np.round(old * factor, 2 + 2 * (factor < 1.002)))
    for entry in found:
        if entry["what"] == "rescaled":
            assert entry["factor"] - 1 == pytest.approx(factor - 1, rel=0.1)
    assert sum(entry.get("values", 1) for entry in found) == len(old)


def test_values_of_few_digits_that_differ_in_the_last_are_no_rescaling():
    old = np.round(0.05 + 0.01 * (np.arange(DAYS) % 3), 2)
    new = np.round(old + 0.01 * np.where(np.arange(DAYS) % 2, 1, -1), 2)
    found = restated_closes(old, new)
    assert {each["what"] for each in found} == {"restated"}


def test_few_values_and_values_of_no_common_factor_are_listed_one_by_one():
    few = rescaled(CLOSE, 4, 0.5, 4)
    assert [each["what"] for each in restated_closes(CLOSE, few)] == ["restated"] * 4
    other = CLOSE[::-1].copy()
    found = restated_closes(CLOSE, other)
    assert {each["what"] for each in found} == {"restated"}
    assert len(found) == np.count_nonzero(other != CLOSE)


def test_what_is_missing_or_zero_is_in_no_factor():
    old, new = CLOSE.copy(), rescaled(CLOSE, 50, 0.5, 4)
    old[3], new[4], new[5] = np.nan, np.nan, 0.0
    found = restated_closes(old, new)
    assert sorted((each["what"], each.get("values")) for each in found) == [
        ("rescaled", 47),
        *[("restated", None)] * 3,
    ]


@given(
    st.lists(st.floats(0.5, 1e4).map(lambda price: round(price, 2)), min_size=1, max_size=40),
    st.data(),
)
def test_every_changed_value_is_in_one_entry_and_can_be_told_from_it(old, data):
    new = [
        data.draw(st.sampled_from([value, round(value * 0.5, 4), round(value * 1.01, 2), 1.0]))
        for value in old
    ]
    entries = restated_closes(old, new)
    changed = sum(one != other for one, other in zip(old, new, strict=True))
    assert changed == sum(each.get("values", 1) for each in entries)
    for each in entries:
        if each["what"] == "rescaled":
            fits = [
                abs(other - each["factor"] * one) <= 0.005 * (1 + each["factor"]) + 1e-6 * other
                for one, other in zip(old, new, strict=True)
                if one != other
            ]
            assert sum(fits) >= each["values"] >= 5
