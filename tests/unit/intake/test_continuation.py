"""A delivery that adds to others goes on where these end, or is refused."""

from dataclasses import replace
from datetime import date, timedelta
from math import sin

import pytest

import inbox
from deliveries import NAMES
from pricewright.files.errors import Refusal
from pricewright.intake.intake import take_in
from pricewright.intake.reading.dialect import Calendar, Dialect, Marks
from pricewright.intake.sources.items import local_files
from pricewright.tables import prices as prices_module

MDY, DMY = "%m/%d/%Y", "%d/%m/%Y"
TERMS = replace(
    inbox.TERMS,
    dialect=Dialect(columns=NAMES, calendar=Calendar(date_formats=(DMY,))),
    mode="append",
    max_shrink=0.1,
    max_quarantined=0.5,
)
START = date(2023, 12, 4)  # the last day that is there, after a year of prices


def prices(days, form=DMY, symbols=("AAA", "BBB"), text="{:.2f}"):
    lines = [
        f"{day.strftime(form)},{symbol},{text.format(price(day, symbol))},1\n"
        for day in days
        for symbol in symbols
    ]
    return "Date,Ticker,Close,Volume\n" + "".join(lines)


def price(day, symbol):
    return 1 + ord(symbol[0]) / 100 + sin(day.toordinal() / 9) / 10


def after(count, start=START):
    return [start + timedelta(n) for n in range(1, count + 1)]


@pytest.fixture(params=[250_000, 100, 7])
def desk(request, inbox, monkeypatch):
    """However many rows are looked at at a time."""
    monkeypatch.setattr(prices_module, "ROW_GROUP", request.param)

    def take(text, terms=TERMS, today=date(2023, 12, 20), name="a.csv"):
        inbox.deliver(text, name, head="")
        return take_in(local_files(inbox.uri), inbox.archive, terms, today)

    take(prices(after(365, START - timedelta(365))))
    return take


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("mode", ["append", "parts"])
def test_days_and_months_exchanged_in_what_is_added_are_refused(desk, count, mode):
    terms = replace(TERMS, mode=mode)
    with pytest.raises(Refusal, match=r"b\.csv: its dates, such as 2023-05-12, .* 2023-12-04,"):
        desk(prices(after(count), MDY), terms, name="b.csv")
    assert desk(prices(after(count)), terms, name="b.csv").restatements == []


def test_what_is_added_may_correct_days_that_are_long_past(desk):
    old = [date(2023, 5, 11)]
    assert len(desk(prices(old, text="7{:.2f}")).restatements) == 2
    month = [date(2023, 5, day) for day in range(1, 11)]
    assert len(desk(prices([*month, *after(2)], text="{:.1f}")).restatements) > 10


def test_another_series_on_days_that_are_there_is_refused(desk):
    head, *lines = prices(after(40, START - timedelta(40))).splitlines()
    dates = [line.partition(",")[0] for line in reversed(lines)]
    lines = [day + line[len(day) :] for day, line in zip(dates, lines, strict=True)]
    with pytest.raises(Refusal, match=r"a\.csv: \d\d of its prices are on days that are there"):
        desk("\n".join([head, *lines]))
    assert desk("\n".join([head, *lines]), replace(TERMS, max_shrink=1.0)).restatements


@pytest.mark.parametrize("symbols", [("AAA",), ("AAA", "BBB")])
def test_prices_a_thousand_times_as_high_in_what_is_added_are_refused(desk, symbols):
    read_so = replace(TERMS, dialect=replace(TERMS.dialect, marks=Marks(thousands=",")))
    text = prices(after(3), symbols=symbols, text='"{:.3f}"').replace(".", ",")
    with pytest.raises(Refusal, match=r"a\.csv: its prices are a thousand times those next to"):
        desk(text, read_so)
    split = prices(after(3), symbols=symbols, text="1{:.2f}")
    assert len(desk(split).state.prices) > 700


@pytest.mark.parametrize(
    "text", [prices(after(3)).replace("Close", "Schl"), prices(after(3), "%Y.%d.%m")]
)
def test_what_is_proposed_for_an_addition_must_read_what_it_adds_to(desk, text):
    with pytest.raises(Refusal, match=r"if that also reads earlier deliveries \(1\), else"):
        desk(text)
