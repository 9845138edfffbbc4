"""What `pricewright describe` asks about the times of intraday bars."""

import numpy as np
import pytest
import yaml

from descriptions import as_written, described
from pricewright.intake.findings import as_yaml

HEAD = "Time,Close\n"


def hourly(begin, hours, keep=lambda moment: True):
    """A row for each hour from a moment on; the close is its number."""
    moments = np.datetime64(begin, "h") + np.arange(hours)
    return [
        (str(moment).replace("T", " ") + ":00", number)
        for number, moment in enumerate(moments)
        if keep(moment.item())
    ]


def text(bars):
    return HEAD + "".join(f"{stamp},{close + 1}\n" for stamp, close in bars)


def opened(found):
    """The keys that are left open, with their choices."""
    return {each.key: [each.value, *each.others] for each in found.to_choose}


def is_open(moment):
    """Whether a futures market trades in the hour that begins: from Sunday to Friday, but for an
    hour before each session at 17:00."""
    weekday, hour = moment.weekday(), moment.hour
    return hour != 16 and not (
        weekday == 5 or (weekday == 4 and hour > 16) or (weekday == 6 and hour < 17)
    )


def test_bars_that_end_at_24_hours_are_stamped_at_their_end(tmp_path):
    bars = [
        (f"2024-01-{day:02} {hour:02}:00", 24 * day + hour)
        for day in (1, 2, 3)
        for hour in range(1, 25)
    ]
    path, found = described(tmp_path, text(bars))
    assert "stamps: end   # line 25 is at 24:00, the end of its day" in as_yaml("x", found)
    assert [row["close"] for row in as_written(path, found)] == [49, 73, 97]
    assert found.reading.quarantine.count == 0


def test_bars_from_1_oclock_until_midnight_may_be_stamped_at_either_end(tmp_path):
    path, found = described(tmp_path, text(hourly("2024-01-01T01", 72)))
    assert opened(found) == {"stamps": ["end", "start"]}
    assert [row["close"] for row in as_written(path, found, stamps="end")] == [24, 48, 72]
    assert [row["close"] for row in as_written(path, found, stamps="start")] == [23, 47, 71, 72]


def test_a_row_of_no_day_below_the_bars_changes_no_question(tmp_path):
    _, found = described(tmp_path, text(hourly("2024-01-01T01", 72)) + "Total,72\n")
    assert opened(found) == {"stamps": ["end", "start"]}


@pytest.mark.parametrize(
    "bars",
    [
        hourly("2024-01-01T00", 72),
        hourly("2024-01-01T05", 72),
        hourly("2024-01-01T01", 72, lambda moment: 9 <= moment.hour < 17),
        hourly("2024-01-01T14", 72, lambda moment: moment.hour >= 14),
    ],
)
def test_bars_that_begin_otherwise_raise_no_question(tmp_path, bars):
    assert opened(described(tmp_path, text(bars))[1]) == {}


@pytest.mark.parametrize("begin", ["2024-01-01T17", "2024-01-07T17", "2024-01-03T03"])
def test_bars_from_sunday_evening_on_ask_when_their_session_begins(tmp_path, begin):
    path, found = described(tmp_path, text(hourly(begin, 500, is_open)))
    assert opened(found) == {"session": ["17:00", "00:00"]}
    assert "as on Sunday 2024-01-" in found.to_choose[0].why
    days = [row["date"] for row in as_written(path, found, session="17:00")]
    assert all(np.is_busday(days))
    assert yaml.safe_load(as_yaml("x", found))["source"]["session"] == "?"
