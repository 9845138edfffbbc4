import pandas as pd
import pytest

from price_tables import WEEKDAYS, entry, flags, market, series, values, walk


def test_a_price_of_a_saturday_or_sunday_is_flagged():
    dates = ["2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08", "2024-01-13"]
    assert flags(series(*walk(5), dates=dates), "weekend") == [
        entry(date, "weekend", weekday=weekday, regular=False, last=date, rows=1)
        for date, weekday in (
            ("2024-01-06", "Saturday"),
            ("2024-01-07", "Sunday"),
            ("2024-01-13", "Saturday"),
        )
    ]
    assert flags(series(1, None, None, 2, dates=dates), "weekend") == []


def test_a_month_may_end_on_a_weekend():
    months = [str(day.date()) for day in pd.date_range("2020-01-31", periods=48, freq="ME")]
    assert flags(series(*walk(48), dates=months), "weekend") == []
    stray = [*WEEKDAYS[:30], "2024-02-17"]
    old = series(*walk(32), dates=["1970-01-01", *stray])
    assert values(flags(old, "weekend"), "date") == [("2024-02-17",)]
    weeks = [str(day.date()) for day in pd.date_range("2020-01-04", periods=48, freq="7D")]
    assert flags(series(*walk(48), dates=weeks), "weekend") == []  # always a Saturday


def test_a_weekday_on_which_a_symbol_regularly_has_prices_is_no_oddity():
    daily = [str(day.date()) for day in pd.date_range("2024-01-01", "2024-01-28")]
    no_sundays = [day for day in daily if day not in ("2024-01-07", "2024-01-14", "2024-01-21")]
    table = market(A=series(*walk(24), dates=no_sundays[:-1]), B=series(*walk(8)))
    assert flags(table, "weekend") == []
    three = flags(series(*walk(21), dates=daily), "weekend")
    assert values(three, "regular") == [(False,)] * 6
    saturdays = ["2024-01-06", "2024-01-13", "2024-01-20", "2024-01-27"]
    eight_weeks = series(*walk(6), dates=["2024-01-01", *saturdays, "2024-02-26"])
    assert flags(eight_weeks, "weekend") == []
    and_a_day = series(*walk(6), dates=["2024-01-01", *saturdays, "2024-02-27"])
    assert values(flags(and_a_day, "weekend"), "regular", "rows") == [(False, 1)] * 4


def test_a_market_that_trades_every_day_of_the_week_has_no_weekends_and_no_holidays():
    daily = [str(day.date()) for day in pd.date_range("2023-12-20", "2024-01-28")]
    coin = series(*walk(40), dates=daily)
    assert flags(coin, "weekend") == flags(coin, "holiday") == []
    table = market(COIN=coin, B=series(*walk(8), dates=WEEKDAYS[:8]))
    assert flags(table, "weekend") == []
    assert [entry["symbol"] for entry in flags(table, "holiday")] in ([], ["B"])


def on(*weekdays, first="2015-01-01", last="2020-12-31", without=()):
    """The days of some years on these weekdays, Monday is 0, without some days of each year."""
    every = pd.date_range(first, last)
    days = [str(day.date()) for day in every[every.day_of_week.isin(weekdays)]]
    return [day for day in days if day[5:] not in without]


def traded(dates):
    return series(*walk(len(dates)), dates=dates)


SUN_TO_THU, MON_TO_FRI = (6, 0, 1, 2, 3), (0, 1, 2, 3, 4)
CLOSED = ("01-01", "12-25")


def test_markets_of_other_weeks_have_no_odd_days():
    riyadh = traded(on(*SUN_TO_THU, without=("09-23",)))
    currency = traded(on(*MON_TO_FRI, 6))
    assert flags(riyadh, "weekend", "holiday", "gap") == []
    assert flags(currency, "weekend", "holiday", "gap") == []
    table = market(
        **{f"R{n}": riyadh for n in range(12)},
        **{f"C{n}": currency for n in range(3)},
        US=traded(on(*MON_TO_FRI, without=CLOSED)),
    )
    assert flags(table, "weekend", "holiday", "gap") == []


def test_a_listing_of_few_weeks_follows_its_market():
    riyadh = traded(on(*SUN_TO_THU))
    new = traded(on(*SUN_TO_THU, first="2020-12-20"))
    table = market(A=riyadh, B=riyadh, C=riyadh, D=riyadh, NEW=new)
    assert flags(table, "weekend", "holiday") == []
    us = traded(on(*MON_TO_FRI, without=CLOSED))
    found = flags(market(A=us, B=us, C=us, D=us, NEW=new), "weekend", "holiday")
    assert {entry["symbol"] for entry in found} == {"NEW"}
    assert len(found) == 2  # two Sundays


def test_contracts_of_a_market_that_trades_on_holidays_have_none_though_each_lives_for_a_year():
    quarters = pd.date_range("2015-01-01", "2020-01-01", freq="QS")
    chain = {
        f"ES{number}": traded(on(*MON_TO_FRI, first=begin, last=begin + pd.Timedelta(days=270)))
        for number, begin in enumerate(quarters)
    }
    assert flags(market(**chain), "holiday", "ended") == []
    year = {f"ES{n}": traded(on(*MON_TO_FRI, first="2015-06-01", last="2016-05-31")) for n in "123"}
    assert len(flags(market(**year), "holiday")) == 6


def test_a_symbol_of_another_calendar_has_no_holidays_of_the_others():
    shut = (*CLOSED, "04-03", "11-26")
    us = {f"U{n:02}": traded(on(*MON_TO_FRI, without=shut)) for n in range(25)}
    coin, riyadh = traded(on(*range(7))), traded(on(*SUN_TO_THU))
    assert flags(market(**us, COIN=coin, R=riyadh), "holiday", "weekend") == []
    stray = traded(sorted([*on(*MON_TO_FRI, without=shut), "2019-11-26"]))
    assert values(flags(market(**us, V=stray), "holiday"), "symbol", "date") == [
        ("V", "2019-11-26")
    ]
    eid = {f"R{n:02}": traded(on(*SUN_TO_THU, without=("06-05",))) for n in range(25)}
    assert values(flags(market(**eid, W=riyadh), "holiday"), "symbol") == [("W",)] * 3


def test_a_stray_sunday_of_a_symbol_that_is_closed_then_is_odd_also_beside_a_market_that_trades():
    riyadh = traded(on(*SUN_TO_THU))
    us = traded(sorted([*on(*MON_TO_FRI, without=CLOSED), "2018-04-15", "2018-12-25"]))
    table = market(**{f"R{n}": riyadh for n in range(12)}, US=us)
    assert values(flags(table, "weekend", "holiday"), "symbol", "date") == [
        ("US", "2018-04-15"),
        ("US", "2018-12-25"),
    ]


@pytest.mark.parametrize(("days", "weekday"), [(1, "Saturday"), (-1, "Sunday")])
def test_dates_that_are_off_by_a_day_are_one_entry(days, weekday):
    """As where midnight in UTC became an evening in New York."""
    right = pd.to_datetime(on(*MON_TO_FRI, without=CLOSED))
    wrong = [str(day.date()) for day in right + pd.Timedelta(days=days)]
    assert values(flags(traded(wrong), "weekend"), "weekday", "regular") == [(weekday, True)]


def test_prices_that_repeat_the_day_before_each_christmas_are_no_trades():
    dates = on(*MON_TO_FRI)
    prices = walk(len(dates))
    for place, day in enumerate(dates):
        if day[5:] in CLOSED:
            prices[place] = prices[place - 1]
    found = flags(series(*prices, dates=dates), "holiday")
    assert {entry["date"][5:] for entry in found} == set(CLOSED)
    assert flags(traded(dates), "holiday") == []


def test_a_closure_is_counted_in_days_on_which_the_market_trades():
    dates = on(*SUN_TO_THU)
    place = dates.index("2018-06-14")  # a Thursday
    assert dates[place + 1] == "2018-06-17"
    closed = dates[: place + 1] + dates[place + 7 :]
    alone = flags(traded(closed), "gap")
    assert values(alone, "date", "last", "days") == [("2018-06-17", "2018-06-24", 6)]
    us = traded(on(*MON_TO_FRI, without=CLOSED))
    table = market(A=traded(closed), B=traded(dates), C=us, D=us, E=us)
    assert values(flags(table, "gap"), "symbol", "date", "last", "days") == [
        ("A", "2018-06-17", "2018-06-24", 6)
    ]
    assert flags(traded(dates[: place + 1] + dates[place + 6 :]), "gap") == []


def test_a_price_of_new_years_or_christmas_day_is_flagged():
    dates = ["2023-12-25", "2023-12-26", "2023-12-27", "2024-01-01", "2024-01-02"]
    assert flags(series(*walk(5), dates=dates), "holiday") == [
        entry(date, "holiday", prices=1, active=1) for date in ("2023-12-25", "2024-01-01")
    ]
    assert flags(series(None, 1, 2, None, 3, dates=dates), "holiday") == []


def test_new_years_day_in_a_market_that_trades_is_one_entry_for_all():
    dates = ["2023-12-29", "2024-01-01", "2024-01-02"]
    all_trade = market(**{f"S{n:02}": series(1, 2, 3, dates=dates) for n in range(10)})
    (found,) = flags(all_trade, "holiday")
    assert (found["symbol"], found["date"], found["prices"], found["active"]) == (
        None,
        "2024-01-01",
        10,
        10,
    )
    half = all_trade[(all_trade["date"] != dates[1]) | (all_trade["symbol"] < "S05")]
    assert values(flags(half, "holiday"), "symbol", "prices") == [(None, 5)]
    less_than_half = all_trade[(all_trade["date"] != dates[1]) | (all_trade["symbol"] < "S04")]
    assert values(flags(less_than_half, "holiday"), "symbol") == [
        ("S00",),
        ("S01",),
        ("S02",),
        ("S03",),
    ]
    assert len(flags(all_trade[all_trade["symbol"] < "S09"], "holiday")) == 9


def one_prints(symbols: int) -> pd.DataFrame:
    """A Wednesday on which the first of some symbols has a price alone."""
    rest = {f"S{n:02}": series(1, 3, dates=["2024-01-02", "2024-01-04"]) for n in range(1, symbols)}
    return market(S00=series(1, 2, 3), **rest)


def test_a_day_on_which_nearly_no_other_symbol_has_a_price_is_a_holiday():
    assert flags(one_prints(20), "holiday") == []
    (found,) = flags(one_prints(21), "holiday")
    assert (found["symbol"], found["date"], found["prices"], found["active"]) == (
        "S00",
        "2024-01-03",
        1,
        21,
    )
    assert len(flags(one_prints(10), "holiday", holiday_share=0.2)) == 1
    assert flags(one_prints(9), "holiday", holiday_share=0.2) == []
    assert len(flags(one_prints(9), "holiday", holiday_share=0.2, holiday_symbols=9)) == 1
    weekend = one_prints(21).replace({"2024-01-03": "2024-01-06", "2024-01-04": "2024-01-08"})
    assert flags(weekend, "holiday") == []


def test_a_symbol_that_has_ended_or_not_begun_is_not_missed_on_a_day():
    ended = {f"E{n:02}": series(1, 2) for n in range(15)}
    later = {f"L{n:02}": series(1, 2, dates=WEEKDAYS[3:]) for n in range(15)}
    table = market(A=series(1, 2, 3, 4, 5), **ended, **later)
    assert flags(table, "holiday", holiday_symbols=2) == []


def test_more_than_five_weekdays_without_a_price_are_a_gap_in_a_single_series():
    def without(first, last):
        dates = WEEKDAYS[:first] + WEEKDAYS[last + 1 : 30]
        return flags(series(*walk(len(dates)), dates=dates), "gap")

    assert without(3, 7) == []
    assert without(3, 8) == [entry(WEEKDAYS[3], "gap", last=WEEKDAYS[8], days=6)]
    assert without(4, 9)[0]["date"] == WEEKDAYS[4]
    assert [WEEKDAYS[4], WEEKDAYS[9]] == ["2024-01-08", "2024-01-15"]  # weekends at both ends
    empty = series(None, None, 1, 2, None, dates=[*WEEKDAYS[:2], *WEEKDAYS[20:22], WEEKDAYS[40]])
    assert flags(empty, "gap") == []
    named = series(1, 2, dates=["2024-01-05", "2024-01-16"]).assign(symbol="A")
    assert values(flags(named, "gap"), "symbol", "date", "last", "days") == [
        ("A", "2024-01-08", "2024-01-15", 6)
    ]
    assert flags(named, "gap", gap_days=6) == []


def test_a_gap_is_counted_in_days_on_which_at_least_half_of_the_others_have_a_price():
    full, gap = series(*walk(20)), series(*walk(20)).drop(index=range(5, 11))
    table = market(A=full, B=gap)
    assert flags(table, "gap") == [entry(WEEKDAYS[5], "gap", symbol="B", last=WEEKDAYS[10], days=6)]
    assert flags(table, "gap", gap_days=6) == []
    assert flags(market(A=full, B=gap.drop(index=range(11, 20))), "gap") == []  # B has ended
    no_price = market(A=full, B=series(*walk(5), *[None] * 6, *walk(9)))
    assert len(flags(no_price, "gap")) == 1
    closed = market(A=full.drop(index=[6, 7]), B=gap)  # on two of the six nobody trades
    assert flags(closed, "gap") == []


def test_a_hole_in_the_whole_table_is_one_entry_without_a_symbol():
    gap = series(*walk(20)).drop(index=range(5, 11))
    assert values(flags(market(A=gap, B=gap, C=gap), "gap"), "symbol", "date", "last", "days") == [
        (None, WEEKDAYS[5], WEEKDAYS[10], 6)
    ]
    table = market(A=gap, B=gap, C=series(*walk(20)))
    assert values(flags(table, "gap"), "symbol", "days") == [(None, 6)]


def test_with_gap_days_of_0_a_single_missing_business_day_is_a_gap_for_one_symbol_or_for_all():
    full = series(*walk(20))
    gap = full.drop(index=7)
    found = values(flags(market(A=full, B=gap), "gap", gap_days=0), "symbol", "date", "days")
    assert found == [("B", WEEKDAYS[7], 1)]
    found = values(flags(market(A=gap, B=gap), "gap", gap_days=0), "symbol", "date", "days")
    assert found == [(None, WEEKDAYS[7], 1)]
    assert flags(market(A=full, B=full), "gap", "ended", gap_days=0) == []


def test_weekly_prices_have_a_gap_only_where_more_than_five_weeks_are_missing():
    weeks = WEEKDAYS[::5]
    assert flags(series(*walk(40), dates=weeks), "gap") == []
    assert flags(series(*walk(20), dates=weeks), "gap") == []
    five, six = weeks[:20] + weeks[25:], weeks[:20] + weeks[26:]
    assert flags(series(*walk(len(five)), dates=five), "gap") == []
    assert values(flags(series(*walk(len(six)), dates=six), "gap"), "days") == [(34,)]
    daily = series(*walk(len(WEEKDAYS)))
    table = market(A=daily, B=daily, C=series(*walk(len(six)), dates=six))
    assert values(flags(table, "gap"), "symbol", "days") == [("C", 34)]
    table = market(A=daily, B=daily, C=series(*walk(len(five)), dates=five))
    assert flags(table, "gap") == []
    fortnights = WEEKDAYS[::10]
    assert flags(series(*walk(21), dates=fortnights), "gap") == []
    monthly = series(*walk(4), dates=WEEKDAYS[:88:22])
    assert flags(monthly, "gap") == []
    assert len(flags(series(*walk(3), dates=WEEKDAYS[:66:22]), "gap")) == 2  # too few to know


def test_twelve_monthly_prices_have_no_gap_beside_daily_ones_or_alone():
    monthly = series(*walk(12), dates=[f"2024-{month:02}-15" for month in range(1, 13)])
    assert flags(monthly, "gap") == []
    table = market(A=series(*walk(len(WEEKDAYS))), B=series(*walk(250)), M=monthly)
    assert [entry for entry in flags(table, "gap") if entry["symbol"] == "M"] == []
