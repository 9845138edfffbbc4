"""Intraday bars of a day of which several files have a share."""

from itertools import pairwise

import numpy as np
import pytest

from deliveries import rows
from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Calendar, Dialect
from pricewright.intake.receipt import receipt_of

HEAD = "Date,Ticker,Open,High,Low,Close,Volume\n"
DIALECT = Dialect(calendar=Calendar(bars="intraday", session="17:00"))


def hours(seed, *, symbols="AB", days=6):
    """Hourly bars of some symbols, in order of time, without some of the hours."""
    random, lines = np.random.default_rng(seed), []
    for day in range(1, days + 1):
        for hour in range(24):
            for symbol in symbols:
                if random.random() < 0.8:
                    prices = ",".join(map(str, random.integers(2, 9, 2)))
                    bar = f"{prices.split(',')[0]},9,1,{prices.split(',')[1]}"
                    volume = random.choice(["", str(random.integers(1, 99))])
                    lines.append(f"2024-01-{day:02} {hour:02}:00,{symbol},{bar},{volume}\n")
    return lines


def whole(inbox, lines):
    """The bars of the same rows in one file."""
    inbox.deliver("".join(lines), "all.csv", HEAD)
    archive, inbox.archive = inbox.archive, type(inbox.archive)(inbox.folder / "other", "in")
    taken = inbox.take("whole", dialect=DIALECT)
    (inbox.folder / "in" / "all.csv").unlink()
    inbox.archive = archive
    return taken


def bars(taken):
    return rows(taken.state.prices)


@pytest.mark.parametrize("seed", range(6))
def test_files_cut_anywhere_make_the_bars_of_one_file_in_whatever_order_they_come(inbox, seed):
    random, lines = np.random.default_rng(seed), hours(seed)
    expected = bars(whole(inbox, lines))
    between = [n for n, two in enumerate(pairwise(lines), 1) if two[0][:16] != two[1][:16]]
    cuts = [0, *sorted(random.choice(between, 9, replace=False).tolist()), len(lines)]
    files = {f"{one:03}.csv": "".join(lines[one:other]) for one, other in pairwise(cuts)}
    names = random.permutation(list(files))
    for some in np.array_split(names, 3):
        for name in some:
            inbox.deliver(files[name], name, HEAD)
        taken = inbox.take("parts", dialect=DIALECT)
        inbox.save(taken)
    assert bars(taken) == expected
    assert taken.restatements == []
    assert bars(inbox.take("parts", dialect=DIALECT)) == expected
    receipt = receipt_of("in", taken, inbox.folder / "x", "")
    assert receipt["kept"] == receipt["records"]["rows"] + receipt["superseded"]
    assert receipt["rows"] == receipt["in_bars"] == len(lines)


def test_a_file_delivered_again_replaces_its_own_share_of_a_day(inbox):
    lines = hours(1)
    for number in range(6):
        own = [line for line in lines if f"01-{number + 1:02} " in line]
        inbox.deliver("".join(own), f"{number}.csv", HEAD)
    inbox.save(inbox.take("parts", dialect=DIALECT))
    changed = [
        line[:19] + "5,50,1,6,1000\n" if line.startswith("2024-01-03 20:00,A") else line
        for line in lines
    ]
    own = [line for line in changed if "01-03 " in line]
    inbox.deliver("".join(own), "2.csv", HEAD)
    taken = inbox.take("parts", dialect=DIALECT)
    assert bars(taken) == bars(whole(inbox, changed))
    assert {(entry["symbol"], entry["date"]) for entry in taken.restatements} == {
        ("A", "2024-01-04")
    }


def test_a_new_file_is_read_alone_also_if_it_shares_a_day(inbox, files_read):
    lines = hours(2)
    for number in range(5):
        own = [line for line in lines if f"01-{number + 1:02} " in line]
        inbox.deliver("".join(own), f"{number}.csv", HEAD)
    inbox.save(inbox.take("parts", dialect=DIALECT), "prices.json")
    files_read.clear()
    inbox.deliver("".join(line for line in lines if "01-06 " in line), "5.csv", HEAD)
    taken = inbox.take("parts", dialect=DIALECT)
    assert files_read == ["in/5.csv"]
    assert bars(taken) == bars(whole(inbox, lines))


def test_an_addition_that_lasts_from_before_an_older_share_until_after_it_replaces_it(inbox):
    day = ["2024-01-02 09:00,A,1,9,1,2,5\n", "2024-01-02 10:00,A,2,9,1,3,5\n"]
    later = "2024-01-02 11:00,A,3,9,1,4,5\n"
    inbox.deliver(day[0], head=HEAD)
    inbox.take("append", dialect=DIALECT)
    inbox.deliver("".join(day), head=HEAD)
    taken = inbox.take("append", dialect=DIALECT)
    assert [(bar["open"], bar["close"], bar["volume"]) for bar in bars(taken)] == [(1, 3, 10)]
    assert [(each["column"], each["old"]) for each in taken.restatements] == [
        ("close", 2),
        ("volume", 5),
    ]
    inbox.deliver(later, head=HEAD)
    taken = inbox.take("append", dialect=DIALECT)
    assert [(bar["open"], bar["close"], bar["volume"]) for bar in bars(taken)] == [(1, 4, 15)]
    assert len(taken.restatements) == 2
    # replaces the first two, and not the third
    inbox.deliver("".join([*day[:1], "2024-01-02 10:00,A,2,9,1,3,6\n"]), head=HEAD)
    taken = inbox.take("append", dialect=DIALECT)
    assert [(bar["open"], bar["close"], bar["volume"]) for bar in bars(taken)] == [(1, 4, 16)]
    assert [(each["column"], each["old"]) for each in taken.restatements[2:]] == [("volume", 10)]


@pytest.mark.parametrize("at_once", [True, False])
def test_shares_that_overlap_are_refused_with_the_day_and_both_files(inbox, at_once):
    inbox.deliver("2024-01-02 09:00,A,1,9,1,2,5\n2024-01-02 11:00,A,1,9,1,2,5\n", "a.csv", HEAD)
    if not at_once:
        inbox.take("parts", dialect=DIALECT)
    inbox.deliver("2024-01-02 10:00,A,1,9,1,2,5\n2024-01-02 12:00,A,1,9,1,2,5\n", "b.csv", HEAD)
    with pytest.raises(Refusal, match=r"^in/b.csv: .* A on 2024-01-02 .* in/a.csv.* one file"):
        inbox.take("parts", dialect=DIALECT)


def test_the_same_rows_in_two_files_count_once(inbox):
    lines = hours(3, days=2)
    inbox.deliver("".join(lines), "a.csv", HEAD)
    inbox.deliver("".join(lines), "b.csv", HEAD)
    taken = inbox.take("parts", dialect=DIALECT)
    assert bars(taken) == bars(whole(inbox, lines))
    assert taken.restatements == []


def test_a_newer_share_that_covers_both_settles_which_of_two_counts(inbox):
    """Also in deliveries that an earlier version has accepted, and that nobody can take back."""
    day = [f"2024-01-02 {hour:02}:00,A,{hour},99,1,{hour},5\n" for hour in range(9, 14)]
    shares = [day[:3], day[2:], day]
    for number, share in enumerate(shares):
        inbox.deliver("".join(share), f"{number}.csv", HEAD)
    taken = inbox.take("parts", dialect=DIALECT)
    assert [(bar["open"], bar["close"], bar["volume"]) for bar in bars(taken)] == [(9, 13, 25)]
    assert taken.state.superseded == [1, 1, 0]


@pytest.mark.parametrize(("repaired", "is_read"), [(slice(1, 2), False), (slice(0, 3), True)])
def test_a_conflict_within_a_day_is_resolved_by_all_rows_of_that_day(inbox, repaired, is_read):
    day = [f"2024-01-02 {hour:02}:00,A,{hour},99,1,{hour},5\n" for hour in (9, 10, 11)]
    inbox.deliver("".join([*day, day[1].replace(",5", ",6")]), "a.csv", HEAD)
    assert bars(inbox.take("parts", dialect=DIALECT))[0]["volume"] == 10
    inbox.deliver("".join(day[repaired]), "b.csv", HEAD)
    if is_read:
        assert bars(inbox.take("parts", dialect=DIALECT))[0]["volume"] == 15
    else:
        with pytest.raises(Refusal, match="not all of that time"):
            inbox.take("parts", dialect=DIALECT)


def test_the_lost_last_rows_of_a_day_in_several_files_are_one_day_of_the_receipt(inbox):
    for number, hours_of in enumerate([(9, 10), (11, 12), (8,)]):
        lines = [
            f"2024-01-0{2 + (number > 1)} {hour:02}:00,A,5,9,1,{'x' if hour in (10, 12) else 5},5\n"
            for hour in hours_of
        ]
        lost = "2024-01-02 13:00,A,5,9,1,x,5\n"
        inbox.deliver("".join([*lines, lost]), f"{number}.csv", HEAD)
    receipt = receipt_of("in", inbox.take("parts", dialect=DIALECT), inbox.folder / "x", "")
    assert receipt["newest_lost"] == {}
    assert receipt["last_bar_lost"] == {"A": ["2024-01-02"]}
