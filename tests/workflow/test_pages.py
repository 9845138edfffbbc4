"""The HTML reports in a real browser, opened from disk without any other files."""

import csv
import io
import re

import numpy as np
import orjson
import pytest
from axe_playwright_python.sync_playwright import Axe

from browser import DESKTOP, PHONE, browser, opened, press
from conftest import ROOT
from hostile_page import FORMULA, HOSTILE, SCRIPT, SYMBOLS, TITLE, hostile_report
from pricewright.evaluation.backtest_file import read_backtest
from pricewright.files.disk import file_sha256
from pricewright.reporting.figures import worst
from pricewright.reporting.html import FIRST

SCREENSHOTS = ROOT / "results" / "screenshots"
"""The folder with screenshots, for people to see what the tests saw."""

pytestmark = pytest.mark.xdist_group("pages")  # so that the tests share one page


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return hostile_report(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def seen(chromium, hostile):
    """The open hostile page; in the end it must have caused no errors and no requests."""
    with opened(chromium, hostile) as found:
        yield found.page
        assert found.complaints == []
        assert found.requests == [hostile.as_uri()]


@pytest.fixture
def model(hostile):
    return orjson.loads((hostile.parent / "model.json").read_bytes())


def shown(page):
    return page.locator("#table tbody tr:visible th").all_inner_texts()


def column(page, title):
    """The texts of a column of the visible rows."""
    place = page.locator("#table thead th").all_inner_texts().index(title) + 1
    return page.locator(f"#table tbody tr:visible > :nth-child({place})").all_inner_texts()


def drawn(page, scope=""):
    """The number of marks in each picture, once the page has drawn its first ones."""
    page.locator("#sight article:last-child figure:nth-child(3) svg").wait_for()
    return page.locator(f"{scope} .drawn svg").evaluate_all(
        "pictures => pictures.map(one => one.querySelectorAll('path, line, rect, text').length)"
    )


@pytest.mark.parametrize(("name", "size"), [("desktop", DESKTOP), ("phone", PHONE)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_without_errors_requests_or_serious_accessibility_issues(
    chromium, hostile, name, size, scheme
):
    with opened(chromium, hostile, viewport=size, color_scheme=scheme) as found:
        page = found.page
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        drawn(page)
        page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert found.complaints == []
        assert found.requests == [hostile.as_uri()]
        violations = Axe().run(page).response["violations"]
        serious = [v for v in violations if v["impact"] in ("serious", "critical")]
        assert [(v["id"], v["nodes"][0]["html"]) for v in serious] == []


def test_the_page_of_a_whole_run_opens_just_as_well(chromium, run_once):
    page = run_once.folder / "results" / "report.html"
    with opened(chromium, page) as found:
        assert found.page.locator("h1").inner_text() == "Small market"
        assert found.complaints == []
        assert min(drawn(found.page)) > 5


def test_the_pictures_are_drawn(seen):
    counts = drawn(seen)
    pictured = seen.locator("#sight article").count()
    assert len(counts) == 4 + 3 * pictured  # skill, coverage, PIT and the calendar of flags
    assert min(counts) > 10
    boxes = [picture.bounding_box() for picture in seen.locator(".drawn svg").all()]
    assert all(box["width"] > 200 and box["height"] > 40 for box in boxes)


def test_hostile_names_show_as_text(seen):
    assert seen.locator("h1").inner_text() == TITLE
    press(seen.locator("#all"))
    assert set(HOSTILE) <= set(shown(seen))
    assert seen.locator("a:not([href^='#'])").count() == 0


def test_a_symbol_that_is_markup_has_its_pictures_drawn(seen):
    seen.fill("#filter", SCRIPT)
    press(seen.get_by_role("button", name=SCRIPT))
    article = seen.locator("#sight article").first
    article.locator("figure:nth-child(3) svg").wait_for()
    assert article.locator("h3").inner_text().startswith(SCRIPT)
    assert len(drawn(seen, "#sight article:first-child")) == 3


def test_the_line_of_a_picture_is_the_prices(seen, model, hostile):
    drawn(seen)
    article = seen.locator("#sight article").first
    path = article.locator("figure:nth-child(1) svg .mark-line path").get_attribute("d")
    points = np.array(re.findall(r"-?[\d.]+", path), float).reshape(-1, 2)
    kept = read_backtest(
        hostile.parent / "backtest.parquet", file_sha256(hostile.parent / "model.json")
    )
    name = article.get_attribute("data-symbol")
    found = kept.lists(kept.symbols.index(name), ("days", "price"))
    assert len(points) == len(found["price"]) > 100
    for drawn_at, values in zip(points.T, found.values(), strict=True):
        line = np.polyfit(values, drawn_at, 1)
        assert np.abs(np.polyval(line, values) - drawn_at).max() < 0.1  # of a pixel


def test_the_table_begins_with_the_worst_and_shows_all_on_demand(seen, model):
    assert shown(seen) == worst(model)[:FIRST]
    assert f"{FIRST} of {SYMBOLS} symbols" in seen.locator("#shown").inner_text()
    press(seen.get_by_role("button", name="Show all"))
    assert shown(seen) == worst(model)


def test_the_table_sorts_by_number_both_ways(seen, model):
    by_symbol = model["metrics"]["by_symbol"]
    errors = {symbol: scores["model"]["mase"] for symbol, scores in by_symbol.items()}
    head = seen.locator("#table thead th", has_text=re.compile("^MASE$"))
    press(head.get_by_role("button"))
    assert head.get_attribute("aria-sort") == "descending"
    assert shown(seen) == sorted(errors, key=errors.get, reverse=True)[:FIRST]
    press(head.get_by_role("button"))
    assert head.get_attribute("aria-sort") == "ascending"
    assert shown(seen) == sorted(errors, key=errors.get)[:FIRST]


def test_the_table_sorts_by_name(seen, model):
    press(seen.get_by_role("button", name="Symbol", exact=True))
    assert shown(seen) == sorted(model["symbols"])[:FIRST]


def test_the_table_filters_by_name_and_by_note(seen):
    seen.fill("#filter", "s1")
    assert all("s1" in name.lower() for name in shown(seen))
    assert len(shown(seen)) == 10
    seen.fill("#filter", "2 flagged")
    assert shown(seen) == [SCRIPT]
    assert column(seen, "Notes")[0].count("2 flagged") == 1
    seen.fill("#filter", "")
    assert len(shown(seen)) == FIRST


def test_the_exported_table_has_exact_numbers_and_no_formula(seen, model):
    with seen.expect_download() as download:
        press(seen.get_by_role("button", name="Save as CSV"))
    text = download.value.path().read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == SYMBOLS + 1
    names = [row[0] for row in rows[1:]]
    assert f"'{FORMULA}" in names
    assert not [name for name in names if name[:1] in "=+-@"]
    symbol = names.index("S9") + 1
    mase = rows[0].index("MASE")
    assert float(rows[symbol][mase]) == model["metrics"]["by_symbol"]["S9"]["model"]["mase"]


def test_the_page_works_with_the_keyboard_alone(seen):
    seen.keyboard.press("Tab")
    assert seen.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    seen.keyboard.press("Enter")
    assert seen.url.endswith("#verdict")
    seen.focus("#filter")
    seen.keyboard.type(SCRIPT)
    seen.get_by_role("button", name=SCRIPT).focus()
    seen.keyboard.press("Enter")
    seen.locator("#sight article").first.locator("figure:nth-child(3) svg").wait_for()
    assert seen.evaluate("document.activeElement.textContent").startswith(SCRIPT)


def test_without_scripts_the_page_says_the_same(chromium, hostile):
    with opened(chromium, hostile, java_script_enabled=False) as found:
        assert found.page.locator("#verdict h2").is_visible()
        assert found.page.locator("#table tbody tr:visible").count() == SYMBOLS
        assert found.page.locator("#skill svg").first.is_visible()
        assert (
            "This page's script draws the pictures" in found.page.locator("#symbols").inner_text()
        )
        assert not found.page.locator("#tools").is_visible()
        assert not found.page.locator("#sight h3").first.is_visible()
        assert not found.page.get_by_text("Choose a symbol").is_visible()


def test_paper_has_all_symbols_and_what_the_columns_mean(seen):
    def printing(event):
        seen.evaluate(f"dispatchEvent(new Event('{event}'))")
        return len(shown(seen)), seen.locator("#columns dl").is_visible()

    assert printing("beforeprint") == (SYMBOLS, True)
    seen.emulate_media(media="print")
    assert seen.locator("#shown").inner_text() == f"{SYMBOLS} of {SYMBOLS} symbols"
    assert not seen.locator("#filter").is_visible()
    seen.emulate_media(media="screen")
    assert printing("afterprint") == (FIRST, False)


@pytest.mark.parametrize("width", [320, 400])
def test_nothing_overlaps_or_scrolls_sideways_on_a_narrow_screen(chromium, hostile, width):
    with opened(chromium, hostile, viewport={"width": width, "height": 700}) as found:
        page = found.page
        drawn(page)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        overlapping = page.locator(".stack td").evaluate_all(
            "cells => cells.filter(one => one.scrollWidth > one.clientWidth + 1)"
            ".map(one => one.textContent)"
        )
        assert overlapping == []


def test_exceptions_at_1_and_5_percent_differ_by_more_than_colour(seen):
    drawn(seen)
    points = seen.locator("#sight figure:nth-child(3) .mark-symbol path")
    shapes = points.evaluate_all(
        "all => all.map(one => [one.getAttribute('fill'), one.getAttribute('d')])"
    )
    kinds = {tuple(shape) for shape in shapes}
    assert len(kinds) == len({fill for fill, _ in kinds}) == len({path for _, path in kinds}) == 2


def test_the_page_prints_on_white_with_the_pictures(chromium, hostile):
    with opened(chromium, hostile, color_scheme="dark") as found:
        page = found.page
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        drawn(page)
        page.pdf(path=SCREENSHOTS / "print.pdf", format="A4")
        page.emulate_media(media="print")
        colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert colour == "rgb(255, 255, 255)"
        assert page.locator("#sight svg").first.is_visible()
        assert not page.locator("nav").is_visible()
        assert found.complaints == []
