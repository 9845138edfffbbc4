"""What a source delivers over time, and what there is then."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from deliveries import HEAD, NAMES, rows
from inbox import OWN, OWN_HEAD, TERMS, TODAY, closes
from pricewright.files.errors import Refusal
from pricewright.intake.archive import Archive
from pricewright.intake.intake import take_in
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.receipt import receipt_of
from pricewright.intake.sources.items import local_files


def listed(taken):
    return [
        (entry["what"], entry["symbol"], entry["date"], entry["old"])
        for entry in taken.restatements
    ]


def test_the_same_delivery_twice_changes_nothing(inbox):
    inbox.deliver("2024-01-01,A,1,1\n")
    first = inbox.take()
    before = sorted(inbox.archive.folder.rglob("*"))
    (inbox.folder / "in" / "prices.csv").touch()
    again = inbox.take()
    assert sorted(inbox.archive.folder.rglob("*")) == before
    assert closes(again) == closes(first)
    assert (again.facts, again.restatements) == (first.facts, first.restatements)


def test_a_whole_delivery_replaces_the_one_before_and_what_it_lacks_is_withdrawn(inbox):
    inbox.deliver("2024-01-01,A,1,1\n2024-01-02,A,2,1\n")
    inbox.take()
    inbox.deliver("2024-01-02,A,3,1\n2024-01-03,A,4,1\n")
    taken = inbox.take()
    assert closes(taken) == {("A", "2024-01-02"): 3.0, ("A", "2024-01-03"): 4.0}
    assert listed(taken) == [
        ("withdrawn", "A", "2024-01-01", {"close": 1.0, "volume": 1.0}),
        ("restated", "A", "2024-01-02", 2.0),
    ]
    digests = [delivery.sha256 for delivery in inbox.archive.known()]
    assert [entry["old_sha256"] for entry in taken.restatements] == digests[:1] * 2
    assert [entry["new_sha256"] for entry in taken.restatements] == digests[1:] * 2
    assert [delivery.sha256 for delivery in taken.earlier] == digests[:1]
    assert listed(inbox.take()) == listed(taken)


def test_an_appended_delivery_adds_and_restates_but_withdraws_nothing(inbox):
    inbox.deliver("2024-01-01,A,1,1\n2024-01-02,A,2,1\n")
    inbox.take("append")
    inbox.deliver("2024-01-02,A,3,1\n")
    taken = inbox.take("append")
    assert closes(taken) == {("A", "2024-01-01"): 1.0, ("A", "2024-01-02"): 3.0}
    assert listed(taken) == [("restated", "A", "2024-01-02", 2.0)]
    assert taken.state.superseded == [1, 0]
    assert closes(inbox.take("append")) == closes(taken)


def test_parts_make_up_the_whole_and_one_delivered_again_replaces_itself(inbox):
    inbox.deliver("2024-01-01,A,1,1\n2024-01-01,C,7,1\n", "a.csv")
    inbox.deliver("2024-01-01,B,2,1\n2024-01-01,C,8,1\n", "b.csv")
    first = inbox.take("parts")
    assert closes(first) == {
        ("A", "2024-01-01"): 1.0,
        ("B", "2024-01-01"): 2.0,
        ("C", "2024-01-01"): 8.0,
    }
    assert listed(first) == [("restated", "C", "2024-01-01", 7.0)]
    inbox.deliver("2024-01-02,B,3,1\n", "b.csv")
    second = inbox.take("parts")
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
def test_a_part_that_replaces_itself_makes_what_reading_all_anew_does(inbox, monkeypatch, seed):
    random = np.random.default_rng(seed)
    everything, found = Archive(inbox.folder / "everything", "in"), []
    for turn in range(8):
        for name in random.choice(["a.csv", "b.csv", "c.csv"], 2):
            symbols = "ABC" if seed % 2 else name[0].upper()  # odd: parts overlap
            keys = {(random.choice(list(symbols)), day) for day in random.integers(1, 9, 5)}
            close = random.integers(1, 9)
            lines = [f"2024-01-0{day},{symbol},{close},{turn}.0\n" for symbol, day in sorted(keys)]
            inbox.deliver("".join(lines), name)
        quick = inbox.take("parts", max_shrink=1.0)
        with monkeypatch.context() as patch:
            patch.setattr("pricewright.intake.intake.without", lambda *_: found.append(1))
            terms = replace(TERMS, mode="parts", max_shrink=1.0)
            slow = take_in(local_files(inbox.uri), everything, terms, TODAY)
        for name in ("facts", "restatements", "earlier"):
            assert getattr(quick, name) == getattr(slow, name)
        assert rows(quick.state.prices) == rows(slow.state.prices)
        assert quick.state.prices.names == slow.state.prices.names
        assert quick.state.origins.tolist() == slow.state.origins.tolist()
        assert list(quick.state.superseded) == list(slow.state.superseded)
    assert found


@pytest.mark.parametrize("other", ["2024-01-01,B,1,1\n", "2024-01-01,A,1,1\n"])
def test_what_is_said_of_a_part_that_cannot_be_read_does_not_depend_on_what_is_read(inbox, other):
    """Whether files overlap, so that all are read once more, or not."""
    inbox.deliver("2024-01-01,A,1,1\n", "a.csv")
    inbox.deliver(other, "b.csv")
    inbox.take("parts", dialect=Dialect())
    (inbox.folder / "in" / "b.csv").write_text("x,y\n1,2\n")
    with pytest.raises(Refusal, match=r"b\.csv.* earlier deliveries \(1\), else correct"):
        inbox.take("parts", dialect=Dialect())


def test_of_a_part_that_grows_only_it_is_read_again(inbox, files_read):
    this_year = "2024-01-01,A,2,1\n2024-01-01,B,20,1\n"
    inbox.deliver("2023-12-31,A,1,1\n2023-12-31,B,10,1\n", "2023.csv")
    inbox.deliver(this_year, "2024.csv")
    inbox.save(inbox.take("parts"))
    assert files_read == ["in/2023.csv", "in/2024.csv"]
    inbox.deliver(this_year + "2024-01-02,A,3,1\n", "2024.csv")
    assert list(closes(inbox.take("parts")).values()) == [1, 2, 3, 10, 20]
    assert files_read == ["in/2023.csv", "in/2024.csv", "in/2024.csv"]


def test_of_deliveries_that_are_read_again_only_the_count_of_each_way_is_logged(inbox, caplog):
    caplog.set_level("INFO", "pricewright")
    for number in range(3):
        inbox.deliver(f"2024-01-0{number + 1},A,{number + 1},1\n", f"{number}.csv")
    inbox.deliver("2024-01-04;A;4;1\n", "other.csv", head=HEAD.replace(",", ";"))
    inbox.take("parts", dialect=Dialect())
    said = [(each.message, each.fields) for each in caplog.records]
    assert [fields["place"] for message, fields in said if message == "read"] == [
        *("in/0.csv", "in/1.csv", "in/2.csv", "in/other.csv")
    ]
    assert "read again" not in caplog.text
    caplog.clear()
    inbox.deliver("2024-01-05,A,5,1\n", "new.csv")
    inbox.take("parts", dialect=Dialect())
    said = [(each.message, each.fields) for each in caplog.records if "read" in each.message]
    assert [
        (message, fields.get("place", fields.get("deliveries"))) for message, fields in said
    ] == [("read again", 3), ("read again", 1), ("read", "in/new.csv")]
    assert [fields["delimiter"] for _, fields in said] == [",", ";", ","]


def test_a_file_that_is_gone_from_the_folder_has_still_been_delivered(inbox):
    inbox.deliver("2024-01-01,A,1,1\n", "day-1.csv")
    inbox.take("parts")
    (inbox.folder / "in" / "day-1.csv").unlink()
    inbox.deliver("2024-01-02,A,2,1\n", "day-2.csv")
    assert list(closes(inbox.take("parts")).values()) == [1.0, 2.0]


def test_files_that_come_together_are_taken_in_order_of_their_numbers(inbox):
    for day in (10, 9, 2):
        inbox.deliver(f"2024-01-01,A,{day},1\n", f"day-{day}.csv")
    assert list(closes(inbox.take("parts")).values()) == [10.0]
    assert [delivery.place for delivery in inbox.archive.known()] == [
        "in/day-2.csv",
        "in/day-9.csv",
        "in/day-10.csv",
    ]


def test_a_delivery_without_values_takes_the_place_of_none(inbox):
    days = [f"2024-01-{day:02},A" for day in range(1, 11)]
    inbox.deliver("".join(f"{day},{50 + n},1\n" for n, day in enumerate(days)))
    inbox.take()
    for empty in (10, 7):
        rows = [f"{day},{'' if n < empty else 50 + n},1\n" for n, day in enumerate(days)]
        inbox.deliver("".join(rows))
        with pytest.raises(Refusal, match=r"none of its 10 rows has a close|7 would be .* lose"):
            inbox.take(max_shrink=0.5)
    assert len(inbox.archive.known()) == 1


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (OWN.replace("2024-01-0", "x-"), r"9 of the 10 rows cannot be kept; correct the file"),
        (OWN.replace(",1\n", ",1\n2024-02-01,-1,1\n"), r"10 of the 20 rows"),
    ],
)
def test_a_first_delivery_of_which_too_much_is_lost_is_refused(inbox, text, remedy):
    inbox.deliver(text, "prices.csv", OWN_HEAD)
    with pytest.raises(Refusal, match=rf"in/prices\.csv:[23]: .*{remedy}.*source\.max_quarantined"):
        inbox.take(dialect=Dialect(symbol="X"), max_quarantined=0.4)
    assert len(inbox.take(dialect=Dialect(symbol="X"), max_quarantined=1.0).state.prices) > 0


def test_a_delivery_that_is_long_and_mostly_unreadable_does_not_withdraw_good_prices(inbox):
    inbox.deliver("".join(f"2024-01-{day:02},A,1,1\n" for day in range(1, 11)))
    inbox.take()
    inbox.deliver(
        "".join(f"2024-01-{day:02},A,N/D,1\n" for day in range(1, 10)) + "2024-01-10,A,1,1\n"
    )
    with pytest.raises(Refusal, match=r"only 1 of its 10 rows can be kept, but the .* had 10;"):
        inbox.take()


def test_one_bad_file_of_several_is_named_and_nothing_is_accepted(inbox):
    inbox.deliver("2024-01-01,A,1,1\n", "a.csv")
    (inbox.folder / "in" / "b.csv").write_text("<html>Sign in</html>")
    with pytest.raises(Refusal, match=r"^in/b\.csv.* HTML"):
        inbox.take("parts")
    assert inbox.archive.known() == []


@pytest.mark.parametrize("text", ["Date,Ticker,Dividend\n2024-01-01,A,1\n", "read me\n"])
def test_a_file_of_a_folder_that_holds_no_prices_is_refused_with_the_key_that_leaves_it_out(
    inbox, text
):
    inbox.deliver("2024-01-01,A,1,1\n", "a.csv")
    (inbox.folder / "in" / "b.csv").write_text(text)
    with pytest.raises(Refusal, match=r"b\.csv.* if it holds no prices, list it in source\.leave"):
        inbox.take("parts", dialect=Dialect())


FIRSTS = [(day, month) for month in range(1, 13) for day in range(1, 13)]


def dated(pairs, values):
    rows = zip(pairs, values, strict=True)
    return "".join(f"2023-{month:02}-{day:02},A,{value},1\n" for (day, month), value in rows)


@pytest.mark.parametrize("mode", ["whole", "parts"])
@pytest.mark.parametrize(
    ("pairs", "gone"), [([(1, month) for month in range(1, 13)], 11), (FIRSTS, 0)]
)
def test_a_delivery_whose_days_and_months_are_exchanged_is_refused(inbox, mode, pairs, gone):
    values = [round(100 * 1.01**place + place % 2, 2) for place in range(len(pairs))]
    inbox.deliver(dated(pairs, values))
    inbox.take(mode)
    lines = dated([(month, day) for day, month in pairs], values).splitlines(keepends=True)
    inbox.deliver("".join(sorted(lines)))
    others = r"\d\d+" if not gone else "0"
    with pytest.raises(
        Refusal,
        match=rf"of the {len(pairs)} prices .* {gone} would be .* {others} would become",
    ):
        inbox.take(mode)
    assert len(inbox.archive.known()) == 1
    assert len(inbox.take(mode, max_shrink=1.0).state.prices) == len(pairs)


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
def test_a_split_an_adjustment_fewer_digits_and_a_few_corrections_are_taken(inbox, change):
    values = [round(100 * 1.01**place + place % 2, 2) for place in range(len(FIRSTS))]
    inbox.deliver(dated(FIRSTS, values))
    inbox.take()
    inbox.deliver(dated(FIRSTS, [change(*each) for each in enumerate(values)]))
    assert len(inbox.take(max_shrink=0.1).restatements) > 0


@pytest.mark.parametrize("mode", ["whole", "parts"])
def test_a_delivery_much_shorter_than_the_one_it_replaces_is_refused(inbox, mode):
    inbox.deliver("".join(f"2024-01-{day:02},A,1,1\n" for day in range(1, 11)))
    inbox.take(mode)
    inbox.deliver("".join(f"2024-01-{day:02},A,1,1\n" for day in range(1, 5)))
    with pytest.raises(
        Refusal,
        match=r"in/prices\.csv: only 4 of its 4 rows .*, but the delivery before had 10;",
    ):
        inbox.take(mode)
    assert len(inbox.archive.known()) == 1
    assert len(inbox.take(mode, max_shrink=0.6).state.prices) == 4


def test_an_appended_delivery_may_be_short(inbox):
    inbox.deliver("".join(f"2024-01-{day:02},A,1,1\n" for day in range(1, 11)))
    inbox.take("append")
    inbox.deliver("2024-01-11,A,1,1\n")
    assert len(inbox.take("append").state.prices) == 11


def test_an_addition_without_rows_is_counted_and_changes_nothing(inbox, caplog):
    inbox.deliver("2024-01-01,A,1,1\n")
    first = inbox.take("append")
    for added, count in (("", 1), ("2024-01-02,A,2,1\n", 2), ("", 2), ("2024-01-03,A,3,1\n", 3)):
        inbox.deliver(added)
        taken = inbox.take("append")
        assert len(taken.state.prices) == count
        assert closes(first).items() <= closes(taken).items()
    assert [facts["rows"] for facts in taken.facts] == [1, 0, 1, 0, 1]
    assert "has no rows, so it adds nothing" in caplog.text
    receipt = receipt_of("inbox", taken, Path("raw.json"), "0" * 64)
    assert [way["deliveries"] for way in receipt["read_as"]] == [3]
    assert [each["rows"] for each in receipt["deliveries"]] == [1, 0, 1, 0, 1]


def test_a_part_without_rows_is_counted_until_one_with_rows_replaces_it(inbox, files_read):
    inbox.deliver("2024-01-01,A,1,1\n", "1.csv")
    inbox.deliver("", "2.csv")
    taken = inbox.take("parts")
    assert [facts["rows"] for facts in taken.facts] == [1, 0]
    inbox.save(taken)
    files_read.clear()
    inbox.deliver("2024-01-02,A,2,1\n", "2.csv")
    assert len(inbox.take("parts").state.prices) == 2
    assert files_read == ["in/2.csv"]
    inbox.deliver("", "2.csv")
    with pytest.raises(Refusal, match="only 0 of its 0 rows can be kept"):
        inbox.take("parts")


@pytest.mark.parametrize(
    ("mode", "before", "words"),
    [
        ("append", None, "the first delivery has no rows"),
        ("parts", None, "the first delivery has no rows"),
        ("whole", "2024-01-01,A,1,1\n", "header but no rows"),
    ],
)
def test_without_rows_no_other_delivery_is_accepted(inbox, mode, before, words):
    if before:
        inbox.deliver(before)
        inbox.take(mode)
    inbox.deliver("")
    with pytest.raises(Refusal, match=words):
        inbox.take(mode)


def test_an_addition_of_no_bytes_is_refused(inbox):
    inbox.uri = "in/prices.csv"
    inbox.deliver("2024-01-01,A,1,1\n")
    inbox.take("append")
    (inbox.folder / "in/prices.csv").write_bytes(b"")
    with pytest.raises(Refusal, match="is empty; deliver prices"):
        inbox.take("append")


def test_what_was_in_the_future_when_it_was_received_stays_so(inbox):
    inbox.deliver("2024-06-01,A,1,1\n2024-06-02,A,1,1\n")
    assert len(inbox.take().state.prices) == 1
    assert len(inbox.take(today=date(2025, 1, 1)).state.prices) == 1
    assert len(inbox.take(last_day=date(2024, 6, 2)).state.prices) == 2


def test_an_earlier_delivery_that_the_config_no_longer_describes_is_not_compared(inbox):
    inbox.deliver("2024-01-01,A,1,1\n")
    inbox.take()
    inbox.deliver("2024-01-01,A,2,1\n")
    path = inbox.folder / "in" / "prices.csv"
    path.write_text(path.read_text().replace(",", ";"))
    taken = inbox.take(dialect=Dialect(columns=NAMES, delimiter=";"))
    assert closes(taken) == {("A", "2024-01-01"): 2.0}
    [entry] = taken.restatements
    assert entry["what"] == "not-compared"
    assert "source.delimiter" in entry["why"]


def day(text):
    return date.fromisoformat(text)


@pytest.mark.parametrize("mode", ["parts", "append"])
def test_as_of_a_day_a_file_of_later_days_waits_and_is_accepted_when_its_day_has_come(inbox, mode):
    for name in ("2024-01-02", "2024-01-03", "2024-01-04"):
        inbox.deliver(f"{name},A,{name[-1]},1\n", f"{name}.csv")
    inbox.deliver("2024-01-03,A,9,1\n", "2024-01-04b.csv")
    assert closes(inbox.take(mode, last_day=day("2024-01-02"))) == {("A", "2024-01-02"): 2}
    assert [each.place for each in inbox.archive.known()] == ["in/2024-01-02.csv"]
    taken = inbox.take(mode, last_day=day("2024-01-03"))
    assert closes(taken) == {("A", "2024-01-02"): 2, ("A", "2024-01-03"): 9}
    everything = inbox.take(mode)
    assert len(closes(everything)) == 3
    assert [each.place[3:13] for each in inbox.archive.known()] == [
        *("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-04")
    ]
    assert closes(inbox.take(mode, last_day=day("2024-01-02"))) == {("A", "2024-01-02"): 2}


def test_as_of_a_day_a_file_of_all_days_is_read_as_far_as_they_had_come(inbox):
    inbox.deliver("2024-01-02,A,2,1\n2024-01-03,A,3,1\n2024-01-04,A,4,1\n")
    taken = inbox.take(last_day=day("2024-01-02"), max_quarantined=0.1)
    assert closes(taken) == {("A", "2024-01-02"): 2}
    assert len(closes(inbox.take())) == 3
    assert inbox.take().restatements == []


def test_without_a_declared_day_a_file_of_the_future_alone_is_refused(inbox):
    inbox.deliver("2024-01-02,A,2,1\n", "a.csv")
    inbox.deliver("2999-01-02,A,2,1\n", "b.csv")
    with pytest.raises(Refusal, match=r"in/b\.csv:2: Date is a date after the delivery"):
        inbox.take("parts")
    (inbox.folder / "in/a.csv").unlink()
    with pytest.raises(Refusal, match=r"in/b\.csv:2: Date is a date after the delivery"):
        inbox.take("parts", last_day=day("2024-01-02"))


def test_as_of_a_day_what_is_wrong_otherwise_is_refused_still(inbox):
    inbox.deliver("2024-01-02,A,2,1\n2024-01-03,A,x,1\n2024-01-04,A,y,1\n")
    with pytest.raises(Refusal, match="2 of the 3 rows cannot be kept"):
        inbox.take(last_day=day("2024-01-04"), max_quarantined=0.5)
