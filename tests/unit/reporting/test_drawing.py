import json
import math
from statistics import fmean

import pytest
import vl_convert

from pricewright.reporting import charts, drawing
from pricewright.reporting.drawing import FILE, PAGE


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Where the library is kept, and how often it was made."""
    made = []

    def bundle(snippet):
        made.append(snippet)
        return "window.vegaEmbed = 1;"

    monkeypatch.setattr(drawing, "_BUNDLE", tmp_path / "cache" / "vega.js")
    monkeypatch.setattr(drawing.vl_convert, "javascript_bundle", bundle)
    return drawing._BUNDLE, made


def test_the_library_is_made_once_and_then_kept(kept):
    path, made = kept
    assert drawing.library() == drawing.library() == "window.vegaEmbed = 1;"
    assert len(made) == 1
    assert path.read_text() == "window.vegaEmbed = 1;"


def test_where_nothing_can_be_kept_the_library_is_made_each_time(kept, monkeypatch, tmp_path):
    _, made = kept
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(drawing, "_BUNDLE", tmp_path / "file" / "vega.js")
    assert drawing.library() == drawing.library() == "window.vegaEmbed = 1;"
    assert len(made) == 2


ROWS = [("all", 0.1, 0.05, 0.15), ("A", -0.1, -0.2, 0.0), ("B", None, None, None)]


def test_a_picture_on_the_page_has_the_pages_colours_and_nothing_inline():
    drawn = drawing.svg(charts.skill(ROWS, PAGE))
    assert 'stroke="var(--model)"' in drawn
    assert "#0072b2" not in drawn
    assert "style=" not in drawn
    assert "href" not in drawn


def test_a_picture_as_a_file_has_colours_of_its_own():
    drawn = drawing.svg(charts.skill(ROWS, FILE), FILE)
    assert "#0072b2" in drawn
    assert "var(--" not in drawn


def test_skill_is_shown_in_the_rows_order_without_those_that_have_none():
    drawn = drawing.svg(charts.skill(ROWS, PAGE))
    assert drawn.index(">all<") < drawn.index(">A<")
    assert ">B<" not in drawn


def test_the_calendar_labels_each_period_of_a_few_and_the_years_of_many():
    def labels(periods):
        cells = [{"flag": "jump", "period": period, "entries": 1} for period in periods]
        return drawing.svg(charts.calendar(cells, ["jump"], PAGE))

    assert ">2020-02<" in labels(["2020-01", "2020-02"])
    quarters = [f"{year} Q{quarter}" for year in (2020, 2021, 2022) for quarter in range(1, 5)]
    many = labels(quarters)
    assert all(f">{year}<" in many for year in (2020, 2021, 2022))
    assert ">2020 Q1<" not in many
    cells = [{"flag": "jump", "period": quarter, "entries": 1} for quarter in quarters]
    labelled = charts.calendar(cells, ["jump"], PAGE)["encoding"]["x"]["axis"]["values"]
    assert sorted(labelled) == ["2020 Q1", "2021 Q1", "2022 Q1"]


def drawn_lines(chart, days):
    """The points of each line of a symbol's picture, in pixels."""

    def parts(node):
        if isinstance(node, dict):
            yield node
        for part in node.values() if isinstance(node, dict) else node:
            if isinstance(part, dict | list):
                yield from parts(part)

    whole = drawing.whole(chart | {"datasets": {"days": days}})
    scene = vl_convert.vegalite_to_scenegraph(json.dumps(whole))
    marks = [part["items"] for part in parts(scene) if part.get("marktype") == "line"]
    return [[(item["x"], item["y"]) for item in items] for items in marks]


def test_the_realised_volatility_is_that_of_the_last_20_days():
    """Prices move by 5 % a day for 40 days, then by 1 %, which is what is forecast throughout."""
    moves = [(0.05 if day < 40 else 0.01) * (-1) ** day for day in range(80)]
    prices = [100 * math.exp(sum(moves[:day])) for day in range(80)]
    days = [
        {"time": 86_400_000 * day, "price": price, "volatility": 0.01}
        for day, price in enumerate(prices)
    ]
    forecast, realised = drawn_lines(charts.volatility("log", PAGE), days)
    assert [x for x, _ in realised] == [x for x, _ in forecast]
    one_percent = forecast[0][1]
    five_percent = realised[0][1]
    per_percent = (five_percent - one_percent) / 4
    for day in (1, 20, 39, 45, 50, 59, 60, 78):
        squares = [move**2 for move in moves[max(day - 20, 0) : day]]
        expected = one_percent + per_percent * (100 * math.sqrt(fmean(squares)) - 1)
        assert realised[day - 1][1] == pytest.approx(expected, abs=1e-6)


def test_a_change_of_a_price_in_levels_is_a_difference():
    """A price that goes from -1 to 1 and back moves by 2, as is forecast."""
    days = [
        {"time": 86_400_000 * day, "price": (-1) ** day, "volatility": 2.0} for day in range(40)
    ]
    chart = charts.volatility("level", PAGE)
    lines = drawn_lines(chart, days)
    assert len({height for line in lines for _, height in line}) == 1
    assert "%" not in drawing.svg(chart | {"datasets": {"days": days}})
