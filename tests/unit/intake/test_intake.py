"""What a source delivers over time, and what there is then."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from deliveries import HEAD, NAMES, rows
from pricewright.files.errors import Refusal
from pricewright.intake import deliveries
from pricewright.intake.archive import Archive
from pricewright.intake.deliveries import Snapshot
from pricewright.intake.intake import IntakeTerms, take_in
from pricewright.intake.reading.content import Limits
from pricewright.intake.reading.delivery import read_delivery
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.sources.items import local_files
from pricewright.tables.prices import write_prices

TERMS = IntakeTerms(
    dialect=Dialect(columns=NAMES),
    mode="whole",
    max_shrink=0.5,
    max_quarantined=1.0,
    limits=Limits(),
    last_day=None,
    threads=1,
    code=lambda: "code",
)
TODAY = date(2024, 6, 1)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)


class Desk:
    """A folder in which a source delivers, and the archive of what it delivered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = Archive(folder / "received", "in")
        self.uri = "in"

    def deliver(self, text, name="prices.csv"):
        (self.folder / "in").mkdir(exist_ok=True)
        (self.folder / "in" / name).write_text(HEAD + text)

    def take(self, mode="whole", today=TODAY, **terms):
        return take_in(
            local_files(self.uri), self.archive, replace(TERMS, mode=mode, **terms), today
        )


def closes(taken):
    return {(row["symbol"], row["date"]): row["close"] for row in rows(taken.state.prices)}


def listed(taken):
    return [
        (entry["what"], entry["symbol"], entry["date"], entry["old"])
        for entry in taken.restatements
    ]


def test_the_bytes_are_kept_under_their_sha256_before_anything_reads_them(desk):
    desk.deliver("nonsense\n")
    with pytest.raises(Refusal, match=r"in/prices\.csv:2"):
        desk.take()
    [kept] = [path for path in desk.archive.folder.iterdir() if len(path.name) == 64]
    assert kept.read_text() == HEAD + "nonsense\n"
    assert kept.stat().st_mode & 0o777 == 0o444
    assert desk.archive.known() == []


def test_the_same_delivery_twice_changes_nothing(desk):
    desk.deliver("2024-01-01,A,1,1\n")
    first = desk.take()
    before = sorted(desk.archive.folder.rglob("*"))
    (desk.folder / "in" / "prices.csv").touch()
    again = desk.take()
    assert sorted(desk.archive.folder.rglob("*")) == before
    assert closes(again) == closes(first)
    assert (again.facts, again.restatements) == (first.facts, first.restatements)


def test_bytes_that_are_gone_from_the_archive_are_asked_for_again(desk):
    desk.deliver("2024-01-01,A,1,1\n")
    first = desk.take()
    kept = desk.archive.path(desk.archive.known()[0].sha256)
    kept.unlink()
    assert closes(desk.take()) == closes(first)
    assert kept.exists()
    assert len(desk.archive.known()) == 1


@pytest.mark.parametrize("mode", ["whole", "parts", "append"])
def test_kept_bytes_that_were_changed_are_refused_until_they_are_put_back_or_removed(desk, mode):
    desk.deliver("2024-01-01,A,1,1\n", "a.csv")
    first = desk.take(mode)
    kept = desk.archive.path(desk.archive.known()[0].sha256)
    content = kept.read_bytes()
    kept.chmod(0o644)
    kept.write_bytes(content.replace(b"A,1", b"A,2"))
    with pytest.raises(Refusal, match=f"{kept.name}: is not the bytes that were received; put"):
        desk.take(mode)
    if mode != "whole":  # nor is anything added to them
        desk.deliver("2024-01-01,B,1,1\n", "b.csv")
        with pytest.raises(Refusal, match=f"{kept.name}: is not the bytes that were received; put"):
            desk.take(mode)
        (desk.folder / "in" / "b.csv").unlink()
    kept.unlink()
    assert closes(desk.take(mode)) == closes(first)
    kept.chmod(0o644)
    kept.write_bytes(b"damaged")
    kept.write_bytes(content)
    assert closes(desk.take(mode)) == closes(first)


def test_with_kept_bytes_that_were_changed_a_whole_delivery_is_not_compared_and_that_is_said(desk):
    desk.deliver("2024-01-01,A,1,1\n")
    desk.take()
    kept = desk.archive.path(desk.archive.known()[0].sha256)
    kept.chmod(0o644)
    kept.write_text("damaged")
    desk.deliver("2024-01-01,A,2,1\n")
    (entry,) = desk.take().restatements
    assert entry["what"] == "not-compared"
    assert "is not the bytes that were received" in entry["why"]


def test_a_whole_delivery_replaces_the_one_before_and_what_it_lacks_is_withdrawn(desk):
    desk.deliver("2024-01-01,A,1,1\n2024-01-02,A,2,1\n")
    desk.take()
    desk.deliver("2024-01-02,A,3,1\n2024-01-03,A,4,1\n")
    taken = desk.take()
    assert closes(taken) == {("A", "2024-01-02"): 3.0, ("A", "2024-01-03"): 4.0}
    assert listed(taken) == [
        ("withdrawn", "A", "2024-01-01", {"close": 1.0, "volume": 1.0}),
        ("restated", "A", "2024-01-02", 2.0),
    ]
    digests = [delivery.sha256 for delivery in desk.archive.known()]
    assert [entry["old_sha256"] for entry in taken.restatements] == digests[:1] * 2
    assert [entry["new_sha256"] for entry in taken.restatements] == digests[1:] * 2
    assert [delivery.sha256 for delivery in taken.earlier] == digests[:1]
    assert listed(desk.take()) == listed(taken)


def test_an_appended_delivery_adds_and_restates_but_withdraws_nothing(desk):
    desk.deliver("2024-01-01,A,1,1\n2024-01-02,A,2,1\n")
    desk.take("append")
    desk.deliver("2024-01-02,A,3,1\n")
    taken = desk.take("append")
    assert closes(taken) == {("A", "2024-01-01"): 1.0, ("A", "2024-01-02"): 3.0}
    assert listed(taken) == [("restated", "A", "2024-01-02", 2.0)]
    assert taken.state.superseded == [1, 0]
    assert closes(desk.take("append")) == closes(taken)


def test_parts_make_up_the_whole_and_one_delivered_again_replaces_itself(desk):
    desk.deliver("2024-01-01,A,1,1\n2024-01-01,C,7,1\n", "a.csv")
    desk.deliver("2024-01-01,B,2,1\n2024-01-01,C,8,1\n", "b.csv")
    first = desk.take("parts")
    assert closes(first) == {
        ("A", "2024-01-01"): 1.0,
        ("B", "2024-01-01"): 2.0,
        ("C", "2024-01-01"): 8.0,
    }
    assert listed(first) == [("restated", "C", "2024-01-01", 7.0)]
    desk.deliver("2024-01-02,B,3,1\n", "b.csv")
    second = desk.take("parts")
    assert closes(second) == {
        ("A", "2024-01-01"): 1.0,
        ("B", "2024-01-02"): 3.0,
        ("C", "2024-01-01"): 7.0,
    }
    assert listed(second)[1:] == [
        ("withdrawn", "B", "2024-01-01", {"close": 2.0, "volume": 1.0}),
        ("restated", "C", "2024-01-01", 8.0),
    ]


@pytest.mark.parametrize("seed", range(8))
def test_a_part_that_replaces_itself_makes_what_reading_all_anew_does(desk, monkeypatch, seed):
    random = np.random.default_rng(seed)
    everything, found = Archive(desk.folder / "everything", "in"), []
    for turn in range(8):
        for name in random.choice(["a.csv", "b.csv", "c.csv"], 2):
            symbols = "ABC" if seed % 2 else name[0].upper()  # odd: parts overlap
            keys = {(random.choice(list(symbols)), day) for day in random.integers(1, 9, 5)}
            close = random.integers(1, 9)
            lines = [f"2024-01-0{day},{symbol},{close},{turn}.0\n" for symbol, day in sorted(keys)]
            desk.deliver("".join(lines), name)
        quick = desk.take("parts", max_shrink=1.0)
        with monkeypatch.context() as patch:
            patch.setattr("pricewright.intake.intake.without", lambda *_: found.append(1))
            terms = replace(TERMS, mode="parts", max_shrink=1.0)
            slow = take_in(local_files(desk.uri), everything, terms, TODAY)
        for name in ("facts", "restatements", "earlier"):
            assert getattr(quick, name) == getattr(slow, name)
        assert rows(quick.state.prices) == rows(slow.state.prices)
        assert quick.state.prices.names == slow.state.prices.names
        assert quick.state.origins.tolist() == slow.state.origins.tolist()
        assert list(quick.state.superseded) == list(slow.state.superseded)
    assert found


@pytest.mark.parametrize("other", ["2024-01-01,B,1,1\n", "2024-01-01,A,1,1\n"])
def test_what_is_said_of_a_part_that_cannot_be_read_does_not_depend_on_what_is_read(desk, other):
    """Whether files overlap, so that all are read once more, or not."""
    desk.deliver("2024-01-01,A,1,1\n", "a.csv")
    desk.deliver(other, "b.csv")
    desk.take("parts", dialect=Dialect())
    (desk.folder / "in" / "b.csv").write_text("x,y\n1,2\n")
    with pytest.raises(Refusal, match=r"b\.csv.* what came before \(1\) as well, else mend"):
        desk.take("parts", dialect=Dialect())


def test_of_a_part_that_grows_only_it_is_read_again(desk, monkeypatch):
    monkeypatch.setattr(
        "pricewright.intake.intake.read_delivery",
        lambda content, *rest: read.append(content.name) or read_delivery(content, *rest),
    )
    read, this_year = [], "2024-01-01,A,2,1\n2024-01-01,B,20,1\n"
    desk.deliver("2023-12-31,A,1,1\n2023-12-31,B,10,1\n", "2023.csv")
    desk.deliver(this_year, "2024.csv")
    folder, output = desk.archive.history / "snapshot", desk.folder / "prices.parquet"
    taken = desk.take("parts")
    sha256 = write_prices(output, taken.state.prices)
    snapshot = Snapshot(taken.state, taken.facts)
    deliveries.save_snapshot(folder, taken.key(), snapshot, output, sha256)
    assert read == ["in/2023.csv", "in/2024.csv"]
    desk.deliver(this_year + "2024-01-02,A,3,1\n", "2024.csv")
    assert list(closes(desk.take("parts")).values()) == [1, 2, 3, 10, 20]
    assert read == ["in/2023.csv", "in/2024.csv", "in/2024.csv"]


def test_a_file_that_is_gone_from_the_folder_has_still_been_delivered(desk):
    desk.deliver("2024-01-01,A,1,1\n", "day-1.csv")
    desk.take("parts")
    (desk.folder / "in" / "day-1.csv").unlink()
    desk.deliver("2024-01-02,A,2,1\n", "day-2.csv")
    assert list(closes(desk.take("parts")).values()) == [1.0, 2.0]


def test_files_that_come_together_are_taken_in_order_of_their_numbers(desk):
    for day in (10, 9, 2):
        desk.deliver(f"2024-01-01,A,{day},1\n", f"day-{day}.csv")
    assert list(closes(desk.take("parts")).values()) == [10.0]
    assert [delivery.place for delivery in desk.archive.known()] == [
        "in/day-2.csv",
        "in/day-9.csv",
        "in/day-10.csv",
    ]


OWN = "".join(f"2024-01-{day:02},{day},1\n" for day in range(1, 11))
HEADER = "Date,Close,Volume\n"


def test_a_delivery_without_values_takes_the_place_of_none(desk):
    days = [f"2024-01-{day:02},A" for day in range(1, 11)]
    desk.deliver("".join(f"{day},{50 + n},1\n" for n, day in enumerate(days)))
    desk.take()
    for empty in (10, 7):
        rows = [f"{day},{'' if n < empty else 50 + n},1\n" for n, day in enumerate(days)]
        desk.deliver("".join(rows))
        with pytest.raises(Refusal, match=r"none of its 10 rows has a close|7 would be .* lose"):
            desk.take(max_shrink=0.5)
    assert len(desk.archive.known()) == 1


def test_files_of_several_companies_under_one_symbol_are_refused_and_their_names_offered(desk):
    for name, power in (("AAPL.csv", 1), ("MSFT.csv", 2)):
        (desk.folder / "in").mkdir(exist_ok=True)
        text = "".join(f"2024-01-{day:02},{day**power + power},1\n" for day in range(1, 11))
        (desk.folder / "in" / name).write_text(HEADER + text)
    with pytest.raises(Refusal, match=r'in/MSFT\.csv: 10 of its days .* source\.symbol: "{file}"'):
        desk.take("parts", dialect=Dialect(symbol="X"))
    assert desk.archive.known() == []
    found = desk.take("parts", dialect=Dialect(symbol="{file}"))
    assert found.state.prices.names == ["AAPL", "MSFT"]
    assert len(found.state.prices) == 20


def test_files_of_one_symbol_that_correct_a_few_prices_are_taken(desk):
    (desk.folder / "in").mkdir()
    (desk.folder / "in" / "day-1.csv").write_text(HEADER + OWN)
    (desk.folder / "in" / "day-2.csv").write_text(HEADER + OWN.replace("05,5,", "05,6,"))
    found = desk.take("parts", dialect=Dialect(symbol="X"))
    assert [entry["new"] for entry in found.restatements] == [6.0]


def put(desk, name, closes, first="2024-01-01"):
    path = desk.folder / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    days = np.datetime64(first) + np.arange(len(closes))
    rows = zip(days, closes, strict=True)
    path.write_text(HEADER + "".join(f"{day},{close},1\n" for day, close in rows))


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
    desk, names, second, why, day
):
    put(desk, names[0], QUIET)
    put(desk, names[1], second, day)
    desk.uri = "in/**/*.*"
    with pytest.raises(
        Refusal, match=rf"{names[1]}: it seems .* than in/{names[0]}, for {why}, .*"
    ):
        desk.take("parts", dialect=Dialect(symbol="X"))
    assert desk.archive.known() == []


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
def test_files_of_one_symbol_that_are_named_by_their_time_are_taken(desk, names, second):
    put(desk, names[0], QUIET)
    put(desk, names[1].replace(".gz", ""), second, "2024-01-11")
    assert len(desk.take("parts", dialect=Dialect(symbol="X")).state.prices) == 20


def test_a_file_in_a_folder_that_says_its_symbol_is_of_that_one(desk):
    put(desk, "symbol=AAPL/part-0.csv", QUIET)
    put(desk, "ticker=BRK%2EB/year=2024/part-0.csv", HIGHER)
    desk.uri = "in/**/*.csv"
    found = desk.take("parts", dialect=Dialect(symbol="{file}"))
    assert found.state.prices.names == ["AAPL", "BRK.B"]
    assert len(found.state.prices) == 20


def test_files_of_one_name_in_folders_of_several_symbols_are_refused(desk):
    put(desk, "AAPL/data.csv", QUIET)
    put(desk, "MSFT/data.csv", [100 + number**2 for number in range(10)])
    desk.uri = "in/**/*.csv"
    with pytest.raises(Refusal, match=r"in/MSFT/data\.csv: .* name other symbols apart"):
        desk.take("parts", dialect=Dialect(symbol="{file}"))
    assert desk.archive.known() == []


def test_files_that_say_another_symbol_each_are_of_no_single_one(desk):
    (desk.folder / "in").mkdir()
    for day, symbol in ((1, "A"), (2, "B")):
        text = f'{{"symbol": "{symbol}", "rows": [{{"date": "2024-01-0{day}", "close": 1}}]}}'
        (desk.folder / "in" / f"{day}.json").write_text(text)
    with pytest.raises(Refusal, match=r"in/2\.json: the file itself says .* of B, and in/1\.json"):
        desk.take("parts", dialect=Dialect(symbol="X"))
    assert desk.take("parts", dialect=Dialect()).state.prices.names == ["A", "B"]


def test_a_file_whose_name_is_no_symbol_is_refused_where_it_should_be_one(desk):
    (desk.folder / "in").mkdir()
    (desk.folder / "in" / "my prices.csv").write_text(HEADER + OWN)
    with pytest.raises(Refusal, match=r"in/my prices\.csv: 'my prices' is not a symbol"):
        desk.take("parts", dialect=Dialect(symbol="{file}"))


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (OWN.replace("2024-01-0", "x-"), r"9 of the 10 rows cannot be kept; correct the file"),
        (OWN.replace(",1\n", ",1\n2024-02-01,-1,1\n"), r"10 of the 20 rows"),
    ],
)
def test_a_first_delivery_of_which_too_much_is_lost_is_refused(desk, text, remedy):
    (desk.folder / "in").mkdir()
    (desk.folder / "in" / "prices.csv").write_text(HEADER + text)
    with pytest.raises(Refusal, match=rf"in/prices\.csv:[23]: .*{remedy}.*source\.max_quarantined"):
        desk.take(dialect=Dialect(symbol="X"), max_quarantined=0.4)
    assert len(desk.take(dialect=Dialect(symbol="X"), max_quarantined=1.0).state.prices) > 0


def test_a_delivery_that_is_long_and_mostly_unreadable_does_not_withdraw_good_prices(desk):
    desk.deliver("".join(f"2024-01-{day:02},A,1,1\n" for day in range(1, 11)))
    desk.take()
    desk.deliver(
        "".join(f"2024-01-{day:02},A,N/D,1\n" for day in range(1, 10)) + "2024-01-10,A,1,1\n"
    )
    with pytest.raises(Refusal, match=r"1 of its 10 rows can be kept, where 10 of the delivery"):
        desk.take()


def test_one_bad_file_of_several_is_named_and_nothing_is_accepted(desk):
    desk.deliver("2024-01-01,A,1,1\n", "a.csv")
    (desk.folder / "in" / "b.csv").write_text("<html>Sign in</html>")
    with pytest.raises(Refusal, match=r"^in/b\.csv.* HTML"):
        desk.take("parts")
    assert desk.archive.known() == []


@pytest.mark.parametrize("text", ["Date,Ticker,Dividend\n2024-01-01,A,1\n", "read me\n"])
def test_a_file_of_a_folder_that_holds_no_prices_is_refused_with_the_key_that_leaves_it_out(
    desk, text
):
    desk.deliver("2024-01-01,A,1,1\n", "a.csv")
    (desk.folder / "in" / "b.csv").write_text(text)
    with pytest.raises(Refusal, match=r"b\.csv.* if it holds no prices, name it in source\.leave"):
        desk.take("parts", dialect=Dialect())


FIRSTS = [(day, month) for month in range(1, 13) for day in range(1, 13)]


def dated(pairs, values):
    rows = zip(pairs, values, strict=True)
    return "".join(f"2023-{month:02}-{day:02},A,{value},1\n" for (day, month), value in rows)


@pytest.mark.parametrize("mode", ["whole", "parts"])
@pytest.mark.parametrize(
    ("pairs", "gone"), [([(1, month) for month in range(1, 13)], 11), (FIRSTS, 0)]
)
def test_a_delivery_whose_days_and_months_are_exchanged_is_refused(desk, mode, pairs, gone):
    values = [round(100 * 1.01**place + place % 2, 2) for place in range(len(pairs))]
    desk.deliver(dated(pairs, values))
    desk.take(mode)
    desk.deliver(dated([(month, day) for day, month in pairs], values))
    others = r"\d\d+" if not gone else "0"
    with pytest.raises(
        Refusal,
        match=rf"of the {len(pairs)} prices .* {gone} would be .* {others} become",
    ):
        desk.take(mode)
    assert len(desk.archive.known()) == 1
    assert len(desk.take(mode, max_shrink=1.0).state.prices) == len(pairs)


@pytest.mark.parametrize(
    "change",
    [
        lambda place, value: value / 2,
        lambda place, value: value if place > 70 else value / 2,
        lambda place, value: value - 0.9 ** (place // 30),
        lambda place, value: round(value),
        lambda place, value: 7 * value if place % 20 == 0 else value,
    ],
)
def test_a_split_an_adjustment_fewer_digits_and_a_few_corrections_are_taken(desk, change):
    values = [round(100 * 1.01**place + place % 2, 2) for place in range(len(FIRSTS))]
    desk.deliver(dated(FIRSTS, values))
    desk.take()
    desk.deliver(dated(FIRSTS, [change(*each) for each in enumerate(values)]))
    assert len(desk.take(max_shrink=0.1).restatements) > 0


@pytest.mark.parametrize("mode", ["whole", "parts"])
def test_a_delivery_much_shorter_than_the_one_it_replaces_is_refused(desk, mode):
    desk.deliver("".join(f"2024-01-{day:02},A,1,1\n" for day in range(1, 11)))
    desk.take(mode)
    desk.deliver("".join(f"2024-01-{day:02},A,1,1\n" for day in range(1, 5)))
    with pytest.raises(
        Refusal,
        match=r"in/prices\.csv: 4 of its 4 rows can be kept, where 10 of the delivery before were;",
    ):
        desk.take(mode)
    assert len(desk.archive.known()) == 1
    assert len(desk.take(mode, max_shrink=0.6).state.prices) == 4


def test_an_appended_delivery_may_be_short(desk):
    desk.deliver("".join(f"2024-01-{day:02},A,1,1\n" for day in range(1, 11)))
    desk.take("append")
    desk.deliver("2024-01-11,A,1,1\n")
    assert len(desk.take("append").state.prices) == 11


def test_what_was_in_the_future_when_it_was_received_stays_so(desk):
    desk.deliver("2024-06-01,A,1,1\n2024-06-02,A,1,1\n")
    assert len(desk.take().state.prices) == 1
    assert len(desk.take(today=date(2025, 1, 1)).state.prices) == 1
    assert len(desk.take(last_day=date(2024, 6, 2)).state.prices) == 2


def test_an_earlier_delivery_that_the_config_no_longer_describes_is_not_compared(desk):
    desk.deliver("2024-01-01,A,1,1\n")
    desk.take()
    desk.deliver("2024-01-01,A,2,1\n")
    path = desk.folder / "in" / "prices.csv"
    path.write_text(path.read_text().replace(",", ";"))
    taken = desk.take(dialect=Dialect(columns=NAMES, delimiter=";"))
    assert closes(taken) == {("A", "2024-01-01"): 2.0}
    [entry] = taken.restatements
    assert entry["what"] == "not-compared"
    assert "source.delimiter" in entry["why"]


@pytest.mark.parametrize("checkpoint", ["prices.parquet", "prices.json"])
@pytest.mark.parametrize("mode", ["whole", "parts", "append"])
def test_a_snapshot_saves_reading_and_changes_nothing(desk, monkeypatch, mode, checkpoint):
    desk.deliver("2024-01-01,A,1,1\n2024-01-02,A,,1\n2024-01-02,A,x,1\n", "day-1.csv")
    folder, output = desk.archive.history / "snapshot", desk.folder / checkpoint

    def take_and_keep():
        taken = desk.take(mode)
        sha256 = write_prices(output, taken.state.prices)
        deliveries.save_snapshot(
            folder, taken.key(), Snapshot(taken.state, taken.facts), output, sha256
        )
        return taken

    def reading(content, *rest):
        read.append(content.name)
        return read_delivery(content, *rest)

    read = []
    monkeypatch.setattr("pricewright.intake.intake.read_delivery", reading)
    take_and_keep()
    desk.deliver("2024-01-02,A,2,1\n2024-01-03,A,3,1\n", "day-2.csv")
    taken = take_and_keep()
    assert read == ["in/day-1.csv", "in/day-2.csv"]
    written = output.read_bytes()
    for file in folder.iterdir():
        file.unlink()
    again = take_and_keep()
    assert output.read_bytes() == written
    assert again.facts == taken.facts
    assert again.state.superseded == taken.state.superseded


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"key": 1}', None])
def test_a_snapshot_that_cannot_be_read_is_made_again(desk, content):
    desk.deliver("2024-01-01,A,1,1\n")
    taken = desk.take()
    output, folder = desk.folder / "prices.parquet", desk.archive.history / "snapshot"
    sha256 = write_prices(output, taken.state.prices)

    def save():
        snapshot = Snapshot(taken.state, taken.facts)
        deliveries.save_snapshot(folder, taken.key(), snapshot, output, sha256)

    save()
    if content is None:  # something else is in its place
        shutil.rmtree(folder)
        folder.touch()
    else:
        (folder / "snapshot.json").write_text(content)
        (folder / "prices.parquet").unlink()
        (folder / "prices.parquet").mkdir()
    assert deliveries.load_snapshot(folder, taken.key) is None
    assert closes(desk.take()) == closes(taken)
    save()
    assert deliveries.load_snapshot(folder, taken.key) is not None


@pytest.mark.parametrize("content", ["", "[1", "{}", '{"deliveries": [{"byte3": 1}]}', None])
def test_an_order_that_was_changed_or_has_a_gap_is_refused(desk, content):
    for close in (1, 2, 3):
        desk.deliver(f"2024-01-01,A,{close},1\n")
        desk.take()
    first, second, third = sorted(desk.archive.history.glob("*.json"))
    kept = second.read_text()
    if content is None:
        second.unlink()
    else:
        second.write_text(content)
    with pytest.raises(Refusal, match=r"0002\.json: is not .*; put it back from a backup"):
        desk.take()
    assert (first.exists(), third.exists()) == (True, True)
    second.write_text(kept)
    assert len(desk.take().restatements) == 2


def test_a_snapshot_whose_bytes_were_changed_is_not_used(desk):
    desk.deliver("2024-01-01,A,1,1\n")
    taken = desk.take()
    output, folder = desk.folder / "prices.parquet", desk.archive.history / "snapshot"
    sha256 = write_prices(output, taken.state.prices)
    deliveries.save_snapshot(
        folder, taken.key(), Snapshot(taken.state, taken.facts), output, sha256
    )
    assert deliveries.load_snapshot(folder, taken.key) is not None
    assert deliveries.load_snapshot(folder, lambda: "another key") is None
    for name in ("prices.parquet", "origins.parquet"):
        content = (folder / name).read_bytes()
        for damaged in (content[:10] + b"?" + content[11:], content[:20], b"", None):
            (folder / name).unlink()  # the prices share their bytes with the checkpoint
            if damaged is not None:
                (folder / name).write_bytes(damaged)
            assert deliveries.load_snapshot(folder, taken.key) is None
        (folder / name).write_bytes(content)
        assert deliveries.load_snapshot(folder, taken.key) is not None


def test_what_a_killed_run_was_receiving_is_gone_after_the_next(desk):
    desk.deliver("2024-01-01,A,1,1\n")
    desk.archive.folder.mkdir()
    (desk.archive.folder / ".arriving.abcdefgh.tmp").touch()
    desk.take()
    assert not list(desk.archive.folder.glob(".*"))


def day(text):
    return date.fromisoformat(text)


@pytest.mark.parametrize("mode", ["parts", "append"])
def test_as_of_a_day_a_file_of_later_days_waits_and_is_accepted_when_its_day_has_come(desk, mode):
    for name in ("2024-01-02", "2024-01-03", "2024-01-04"):
        desk.deliver(f"{name},A,{name[-1]},1\n", f"{name}.csv")
    desk.deliver("2024-01-03,A,9,1\n", "2024-01-04b.csv")
    assert closes(desk.take(mode, last_day=day("2024-01-02"))) == {("A", "2024-01-02"): 2}
    assert [each.place for each in desk.archive.known()] == ["in/2024-01-02.csv"]
    taken = desk.take(mode, last_day=day("2024-01-03"))
    assert closes(taken) == {("A", "2024-01-02"): 2, ("A", "2024-01-03"): 9}
    everything = desk.take(mode)
    assert len(closes(everything)) == 3
    assert [each.place[3:13] for each in desk.archive.known()] == [
        *("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-04")
    ]
    assert closes(desk.take(mode, last_day=day("2024-01-02"))) == {("A", "2024-01-02"): 2}


def test_as_of_a_day_a_file_of_all_days_is_read_as_far_as_they_had_come(desk):
    desk.deliver("2024-01-02,A,2,1\n2024-01-03,A,3,1\n2024-01-04,A,4,1\n")
    taken = desk.take(last_day=day("2024-01-02"), max_quarantined=0.1)
    assert closes(taken) == {("A", "2024-01-02"): 2}
    assert len(closes(desk.take())) == 3
    assert desk.take().restatements == []


def test_without_a_declared_day_a_file_of_the_future_alone_is_refused(desk):
    desk.deliver("2024-01-02,A,2,1\n", "a.csv")
    desk.deliver("2999-01-02,A,2,1\n", "b.csv")
    with pytest.raises(Refusal, match=r"in/b\.csv:2: Date is a date after the delivery"):
        desk.take("parts")
    (desk.folder / "in/a.csv").unlink()
    with pytest.raises(Refusal, match=r"in/b\.csv:2: Date is a date after the delivery"):
        desk.take("parts", last_day=day("2024-01-02"))


def test_as_of_a_day_what_is_wrong_otherwise_is_refused_still(desk):
    desk.deliver("2024-01-02,A,2,1\n2024-01-03,A,x,1\n2024-01-04,A,y,1\n")
    with pytest.raises(Refusal, match="2 of the 3 rows cannot be kept"):
        desk.take(last_day=day("2024-01-04"), max_quarantined=0.5)
