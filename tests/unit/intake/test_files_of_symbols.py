"""Files of a folder whose symbol is not in them, or is in their names."""

import numpy as np
import pytest

from inbox import OWN, OWN_HEAD
from pricewright.files.errors import Refusal
from pricewright.intake.one_symbol import differing_names, symbol_of_file
from pricewright.intake.reading.dialect import Dialect


def test_files_of_several_companies_under_one_symbol_are_refused_and_their_names_offered(inbox):
    for name, power in (("AAPL.csv", 1), ("MSFT.csv", 2)):
        text = "".join(f"2024-01-{day:02},{day**power + power},1\n" for day in range(1, 11))
        inbox.deliver(text, name, OWN_HEAD)
    with pytest.raises(Refusal, match=r'in/MSFT\.csv: 10 of its days .* source\.symbol: "{file}"'):
        inbox.take("parts", dialect=Dialect(symbol="X"))
    assert inbox.archive.known() == []
    found = inbox.take("parts", dialect=Dialect(symbol="{file}"))
    assert found.state.prices.names == ["AAPL", "MSFT"]
    assert len(found.state.prices) == 20


def test_files_of_one_symbol_that_correct_a_few_prices_are_taken(inbox):
    inbox.deliver(OWN, "day-1.csv", OWN_HEAD)
    inbox.deliver(OWN.replace("05,5,", "05,6,"), "day-2.csv", OWN_HEAD)
    found = inbox.take("parts", dialect=Dialect(symbol="X"))
    assert [entry["new"] for entry in found.restatements] == [6.0]


def put(inbox, name, closes, first="2024-01-01"):
    days = np.datetime64(first) + np.arange(len(closes))
    rows = zip(days, closes, strict=True)
    inbox.deliver("".join(f"{day},{close},1\n" for day, close in rows), name, OWN_HEAD)


QUIET = [100 + number % 3 for number in range(10)]
HIGHER = [2.1 * close for close in QUIET]


@pytest.mark.parametrize(
    ("names", "second", "why"),
    [
        (("aapl.us.txt", "msft.us.txt"), HIGHER, "the price takes a step there"),
        (("AAPL/prices.csv", "MSFT/prices.csv"), HIGHER, "the price takes a step there"),
        (("600519.csv", "000001.csv"), HIGHER, "the price takes a step there"),
        (("AAPL-2023.csv", "MSFT-2024.csv"), QUIET, "the names look like symbols"),
    ],
)
@pytest.mark.parametrize("day", ["2024-01-11", "2024-01-10", "2024-01-19"])
def test_files_of_several_companies_that_follow_each_other_are_refused(
    inbox, names, second, why, day
):
    put(inbox, names[0], QUIET)
    put(inbox, names[1], second, day)
    inbox.uri = "in/**/*.*"
    with pytest.raises(
        Refusal, match=rf"{names[1]}: this seems .* than in/{names[0]}, because {why}, .*"
    ):
        inbox.take("parts", dialect=Dialect(symbol="X"))
    assert inbox.archive.known() == []


@pytest.mark.parametrize(
    ("names", "second"),
    [
        (("2023.csv", "2024.csv"), HIGHER),  # a split between them, perhaps
        (("JAN.csv", "FEB.csv"), HIGHER),
        (("Monday.csv", "Tuesday.csv"), HIGHER),
        (("prices_2024-01.csv", "prices_2024-02.csv.gz"), HIGHER),
        (("20240131.csv", "01022024.csv"), HIGHER),
        (("Q1.csv", "Q2.csv"), HIGHER),
        (("X_OLD.csv", "X_NEW.csv"), HIGHER),
        (("history.csv", "update.csv"), QUIET),
        (("januar.csv", "februar.json.csv"), QUIET),
    ],
)
def test_files_of_one_symbol_that_are_named_by_their_time_are_taken(inbox, names, second):
    put(inbox, names[0], QUIET)
    put(inbox, names[1].replace(".gz", ""), second, "2024-01-11")
    assert len(inbox.take("parts", dialect=Dialect(symbol="X")).state.prices) == 20


def test_a_file_in_a_folder_that_says_its_symbol_is_of_that_one(inbox):
    put(inbox, "symbol=AAPL/part-0.csv", QUIET)
    put(inbox, "ticker=BRK%2EB/year=2024/part-0.csv", HIGHER)
    inbox.uri = "in/**/*.csv"
    found = inbox.take("parts", dialect=Dialect(symbol="{file}"))
    assert found.state.prices.names == ["AAPL", "BRK.B"]
    assert len(found.state.prices) == 20


def test_files_of_one_name_in_folders_of_several_symbols_are_refused(inbox):
    put(inbox, "AAPL/data.csv", QUIET)
    put(inbox, "MSFT/data.csv", [100 + number**2 for number in range(10)])
    inbox.uri = "in/**/*.csv"
    with pytest.raises(Refusal, match=r"in/MSFT/data\.csv: .* give other symbols other names"):
        inbox.take("parts", dialect=Dialect(symbol="{file}"))
    assert inbox.archive.known() == []


@pytest.mark.parametrize(
    ("place", "symbol"),
    [
        ("px/RDS.A.csv", "RDS.A"),
        ("px/BHP.AX.csv.gz", "BHP.AX"),
        ("0700.HK.JSON.zst", "0700.HK"),
        ("px/aapl.us.txt", "aapl.us"),
        ("px/VOD.L", "VOD.L"),
        ("px/AAPL.snappy.parquet", "AAPL"),
        ("px/AAPL.2024-05-01.csv", "AAPL"),
        ("px/BRK.B.20240501.csv.gz", "BRK.B"),
        ("px/1810.HK.csv", "1810.HK"),
        ("https://x.test/BF%2EB.csv?key=${KEY}", "BF.B"),
        ("symbol=BRK.B/part.0.parquet", "BRK.B"),
    ],
)
def test_only_the_endings_of_formats_and_packings_are_no_part_of_a_symbol(place, symbol):
    assert symbol_of_file(place) == symbol


def test_two_classes_of_a_share_are_two_symbols(inbox):
    put(inbox, "RDS.A.csv", QUIET)
    put(inbox, "RDS.B.csv", HIGHER)
    found = inbox.take("parts", dialect=Dialect(symbol="{file}"))
    assert found.state.prices.names == ["RDS.A", "RDS.B"]
    assert len(found.state.prices) == 20
    assert differing_names(["RDS.A.csv", "RDS.B.csv.gz"]) == ["A", "B"]


@pytest.mark.parametrize("second", [HIGHER, [100 + number**2 for number in range(10)]])
@pytest.mark.parametrize("places", [("us/T.csv", "ca/T.csv"), ("T.csv", "T.txt")])
def test_two_places_of_one_name_that_hold_other_prices_are_refused(inbox, places, second):
    put(inbox, places[0], QUIET)
    put(inbox, places[1], second)
    inbox.uri = "in/**/*.*"
    with pytest.raises(Refusal, match=r"\d+ of its days have other .* of T; give other symbols"):
        inbox.take("parts", dialect=Dialect(symbol="{file}"))
    assert inbox.archive.known() == []


@pytest.mark.parametrize(
    ("places", "second", "first"),
    [
        (("2023/T.csv", "2024/T.csv"), QUIET, "2024-01-11"),
        (("2023/T.csv", "2024/T.csv"), HIGHER, "2024-01-01"),  # the same series, rescaled
        (("us/T.csv", "ca/T.csv"), QUIET, "2024-01-01"),
    ],
)
def test_files_of_one_name_that_differ_by_dates_or_agree_are_of_one_symbol(
    inbox, places, second, first
):
    put(inbox, places[0], QUIET)
    put(inbox, places[1], second, first)
    inbox.uri = "in/**/*.*"
    found = inbox.take("parts", dialect=Dialect(symbol="{file}"))
    assert found.state.prices.names == ["T"]


def test_a_file_that_takes_the_place_of_one_that_is_gone_may_hold_other_prices(inbox):
    put(inbox, "us/T.csv", QUIET)
    inbox.uri = "in/**/*.*"
    inbox.take("parts", dialect=Dialect(symbol="{file}"))
    put(inbox, "nyse/T.csv.txt", HIGHER)
    (inbox.folder / "in/us/T.csv").unlink()
    found = inbox.take("parts", dialect=Dialect(symbol="{file}"))
    assert found.state.prices.values["close"].tolist() == HIGHER


def test_codes_of_digits_that_cannot_be_a_date_tell_files_apart():
    assert differing_names(["002001.csv", "300750.csv"]) == ["002001", "300750"]
    assert differing_names(["202401.csv", "31012024.csv", "20240131.csv"]) == ["", "", ""]


def test_files_that_say_another_symbol_each_are_of_no_single_one(inbox):
    for day, symbol in ((1, "A"), (2, "B")):
        text = f'{{"symbol": "{symbol}", "rows": [{{"date": "2024-01-0{day}", "close": 1}}]}}'
        inbox.deliver(text, f"{day}.json", head="")
    with pytest.raises(Refusal, match=r"in/2\.json: the file itself says .* of B, and in/1\.json"):
        inbox.take("parts", dialect=Dialect(symbol="X"))
    assert inbox.take("parts", dialect=Dialect()).state.prices.names == ["A", "B"]


def test_a_file_whose_name_is_no_symbol_is_refused_where_it_should_be_one(inbox):
    inbox.deliver(OWN, "my prices.csv", OWN_HEAD)
    with pytest.raises(Refusal, match=r"in/my prices\.csv: 'my prices' is not a symbol"):
        inbox.take("parts", dialect=Dialect(symbol="{file}"))
