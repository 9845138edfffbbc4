"""Snakemake's run report in a real browser, with markup wherever config and data allow it."""

import re

import pytest

from browser import DESKTOP, PHONE, browser, opened, press
from conftest import ROOT, as_csv, market, small_project
from pricewright.files.disk import file_sha256

SCRIPT = "<script>alert(1)</script>"
SCREENSHOTS = ROOT / "results" / "screenshots"
TITLE = f"</script>{SCRIPT}`x <javascript:y>`_ *b*"
SOURCE = "data/raw/<img src=x onerror=alert(1)>.csv"
KNOWN = ("cdn.tailwindcss.com should not be used in production", "The input spec uses Vega-Lite v3")
"""The console messages of Snakemake's page itself."""

pytestmark = pytest.mark.xdist_group("run_report")  # so that the tests share one run


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The run report of a run whose title, source and symbols are markup."""
    made = small_project(tmp_path_factory.mktemp("hostile") / "project")
    records = [row | {"symbol": row["symbol"].replace("S1", SCRIPT)} for row in market()]
    (made.folder / SOURCE).write_text(as_csv(records))
    made.configure(source={"uri": SOURCE, "symbol_pattern": ".+"}, report={"title": TITLE})
    outcome = made.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert SCRIPT in made.model()["symbols"]
    return made.folder / "results" / "run_report.html"


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def window(request, chromium, report):
    """The open report; in the end it must have caused no errors and no requests."""
    with opened(chromium, report, viewport=request.param, accept_downloads=True) as shown:
        yield shown
        name = f"run_report-{request.node.name.partition('[')[0].removeprefix('test_')}"
        path = SCREENSHOTS / f"{name}-{request.param['width']}.png"
        shown.page.screenshot(path=path)
        amiss = [said for said in shown.complaints if not any(known in said for known in KNOWN)]
        assert amiss == []
        assert {url for url in shown.requests if not url.startswith("data:")} == {report.as_uri()}


def test_the_first_page_describes_the_run_in_plain_text(window):
    text = window.page.inner_text("#app")
    assert TITLE in text
    assert SOURCE in text
    assert window.page.locator("a[href^=javascript]").count() == 0
    assert window.page.locator("#app img[src=x]").count() == 0


def test_the_statistics_show_every_step(window):
    press(window.page.get_by_text("Statistics"))
    window.page.wait_for_selector("#runtimes canvas, #runtimes svg.marks")
    window.page.wait_for_selector("#timeline canvas, #timeline svg.marks")
    sizes = window.page.eval_on_selector_all(
        "canvas", "all => all.map(one => one.width * one.height)"
    )
    assert len(sizes) == 2
    assert min(sizes) > 10_000


def test_every_result_has_one_label_and_a_caption_and_opens(window, report):
    page, results, seen = window.page, report.parent, []
    for category, count in (("Data", 5), ("Model", 3), ("Plots", 2), ("Run", 1)):
        page.reload()
        press(page.locator("nav").get_by_text(category, exact=True).first)
        assert page.locator("nav tbody tr").count() == count
        for place in range(count):
            row = page.locator("nav tbody tr").nth(place)
            eye = row.locator("a").first
            if eye.get_attribute("download"):
                with page.expect_download() as download:
                    press(eye)
                name = download.value.suggested_filename
                content = download.value.path().read_bytes()
                if name.endswith(".json.txt"):  # the page already has these bytes
                    same = file_sha256(results / name.removesuffix(".txt"))
                    assert f"which is in this page. Its SHA-256 is {same}" in content.decode()
                else:
                    assert (results / name).read_bytes() == content
            else:
                press(eye)
                page.wait_for_selector('img[src^="data:image/svg"] >> nth=1')
                width = page.evaluate("Math.max(...[...document.images].map(i => i.naturalWidth))")
                assert width > 100
                name = category
            press(row.locator("a").nth(1))
            about = page.inner_text("nav")
            assert re.search(r"DESCRIPTION\s+\S.{40}", about), about
            seen.append(name)
            press(page.locator("nav").get_by_text(category, exact=True).first)
    assert len(seen) == 11
    assert sum(name.endswith(".json.txt") for name in seen) == 1  # the deployed model is the model


def test_pictures_are_wide_enough_to_be_read(window):
    press(window.page.locator("nav").get_by_text("Plots", exact=True))
    press(window.page.locator("nav tbody tr a").first)
    window.page.wait_for_selector('img[src^="data:image/svg"] >> nth=1')
    box = window.page.locator('img[src^="data:image/svg"]').nth(1).bounding_box()
    screen = window.page.viewport_size
    assert box["width"] >= min(500, 0.9 * screen["width"])
    assert box["x"] + box["width"] <= screen["width"] + 1
