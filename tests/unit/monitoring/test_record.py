"""What the release forecasts is written down each day, once, and held against what came."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
from forecasts import write_clean

import people
from conftest import SCRIPTS, market
from monitor import monitor
from pricewright.commands.predict import as_csv, predict
from pricewright.files.clock import day_number
from pricewright.files.disk import sha256
from pricewright.files.errors import Refusal
from pricewright.forecasting.document import open_model
from pricewright.forecasting.model_file import read_model
from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.settings import WatchLimits
from pricewright.monitoring.live_record import read_live
from pricewright.monitoring.record import (
    LEVELS,
    RIVAL_LEVELS,
    CannotForecast,
    facts_of_day,
    is_late,
    known_from,
    record_day,
    record_switch,
)
from pricewright.monitoring.record_days import (
    RIVALS,
    TOGETHER,
    days,
    missing_files,
    read_rows,
    rows_together,
    verify_record,
)
from pricewright.monitoring.summary import forecasts_nothing
from pricewright.monitoring.watch import watch
from pricewright.releases.history import check_link
from pricewright.signoffs import ledger
from pricewright.signoffs.signed_files import CANDIDATE

KNOWN = 140
"""The days of prices that the release was trained on."""


def later(count, seed=5, scale=1.0):
    """The prices that the release knows, and those of so many working days more."""
    records = market(seed=1)
    dates = np.busday_offset("2020-01-01", np.arange(KNOWN, KNOWN + count), roll="forward")
    for number, symbol in enumerate(("S0", "S1")):
        random = np.random.default_rng([seed, number])
        price = [record["close"] for record in records if record["symbol"] == symbol][-1]
        for date in dates:
            price = round(float(price * np.exp(scale * random.normal(0, 0.02))), 4)
            records.append({"date": str(date), "symbol": symbol, "close": price, "volume": 1000})
    return sorted(records, key=lambda record: (record["symbol"], record["date"]))


def last_day(records):
    return max(record["date"] for record in records)


def evening(records):
    """The clock, in the evening of the newest day."""
    return lambda: datetime.fromisoformat(last_day(records)).replace(hour=20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def early(monkeypatch):
    """Offices are set up before the days that are recorded."""
    monkeypatch.setattr(people, "NOON", datetime(2020, 7, 1, 12, tzinfo=UTC))


@pytest.fixture
def released(firm):
    firm.signed_release(0)
    return firm


def write_down(firm, records, **options):
    """A day's prices, and what is written down of them in the evening."""
    table = write_clean(firm.root / "results/prices_clean.json", records)
    return record_day(firm.root, table, **({"clock": evening(records)} | options))


def files(firm):
    """Every file of the record, with its bytes."""
    found = {}
    for folder in ("forecasts", "live"):
        for path in sorted((firm.production / folder).glob("[!.]*")):
            found[path.name] = path.read_bytes()
    return found


def test_without_a_release_nothing_is_written(firm):
    assert write_down(firm, later(1)) is None
    assert not (firm.production / "forecasts").exists()
    assert days(firm.root) == []


def test_the_newest_forecasts_are_what_predict_gives_for_the_days_prices(released):
    write_down(released, later(3))
    folder, table = released.production / "forecasts", released.root / "results/prices_clean.json"
    wanted = predict(
        released.production / "current/model.json",
        prices=table,
        quantiles=sorted({*LEVELS, 0.05, 0.95}),
    )
    found = pyarrow.parquet.read_table(folder / "newest.parquet").to_pylist()
    model = open_model(released.production / "current/model.json")[0]
    last = {r["symbol"]: r["close"] for r in orjson.loads(table.read_bytes())}
    more = [{"last": last[r["symbol"]], "release": released.current} for r in wanted]
    assert [row | {"from": str(row["from"])} for row in found] == [
        record | each for record, each in zip(wanted, more, strict=True)
    ]
    assert len(found) == len(model.symbols) * model.settings.horizon
    assert (folder / "newest.csv").read_text() == as_csv(
        [record | each for record, each in zip(wanted, more, strict=True)]
    )


def test_a_day_is_written_once_and_its_line_in_the_ledger_has_the_digests(released):
    write_down(released, later(1), facts={"flags": 3})
    first = files(released)
    (day,) = days(released.root)
    assert day.date == last_day(later(1))
    assert (day.release, day.late) == (released.current, False)
    assert day.entry.fields["flags"] == 3
    assert day.entry.fields["symbols"] == 2
    dated = {name: content for name, content in first.items() if not name.startswith("newest")}
    assert {name.partition("/")[2]: digest for name, digest in day.files().items()} == {
        name: sha256(content) for name, content in dated.items()
    }
    write_down(released, later(1, seed=9))  # the same day, with other prices
    assert files(released) == first
    assert len(days(released.root)) == 1


def test_the_next_day_adds_its_own_and_what_came(released):
    write_down(released, later(1))
    before = files(released)
    write_down(released, later(2))
    after = files(released)
    kept = {name: content for name, content in before.items() if not name.startswith("newest")}
    assert {name: after[name] for name in kept} == kept
    outcomes = days(released.root)[1].table(".outcomes.parquet").to_pylist()
    prices = {(r["symbol"], r["date"]): r["close"] for r in later(2)}
    assert [row["symbol"] for row in outcomes] == ["S0", "S1"]
    for row in outcomes:
        assert row["was"] == prices[row["symbol"], str(row["from"])]
        assert row["came"] == prices[row["symbol"], str(row["date"])]


@pytest.mark.parametrize(
    ("moment", "late"),
    [
        ("2020-07-15T20:00", False),  # the evening of the newest day, a Wednesday
        ("2020-07-16T23:59", False),
        ("2020-07-17T00:00", True),
        ("2020-09-01T12:00", True),
    ],
)
def test_what_is_written_when_its_day_is_over_is_late(released, moment, late):
    records = later(1)
    assert last_day(records) == "2020-07-15"
    clock = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    write_down(released, records, clock=lambda: clock)
    assert days(released.root)[0].late is late


@pytest.mark.parametrize(("day", "late"), [("2020-07-20", False), ("2020-07-21", True)])
def test_after_a_friday_comes_a_monday(released, day, late):
    records = later(3)
    assert last_day(records) == "2020-07-17"
    clock = datetime.fromisoformat(day).replace(tzinfo=UTC)
    write_down(released, records, clock=lambda: clock)
    assert days(released.root)[0].late is late


@pytest.mark.parametrize(("last", "late"), [("2020-07-17", True), ("2020-08-14", False)])
def test_where_weekends_had_prices_lately_a_saturday_comes_after_a_friday(last, late):
    """Up to a Sunday each day had a price; from then on, only working days."""
    dates = np.arange("2020-06-01", np.datetime64(last) + 1, dtype="datetime64[D]")
    dates = dates[(dates <= np.datetime64("2020-07-12")) | np.is_busday(dates)]
    panel = panel_of(["COIN"], [(dates.astype(np.int32), np.ones(len(dates)))])
    sunday = datetime.fromisoformat(last).replace(tzinfo=UTC) + timedelta(days=2)
    assert is_late(panel, sunday, None) is late


def read(firm, records, **options):
    """The live record as it is read back beside these prices."""
    recorded = write_down(firm, records, **options)
    return read_live(days(firm.root, recorded.release), recorded.panel, recorded.model)


def test_a_price_that_is_corrected_after_its_day_was_recorded_is_named(released):
    assert write_down(released, later(3)).corrected == []
    before = files(released)
    corrected = later(3)
    symbol = corrected[-1]["symbol"]
    newest = last_day(corrected)
    for row in corrected:
        if (row["symbol"], row["date"]) == (symbol, newest):
            row["close"] *= 1.5
    found = write_down(released, corrected)
    assert found.corrected == [symbol]
    assert files(released) == before
    told = watch(
        released.root,
        found,
        WatchLimits(),
        orjson.loads((released.production / "current/model.json").read_bytes()),
    )
    assert told["colour"] == "yellow"
    assert f"the newest recorded forecasts of {symbol} are from a price that" in told["reasons"][0]


def test_forecasts_from_a_wrong_price_are_far_wider_than_at_the_release_and_named(released):
    wrong = later(3)
    symbol, dates = wrong[-1]["symbol"], sorted({row["date"] for row in wrong})
    for row in wrong:
        if (row["symbol"], row["date"]) == (symbol, dates[-2]):
            row["close"] *= 8
    model = orjson.loads((released.production / "current/model.json").read_bytes())
    for records, reasons in ((later(2), 0), (wrong, 1)):
        told = watch(released.root, write_down(released, records), WatchLimits(), model)
        found = [reason for reason in told["reasons"] if "as wide as when" in reason]
        assert len(found) == reasons
    assert found[0].startswith(f"the newest forecasts of {symbol} are up to ")
    assert told["colour"] == "yellow"


def test_what_came_is_read_by_the_newest_prices_and_as_it_was_first(released):
    for count in (1, 2, 3):
        write_down(released, later(count))
    live = read(released, later(3))
    assert len(live.dates) == 3
    prices = {(r["symbol"], r["date"]): r["close"] for r in later(3)}
    dates = sorted({date for _, date in prices})[-3:]
    wanted = [[prices[symbol, date] for symbol in live.symbols] for date in dates[1:]]
    np.testing.assert_allclose(live.came[:2], wanted, rtol=1e-12)
    np.testing.assert_allclose(live.first[:2], wanted, rtol=1e-12)
    assert np.isnan(live.came[2]).all()
    corrected = [
        r | ({"close": 2 * r["close"]} if (r["symbol"], r["date"]) == ("S1", dates[1]) else {})
        for r in later(4)
    ]
    live = read(released, corrected)
    assert live.came[0, 1] == pytest.approx(2 * wanted[0][1])
    assert live.first[0, 1] == pytest.approx(wanted[0][1])


def test_a_series_that_was_rescaled_since_is_in_units_of_when_it_was_forecast(released):
    for count in (1, 2):
        write_down(released, later(count))
    came = read(released, later(2)).came
    halved = [r | {"close": r["close"] / 2} for r in later(3)]
    np.testing.assert_allclose(read(released, halved).came[0], came[0], rtol=1e-12)


def test_days_that_were_late_never_count(released):
    write_down(released, later(1), clock=lambda: datetime(2020, 7, 17, tzinfo=UTC))
    live = read(released, later(4))
    assert live.dates == [last_day(later(4))]
    assert live.days_late == 1


def at(moment):
    """A clock that stands still."""
    return lambda: datetime.fromisoformat(moment).replace(tzinfo=UTC)


def held(live):
    """The days and symbols of the forecasts with an outcome that count."""
    return [
        (date, symbol)
        for date, row in zip(live.dates, np.isfinite(live.came), strict=True)
        for symbol, there in zip(live.symbols, row.tolist(), strict=True)
        if there
    ]


def only(records, symbol, dates):
    """The records, of one symbol after the release only those of some dates."""
    known = last_day(market(seed=1))
    return [
        row
        for row in records
        if row["symbol"] != symbol or row["date"] <= known or row["date"] in dates
    ]


def thinned(count, dates):
    """The prices of both symbols, after the release only of some dates."""
    return only(only(later(count), "S0", dates), "S1", dates)


@pytest.mark.parametrize(
    ("moment", "dates", "counts"),
    [
        ("2020-07-19T12:00", ["2020-07-15", "2020-07-22", "2020-07-29"], True),  # weekly
        ("2020-07-22T23:59", ["2020-07-15", "2020-07-22", "2020-07-29"], True),
        ("2020-07-23T00:00", ["2020-07-15", "2020-07-22", "2020-07-29"], False),
        ("2020-08-30T12:00", ["2020-07-31", "2020-08-31"], True),  # monthly, its last day
        ("2020-09-01T00:00", ["2020-07-31", "2020-08-31"], False),
        ("2020-08-02T12:00", ["2020-07-15", "2020-08-03"], True),  # its first
        ("2020-07-16T12:00", ["2020-07-15", "2020-07-17"], True),
        ("2020-07-17T12:00", ["2020-07-15", "2020-07-17"], True),  # after a holiday
        ("2020-07-18T00:00", ["2020-07-15", "2020-07-17"], False),
    ],
)
def test_a_forecast_counts_if_it_was_recorded_before_its_own_outcome_could_be_known(
    released, moment, dates, counts
):
    begin, end = thinned(60, dates[:1]), thinned(60, dates[:2])
    write_down(released, begin, clock=at(moment))
    live = read(released, begin)
    assert (held(live), live.days_late) == ([], 0)  # open
    live = read(released, end, clock=at("2020-10-01T12:00"))
    assert held(live) == ([(dates[0], "S0"), (dates[0], "S1")] if counts else [])
    assert live.days_late == (0 if counts else 1)


def test_a_month_that_ends_on_a_weekend_could_be_known_on_the_friday_before(released):
    def dated(records):
        return [row | {"date": row["date"].replace("2020-10-30", "2020-10-31")} for row in records]

    begin, end = (
        dated(thinned(90, dates)) for dates in (["2020-09-30"], ["2020-09-30", "2020-10-30"])
    )
    write_down(released, begin, clock=at("2020-10-31T12:00"))
    assert held(read(released, end)) == []


def test_a_late_fund_beside_stocks_counts_and_what_its_delivery_lacked_does_not(released):
    """The fund's prices come two days late, those of the stock the same evening."""
    full = later(10)
    dates = sorted({row["date"] for row in full if row["date"] > last_day(market(seed=1))})
    for number in range(3, 7):
        write_down(
            released,
            [row for row in only(full, "S1", dates[: number - 2]) if row["date"] <= dates[number]],
            clock=at(f"{dates[number]}T20:00"),
        )
    live = read(released, full)
    assert held(live)[:4] == [
        (dates[3], "S0"),
        (dates[3], "S1"),
        (dates[4], "S0"),
        (dates[4], "S1"),
    ]


def test_a_late_record_of_two_calendars_counts_for_the_one_whose_outcome_was_to_come(released):
    """A catch-up run on Friday, from Wednesday's prices: one symbol next trades on Friday."""
    rows = only(later(10), "S1", ["2020-07-15", "2020-07-17"])
    write_down(
        released, [row for row in rows if row["date"] <= "2020-07-15"], clock=at("2020-07-17T08:00")
    )
    live = read(released, rows)
    assert held(live) == [("2020-07-15", "S1")]
    assert live.days_late == 0


@pytest.mark.parametrize(
    ("moment", "counts"), [("2020-07-16T19:59", True), ("2020-07-16T20:00", False)]
)
def test_with_an_exchange_an_outcome_could_be_known_at_the_close(released, moment, counts):
    write_down(released, later(1), clock=at(moment), exchange="XNYS")
    live = read(released, later(2))
    assert bool(held(live)) is counts


def test_with_an_exchange_a_forecast_of_a_symbol_that_ended_stays_open(released):
    write_down(released, later(1), clock=at("2020-07-15T20:00"), exchange="XNYS")
    live = read(released, only(later(3), "S1", ["2020-07-15"]))
    assert held(live) == [("2020-07-15", "S0")]


def test_with_an_exchange_a_price_of_a_day_without_session_is_known_when_that_day_is_over():
    friday, saturday, monday = (day_number(datetime(2020, 7, day)) for day in (17, 18, 20))
    made, came = np.array([friday, friday]), np.array([saturday, monday])
    known = known_from(made, came, "XNYS")
    assert [datetime.fromtimestamp(each, UTC).isoformat()[:16] for each in known.tolist()] == [
        "2020-07-19T00:00",
        "2020-07-20T20:00",
    ]


def test_a_record_of_an_earlier_version_counts_as_that_version_marked_it(released, monkeypatch):
    """Its lines name no exchange, so late ones never count, and others always do."""
    honest = ledger.append

    def earlier(*arguments, **fields):
        for name in ("behind", "exchange"):
            fields.pop(name, None)
        return honest(*arguments, **fields)

    weekly = ["2020-07-15", "2020-07-22", "2020-07-29"]
    monkeypatch.setattr(ledger, "append", earlier)
    write_down(released, thinned(20, weekly[:1]), clock=at("2020-07-15T20:00"))
    write_down(released, thinned(20, weekly[:2]), clock=at("2020-07-25T20:00"))
    monkeypatch.undo()
    live = read(released, thinned(20, weekly))
    assert held(live) == [(weekly[0], "S0"), (weekly[0], "S1")]
    assert live.days_late == 1
    assert verify_record(released.root) == []


def test_files_that_an_older_backup_lacks_are_told_of(released):
    write_down(released, later(1))
    assert missing_files(released.root) == []
    lost = released.production / f"forecasts/{last_day(later(1))}-{released.current[:12]}.csv"
    lost.unlink()
    assert missing_files(released.root) == [f"{lost}: is missing; restore it from a backup."]
    shutil.rmtree(lost.parent)
    (told,) = missing_files(released.root)
    assert "is missing (and 1 more); restore" in told


def test_what_is_written_with_a_clock_that_was_set_back_is_late(released):
    ledger.append(released.root / "ledger", "run", clock=lambda: datetime(2020, 7, 17, tzinfo=UTC))
    write_down(released, later(1))
    assert days(released.root)[0].late
    assert read(released, later(1)).days_late == 1  # also before there is an outcome


def test_a_symbol_without_a_new_price_counts_once(released):
    write_down(released, later(1))
    stays = last_day(later(1))
    write_down(released, [r for r in later(2) if r["symbol"] == "S0" or r["date"] <= stays])
    live = read(released, later(3))
    assert np.isfinite(live.came).tolist() == [[True, True], [True, False], [False, False]]


def test_a_symbol_whose_last_price_is_not_its_present_is_not_forecast(released):
    write_down(released, later(1), unfit={"S1"})
    path = released.production / "forecasts/newest.parquet"
    assert set(pyarrow.parquet.read_table(path)["symbol"].to_pylist()) == {"S0"}
    stays = last_day(later(1))
    write_down(released, [r for r in later(40) if r["symbol"] == "S1" or r["date"] <= stays])
    assert set(pyarrow.parquet.read_table(path)["symbol"].to_pylist()) == {"S1"}
    with pytest.raises(CannotForecast, match=r"model\.max_age_days"):
        write_down(released, later(41), unfit={"S0", "S1"})


def test_after_a_switch_the_newest_forecasts_are_those_of_the_release(released):
    write_clean(released.root / "results/prices_clean.json", later(1))
    config = {"format": "json", "signoffs": {"author": None}, "schedule": {"exchange": None}}
    record_switch(released.root, config)
    newest = released.production / "forecasts/newest.csv"
    assert newest.read_text().splitlines()[1].endswith(released.current)


def test_a_switch_stands_where_its_forecasts_cannot_be_recorded(released, caplog):
    (released.root / "results/prices_clean.json").unlink()
    config = {"format": "json", "signoffs": {"author": None}, "schedule": {"exchange": None}}
    record_switch(released.root, config)
    assert "the first forecasts of this release are not recorded: " in caplog.text


def test_a_changed_or_lost_file_is_told_of_and_never_used(released):
    write_down(released, later(1))
    assert verify_record(released.root) == []
    path = next((released.production / "forecasts").glob("2020*.parquet"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    assert [str(path) in problem for problem in verify_record(released.root)] == [True]
    with pytest.raises(Refusal, match="was changed after it was recorded"):
        read(released, later(2))
    path.unlink()
    (problem,) = verify_record(released.root)
    assert "is missing" in problem


def monitored(firm, records):
    """What the step finds, by these prices."""
    table, found = write_clean(firm.root / "clean.json", records), firm.root / "found.json"
    monitor(table, found, project=firm.root)
    return orjson.loads(found.read_bytes())


def change(path):
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".rivals.parquet", ".outcomes.parquet"])
def test_any_file_of_the_record_that_was_changed_or_lost_turns_the_watch_red(released, ending):
    write_down(released, later(1))
    write_down(released, later(2), clock=lambda: datetime(2021, 1, 1, tzinfo=UTC))
    late = days(released.root)[1]
    assert late.late
    name = next(name for name in late.files() if name.endswith(f"{late.release[:12]}{ending}"))
    change(released.production / name)
    found = monitored(released, later(3))
    assert (found["colour"], found["red_since"]) == ("red", None)
    assert "was changed after it was recorded" in found["reasons"][0]
    (released.production / name).unlink()
    [reason] = monitored(released, later(3))["reasons"]
    assert name in reason
    assert reason.endswith("of the ledger lists it; put it back from a backup")
    (released.production / next(iter(days(released.root)[0].files()))).unlink()
    assert (
        "(and 1 more; `pricewright verify` lists them)"
        in (monitored(released, later(3))["reasons"][0])
    )


def test_what_many_days_have_together_is_what_their_files_say(released, monkeypatch):
    monkeypatch.setattr("pricewright.monitoring.record.MANY", 3)
    for count in range(1, 9):
        write_down(released, later(count), unfit={"S1"} if count == 5 else ())
    own = days(released.root)
    together = [day.date for day in own if day.has(TOGETHER)]
    assert together == [own[3].date, own[6].date]
    found = list(read_rows(own))
    assert [len(set(table["day"].to_pylist())) for table in found] == [3, 3, 2]
    single = rows_together(own)
    found = pa.concat_tables(found, promote_options="default")
    assert found.select(single.column_names).equals(single)
    assert verify_record(released.root) == []


def test_where_a_file_was_changed_days_are_put_together_when_it_is_back(released, monkeypatch):
    monkeypatch.setattr("pricewright.monitoring.record.MANY", 2)
    for count in (1, 2):
        write_down(released, later(count))
    path = released.production / next(iter(days(released.root)[0].files()))
    content = path.read_bytes()
    change(path)
    write_down(released, later(3))
    path.write_bytes(content)
    write_down(released, later(4))
    assert [day.has(TOGETHER) for day in days(released.root)] == [False, False, False, True]
    assert len(list(read_rows(days(released.root)))) == 2


def test_a_line_has_the_day_of_the_oldest_price_that_its_forecasts_are_made_from(released):
    write_down(released, later(1))
    stays = last_day(later(1))
    write_down(released, [r for r in later(2) if r["symbol"] == "S0" or r["date"] <= stays])
    assert [day.oldest for day in days(released.root)] == 2 * [
        int(np.datetime64(stays, "D").astype(int))
    ]


NEW_IN_LINES = ("behind", "exchange", "oldest", "symbols")
"""The fields that lines of earlier versions do not have."""


def test_a_record_that_an_earlier_version_began_goes_on(released, monkeypatch):
    append = ledger.append

    def as_before(*args, **fields):
        return append(*args, **{name: fields[name] for name in fields.keys() - {*NEW_IN_LINES}})

    with monkeypatch.context() as earlier:
        earlier.setattr(ledger, "append", as_before)
        for count in (1, 2):
            write_down(released, later(count))
    write_down(released, later(3))
    found = watched(released, later(4))
    assert [day.judged for day in days(released.root)] == [False, False, True, True]
    assert (found["days"], found["reasons"]) == (3, [])
    assert verify_record(released.root) == []


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_verify_holds_the_newest_forecasts_against_the_day_that_they_are_a_copy_of(
    released, ending
):
    write_down(released, later(1))
    write_down(released, later(2))
    newest = released.production / f"forecasts/newest.{ending}"
    earlier, day = days(released.root)
    path = released.production / f"forecasts/{day.date}-{released.current[:12]}.{ending}"
    wrong = f"{newest}: should be a copy of {path}, but is not; copy that file to it."
    for content in (b"1", (released.production / next(iter(earlier.files()))).read_bytes()):
        newest.write_bytes(content)
        assert verify_record(released.root) == [wrong]
    newest.unlink()
    assert verify_record(released.root) == [wrong]
    write_down(released, later(2))
    assert verify_record(released.root) == []


@pytest.mark.parametrize("how", ["missing", "changed"])
def test_where_the_original_of_the_newest_forecasts_is_gone_too_verify_says_what_can_be_done(
    released, how
):
    write_down(released, later(1))
    newest = released.production / "forecasts/newest.csv"
    [original] = [released.production / each for each in days(released.root)[0].copies()][1:]
    newest.unlink()
    if how == "missing":
        original.unlink()
    else:
        change(original)
    told = [each for each in verify_record(released.root) if each.startswith(str(newest))]
    assert told == [
        f"{newest}: should be a copy of {original}, but is not; put that file back from a backup, "
        "then copy it; if no backup has it, the next day's forecasts replace this one."
    ]
    write_down(released, later(2))
    assert not [each for each in verify_record(released.root) if each.startswith(str(newest))]


def test_prices_that_end_earlier_leave_the_newest_forecasts(released):
    for count in (1, 2, 1):
        write_down(released, later(count))
    assert verify_record(released.root) == []
    newest = (released.production / "forecasts/newest.csv").read_text()
    assert last_day(later(2)) in newest


def test_verify_names_what_the_ledger_does_not_know(released):
    write_down(released, later(1))
    folder = released.production / "forecasts"
    for path in sorted(folder.glob("2020*")):
        (folder / path.name.replace("2020", "2021")).write_bytes(path.read_bytes())
    [problem] = verify_record(released.root)
    assert problem.startswith(f"{folder / '2021-07-15'}-")
    assert ".csv and 1 more there: not in the ledger" in problem
    for path in folder.glob("2021*"):
        path.unlink()
    path = released.root / "ledger/ledger.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    problems = verify_record(released.root)
    assert [f"production/{folder}/" in " ".join(problems) for folder in ("forecasts", "live")]
    assert len(problems) == 2


@pytest.mark.parametrize("link", [None, "other", "elsewhere"])
def test_a_link_that_is_not_as_the_ledger_says_turns_the_watch_red(released, link, caplog):
    write_down(released, later(1))
    release, current = released.current, released.production / "current"
    current.unlink()
    if link:
        current.symlink_to({"other": f"releases/{64 * '0'}", "elsewhere": "elsewhere"}[link])
    before = files(released)
    table, found = write_clean(released.root / "clean.json", later(2)), released.root / "found.json"
    monitor(table, found, html=released.root / "found.html", project=released.root)
    watched = orjson.loads(found.read_bytes())
    assert files(released) == before
    assert (watched["release"], watched["model"]) == (release, None)
    assert (watched["colour"], watched["red_since"]) == ("red", None)
    [reason] = watched["reasons"]
    assert reason.startswith(f"nothing is forecast: {current}: ")
    if link != "elsewhere":
        assert f"by the ledger release {release[:12]}… is in production" in reason
        assert f"pricewright rollback --to {release[:12]}" in reason
    assert "nothing is forecast" in caplog.text
    shutil.copy(found, released.root / "results/monitor.json")
    assert forecasts_nothing(released.root)


def test_while_a_switch_is_not_ended_the_link_may_point_at_either_release(released):
    other = 64 * "0"
    ledger.append(released.root / "ledger", "release", release=other)
    write_down(released, later(1))
    assert [day.release for day in days(released.root)] == [released.current]
    current = released.production / "current"
    current.unlink()
    current.symlink_to(f"releases/{other}")
    assert check_link(released.root, ledger.read(released.root / "ledger")) == other


def test_what_was_changed_is_not_copied_over_the_newest_forecasts(released, caplog):
    write_down(released, later(1))
    folder = released.production / "forecasts"
    before = {path.name: path.read_bytes() for path in folder.glob("newest.*")}
    for path in folder.glob("2020*"):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-9])
    write_down(released, later(1))
    assert {path.name: path.read_bytes() for path in folder.glob("newest.*")} == before
    assert caplog.text.count("is not renewed") == 2
    for path in folder.glob("2020*"):
        path.unlink()
    write_down(released, later(1))
    assert {path.name: path.read_bytes() for path in folder.glob("newest.*")} == before


def test_where_a_file_of_the_day_before_was_changed_the_day_is_written_down_all_the_same(
    released, monkeypatch
):
    write_down(released, later(1))
    path = (
        released.production
        / "forecasts"
        / f"{days(released.root)[-1].date}-{released.current[:12]}.parquet"
    )
    change(path)
    watched = monitored(released, later(2))
    assert len(days(released.root)) == 2
    assert (watched["colour"], watched["red_since"]) == ("red", None)
    assert watched["reasons"] == [
        f"the record is not intact: {path}: was changed after it was recorded; put back the "
        "original file"
    ]


def test_an_exchange_that_there_is_not_is_no_fault_of_the_release(released):
    table = write_clean(released.root / "clean.json", later(1))
    with pytest.raises(Refusal, match=r"config key 'schedule\.exchange': found 'NYSX'"):
        monitor(table, released.root / "found.json", project=released.root, exchange="NYSX")


def test_a_run_that_was_killed_before_its_line_is_gone_on_with(released, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            write_down(released, later(1))
    assert days(released.root) == []
    left = files(released)
    assert left
    write_down(released, later(1))
    assert verify_record(released.root) == []
    assert {name: files(released)[name] for name in left} == left


def test_a_file_that_no_line_has_is_none_of_the_record_and_is_written_anew(released):
    write_down(released, later(1))
    first = days(released.root)[0]
    day = last_day(later(2))
    for name in first.files():
        junk = released.production / name.replace(first.date, day)
        junk.write_bytes(b"junk")
    write_down(released, later(2))
    assert verify_record(released.root) == []
    assert b"junk" not in files(released).values()


def test_prices_by_which_the_release_cannot_go_on_are_refused(released):
    fallen = [r | {"close": -1.0} if r["symbol"] == "S0" else r for r in later(1)]
    with pytest.raises(Refusal, match="takes its logarithm"):
        write_down(released, fallen)
    others = [r | {"symbol": "T" + r["symbol"]} for r in later(1)]
    with pytest.raises(Refusal, match="no symbol of the release"):
        write_down(released, others)
    assert days(released.root) == []


def test_the_step_knows_the_sessions_of_a_declared_exchange(released):
    table = write_clean(released.root / "results/prices_clean.json", later(1))
    options = ["--input", table, "--output", "found.json", "--exchange", "XNYS"]
    subprocess.run(
        [sys.executable, SCRIPTS / "monitor.py", *options], cwd=released.root, check=True
    )
    assert days(released.root)[-1].late


def watched(firm, records, **options):
    """What the watch finds after a day was recorded."""
    model, _ = read_model(firm.production / "current/model.json")
    return watch(firm.root, write_down(firm, records, **options), WatchLimits(), model)


@pytest.mark.parametrize(
    ("name", "what"), [("flags", "flags were raised"), ("quarantined", "rows were quarantined")]
)
def test_data_are_held_against_days_before_them_only_where_there_are_any(released, name, what):
    def reasons(count, number):
        return watched(released, later(count), facts={name: number})["reasons"]

    assert reasons(1, 3) == []
    assert reasons(2, 30) == []
    assert reasons(3, 31) == []
    [reason] = reasons(4, 200)
    assert f"169 {what} on" in reason


def test_flags_that_other_thresholds_or_code_found_are_neither_judged_nor_compared_with(released):
    def reasons(count, flags, way):
        facts = {"flags": flags} | ({"counted_by": way} if way else {})
        return watched(released, later(count), facts=facts)["reasons"]

    assert reasons(1, 3, None) == []  # a line of an earlier version
    assert reasons(2, 4, None) == []
    assert reasons(3, 300, "a") == []
    assert reasons(4, 304, "a") == []
    [reason] = reasons(5, 340, "a")
    assert "36 flags were raised on" in reason
    assert reason.endswith("at most 4 a day on the 2 comparable days before")
    assert reasons(6, 900, "b") == []


def test_a_day_on_which_a_symbol_has_no_price_turns_the_watch_yellow(released):
    for count in (1, 2):
        assert watched(released, later(count))["reasons"] == []
    day, before = last_day(later(3)), last_day(later(2))
    found = watched(released, [r for r in later(3) if r["symbol"] == "S0" or r["date"] <= before])
    assert found["reasons"] == [f"1 of usually 2 symbols have a price on {day}"]
    assert found["colour"] == "yellow"


def test_a_day_is_described_by_its_flags_and_its_quarantined_rows_except_repetitions(tmp_path):
    quarantined = {"duplicate": 5, "bad-number": 2, "bad-date": 1}
    receipts = [tmp_path / "ingest.json", tmp_path / "clean.json", tmp_path / "data_quality.json"]
    receipts[0].write_bytes(
        orjson.dumps({"quarantined": quarantined, "newest_lost": {"S1": "2020-07-15"}})
    )
    receipts[1].write_bytes(orjson.dumps({"corrections": []}))
    quality = {"flags": {"stale": 1, "jump": 3}, "thresholds": {"jump_z": 8.0}}
    receipts[2].write_bytes(orjson.dumps(quality))
    found = facts_of_day(receipts)
    way = found["facts"].pop("counted_by")
    assert found["facts"] == {"quarantined": 3, "flags": 4}
    assert facts_of_day(receipts)["facts"]["counted_by"] == way
    receipts[2].write_bytes(orjson.dumps(quality | {"thresholds": {"jump_z": 9.0}}))
    assert facts_of_day(receipts)["facts"]["counted_by"] != way
    assert list(found["unfit"]) == ["S1"]
    assert facts_of_day([]) == {"facts": {}, "unfit": {}}


def test_the_release_is_compared_with_ewma_and_with_the_newest_trained_model(released):
    def tests(count):
        return set(watched(released, later(count))["tests"])

    alone = {"exceptions_1", "exceptions_5", "shortfall", "calibration", "ewma"}
    candidate = released.root / CANDIDATE / "model.json"
    candidate.parent.mkdir()
    candidate.write_text("{}")  # such as one of another version of the code
    assert [tests(count) for count in (1, 2)][1] == alone
    shutil.copyfile(released.made[1] / "results/model.json", candidate)
    assert [tests(count) for count in (3, 4)][1] == {*alone, "challenger"}
    table = released.root / "results/prices_clean.json"
    wanted = predict(candidate, prices=table, quantiles=RIVAL_LEVELS, horizon=1)
    found = days(released.root)[-1].table(RIVALS).to_pylist()
    found = [row for row in found if row["rival"] == "challenger"]
    assert [row["symbol"] for row in found] == ["S0", "S1"]
    for row, record in zip(found, wanted, strict=True):
        assert (row["q0.05"], row["q0.95"]) == (record["q0.05"], record["q0.95"])


def test_the_share_within_is_told_beside_that_of_the_back_test_one_day_ahead(released):
    found = [watched(released, later(count)) for count in (1, 2, 3)][-1]
    model, _ = read_model(released.production / "current/model.json")
    live = read(released, later(3))
    inside, below = (int(part.sum()) for part in (live.inside, live.came < live.bounds[..., 0]))
    assert found["forecasts"] == 4
    assert found["coverage"] == {
        "promised": 0.9,
        "backtest": model["metrics"]["pooled"]["model"]["by_horizon"]["coverage"][0],
        "live": inside / 4,
    }
    assert found["exceptions"]["5%"] == {"found": below, "forecasts": 4, "promised": 0.05}


def test_a_model_that_this_code_does_not_read_cannot_forecast(released, monkeypatch):
    """As after an update; else the step that has a new one trained would fail each day."""
    monkeypatch.setattr("pricewright.forecasting.document.SCHEMA_VERSION", 99)
    with pytest.raises(CannotForecast, match=r"schema version .*; train again"):
        write_down(released, later(1))


def test_after_another_release_each_has_its_own_record(released):
    write_down(released, later(1))
    first = released.current
    released.wait(minutes=5)
    released.signed_release(1)
    write_down(released, later(1))
    assert [day.release for day in days(released.root)] == [first, released.current]
    assert len(days(released.root, first)) == 1
    assert verify_record(released.root) == []


def test_the_evidence_against_the_release_before_is_shown_while_its_model_is_there(released):
    for count in (1, 2):
        write_down(released, later(count))
    first = released.current
    released.wait(minutes=5)
    released.signed_release(1)
    [earlier] = watched(released, later(3))["earlier"]
    assert (earlier["release"], earlier["red_since"]) == (first, None)
    assert [day["date"] for day in earlier["by_day"]] == [last_day(later(n)) for n in (1, 2)]
    shutil.rmtree(released.production / "releases" / first)
    found = watched(released, later(4))
    assert found["earlier"] == []
    assert found["days"] == 1
