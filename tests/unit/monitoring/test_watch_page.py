import re

import pytest

from pricewright.forecasting.settings import WatchLimits
from pricewright.monitoring.page import render
from pricewright.monitoring.watch import no_findings

RELEASED = {"release": "a" * 64, "model": "b" * 64, "released": "2026-01-02"}


def page(**more):
    """The page of a release that has forecasts on record, but no outcomes."""
    found = no_findings(WatchLimits()) | RELEASED
    found |= {"first_day": "2026-01-02", "newest_day": "2026-01-02", "days": 0, "days_late": 0}
    found |= {"forecasts": 0, "changed_later": 0, "evidence": 1.0, "evidence_as_first_known": 1.0}
    found |= {"tests": {}, "exceptions": {}, "by_day": [], "symbols": []}
    found |= {"coverage": {"promised": 0.9, "backtest": 0.9, "live": None}}
    return " ".join(render(found | more, title="Prices").split())


@pytest.mark.parametrize("newest", ["2026-01-02", "2026-01-05"])
def test_the_page_has_the_dates_of_the_release_and_of_its_record_before_any_outcome(newest):
    text = page(newest_day=newest)
    assert "in production since 2026-01-02" in text
    span = "2026-01-02" if newest == "2026-01-02" else f"2026-01-02 to {newest}"
    assert f"Forecasts on record are from the prices of {span}." in text


def test_where_no_symbol_has_an_outcome_a_sentence_says_so_in_place_of_a_table():
    assert "No symbol has an outcome yet." in page()
    one = {"symbol": "S1", "evidence": 1.0, "forecasts": 1, "coverage": 1.0, "exceptions_5": 0}
    text = page(symbols=[one])
    assert "No symbol has an outcome yet." not in text
    assert re.search('<th scope="row">S1</th>', text)


def test_evidence_has_decimals_only_while_it_is_small():
    text = page(evidence=1.456, evidence_as_first_known=12345.6, tests={"ewma": 7.0})
    for shown in (">1.46</data>", "12,346 with prices as first delivered", ">7</td>"):
        assert shown in text


def test_a_page_without_a_release_has_no_dates():
    text = render(no_findings(WatchLimits()) | dict.fromkeys(RELEASED), title="Prices")
    assert "Nothing is in production yet." in text
    assert "None" not in text


def day(date, evidence, outside):
    return {"date": date, "evidence": evidence, "ewma": 2.0, "outside": outside, "forecasts": 10}


def labels(picture):
    """What a picture says to a screen reader, mark by mark."""
    return re.findall(r'aria-label="([^"]*)"', picture)


def test_the_pictures_have_the_evidence_and_the_share_within_of_this_release_and_the_one_before():
    before = {"release": "d" * 64, "red_since": None, "by_day": [day("2026-01-02", 1.0, 5)]}
    ours = [day("2026-01-05", 0.001, 0), day("2026-01-06", 30.0, 0)]
    evidence, share = re.findall("<svg.*?</svg>", page(earlier=[before], by_day=ours))
    told = labels(evidence)
    for line in (
        *("date: 02 Jan 26", "date: 05 Jan 26"),  # a release began
        *("limit: 20", "limit: 100", "limit: 1"),
        "date: 02 Jan 26; evidence against the forecasts: 1; of: all together; "
        "release: dddddddddddd",
        "date: 05 Jan 26; evidence against the forecasts: 0.01; of: all together; "
        "release: aaaaaaaaaaaa",
        "date: 05 Jan 26; evidence against the forecasts: 2; of: against EWMA; "
        "release: aaaaaaaaaaaa",
    ):
        assert line in told
    told = labels(share)
    assert "level: 0.9" in told
    assert "date: 02 Jan 26; share within, last 60 days: 50%" in told
    assert any("linear scale with values from 50% to 100%" in line for line in told)


def test_without_an_outcome_there_are_no_pictures():
    assert "<svg" not in page()
