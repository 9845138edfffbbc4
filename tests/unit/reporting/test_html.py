import base64
import csv
import hashlib
import html
import io
import re
from html.parser import HTMLParser

import numpy as np
import orjson
import pytest

from hostile_page import (
    BREAKOUT,
    FORMULA,
    HOSTILE,
    LINK,
    REASON,
    SCRIPT,
    SYMBOLS,
    TITLE,
    hostile_report,
)
from pricewright.evaluation.backtest_file import SERIES, Backtest, read_backtest
from pricewright.files.disk import file_sha256
from pricewright.reporting import html as pages
from pricewright.reporting import pictures
from pricewright.reporting.figures import (
    FORMS,
    interval_ratio,
    pinball_skill,
    qlike_difference,
    value_at,
    worst,
)
from pricewright.reporting.html import FIRST, render
from pricewright.reporting.pictures import SymbolData
from pricewright.reporting.symbol_table import SymbolTable
from pricewright.signoffs.presentation import pending_decisions


class Read(HTMLParser):
    """A page as elements: name, attributes, and the text before the next tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag):
        self.elements.append(("", {}, ""))

    def handle_data(self, data):
        if self.elements:
            tag, attributes, text = self.elements[-1]
            self.elements[-1] = (tag, attributes, text + data)

    def all(self, tag):
        return [(attributes, text) for name, attributes, text in self.elements if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("page")
    hostile_report(made)
    return made


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(page):
    return Read(page)


@pytest.fixture
def model(folder):
    return orjson.loads((folder / "model.json").read_bytes())


@pytest.fixture
def backtest(folder):
    return read_backtest(folder / "backtest.parquet", file_sha256(folder / "model.json"))


def table_rows(page):
    body = re.search(r'<table id="table">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)[1]
    return re.findall(r"<tr.*?</tr>", body, re.DOTALL)


def scripts_of_data(page):
    return re.findall(r'<script type="application/json" id="\w+">(.*?)</script>', page)


def drawn_from(page):
    """The symbols that the page has the series of: those pictured first, then the others."""
    return [name for part in scripts_of_data(page)[:2] for name in orjson.loads(part)["symbols"]]


# The numbers


def test_every_number_on_the_page_is_the_models(read, model):
    shown = [found for found in read.all("data") if "data-at" in found[0]]
    assert len(shown) > 50
    for attributes, text in shown:
        value = value_at(model, attributes["data-at"])
        assert attributes["value"] == ("" if value is None else str(value))
        assert text.strip() != ""
        if isinstance(value, float):
            assert any(form(value) == text for form in FORMS.values())


def test_every_number_of_the_table_of_symbols_is_the_models(page, model):
    heads = re.findall(r"<th scope=\"col\"([^>]*)>([^<]*)</th>", page)
    heads = [(attributes, title) for attributes, title in heads if "title=" in attributes]
    derived = {
        "Interval ratio": interval_ratio,
        "Skill": pinball_skill,
        "QLIKE less EWMA": qlike_difference,
        "ES score less EWMA": lambda scores: scores["es"]["score"] - scores["es"]["ewma_score"],
        "1% VaR": lambda scores: scores["var"]["1"]["exceptions"] / scores["var"]["1"]["days"],
        "5% VaR": lambda scores: scores["var"]["5"]["exceptions"] / scores["var"]["5"]["days"],
    }
    rows = table_rows(page)
    assert len(rows) == SYMBOLS
    for symbol, row in zip(worst(model), rows, strict=True):
        scores, state = model["metrics"]["by_symbol"][symbol], model["symbols"][symbol]
        values = re.findall(r'data-value="([^"]*)"', row)
        columns = [column for column in heads if 'class="number"' in column[0]]
        assert len(values) == len(columns)
        for value, (attributes, title) in zip(values, columns, strict=True):
            at = re.search(r'data-of="([^"]*)"', attributes)
            if at:
                expected = value_at({"metrics": scores, "state": state}, at[1])
            else:
                expected = derived[title](scores)
            assert value == ("" if expected is None else repr(expected)), (symbol, title)


def test_the_table_begins_with_the_worst_and_hides_what_is_too_much_at_first(page, model):
    rows = table_rows(page)
    assert [("hidden" in row.partition(">")[0]) for row in rows] == [
        place >= FIRST for place in range(SYMBOLS)
    ]


def test_a_share_and_a_ratio_are_shown_with_a_sensible_number_of_digits():
    assert FORMS["share"](0.9036319612) == "90.4%"
    assert FORMS["ratio"](0.80321) == "0.803"
    assert FORMS["ratio"](123456.7) == "1.2e+05"
    assert FORMS["signed"](-0.035612) == "-0.0356"
    assert FORMS["price"](1234.5678) == "1,234.57"
    assert FORMS["price"](0.000012345) == "1.2345e-05"
    assert FORMS["count"](12154) == "12,154"


# What comes from data and config


def test_nothing_of_data_or_config_becomes_markup(page, read):
    assert "<script>alert" not in page
    assert [text for _, text in read.all("h1")] == [TITLE]
    tags = {tag for tag, _, _ in read.elements}
    assert not tags & {"img", "iframe", "object", "embed", "link", "base", "template"}
    every = [name for _, attributes, _ in read.elements for name in attributes]
    assert not [name for name in every if name.startswith("on") or name == "style"]


def test_no_link_leads_out_of_the_page(read):
    links = [
        attributes[name]
        for _, attributes, _ in read.elements
        for name in ("href", "xlink:href", "src", "action")
        if name in attributes
    ]
    assert links
    assert all(link.startswith("#") for link in links)


def test_hostile_texts_are_there_as_text(page, read):
    texts = " ".join(text for _, _, text in read.elements)
    for text in (*HOSTILE, REASON, LINK):
        assert text in texts
    assert "{{ 7 * 7 }}" in page  # a template in data stays unread
    assert " 49" not in re.search(r"<h1>(.*?)</h1>", page)[1]


def test_data_within_scripts_cannot_end_them(page, model):
    assert all("<" not in part for part in scripts_of_data(page))
    assert set(drawn_from(page)) == set(model["symbols"])
    assert BREAKOUT in drawn_from(page)


# The policy


def hashed(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def test_the_policy_allows_the_pages_own_scripts_and_style_and_nothing_else(page, read):
    (policy,) = [
        attributes["content"]
        for attributes, _ in read.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.keys() == {"default-src", "script-src", "style-src", "base-uri", "form-action"}
    assert {rules[name] for name in ("default-src", "base-uri", "form-action")} == {"'none'"}
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert (len(scripts), len(styles)) == (2, 1)
    assert set(rules["script-src"].split()) == set(map(hashed, scripts))
    assert set(rules["style-src"].split()) == set(map(hashed, styles))
    for ruled in ("<style", "<script"):  # it comes before all that it is about
        assert page.index("Content-Security-Policy") < page.index(ruled)


# The page as an artifact


def test_the_page_knows_no_clock_and_no_machine(page, folder):
    assert str(folder.parent) not in page.replace(str(folder), "")
    assert not re.search(r"20[2-9]\d-\d\d-\d\dT\d\d:\d\d", page)


def bare(model, **more):
    settings = {
        "sha256": "a" * 64,
        "title": "Prices",
        "files": [],
        "pending": pending_decisions(model, None),
    }
    return render(model, **(settings | more))


def test_a_model_is_headed_as_accepted_or_not_with_the_reasons(model):
    model["acceptance"]["accepted"] = True
    assert re.search(r"<h2[^>]*>Accepted</h2>\s*<p[^>]*>It meets every criterion", bare(model))
    model["acceptance"]["accepted"] = False
    model["acceptance"]["criteria"]["qlike"] |= {"met": False, "value": 0.5}
    text = bare(model)
    assert re.search(r"<h2[^>]*>Not accepted</h2>", text)
    assert "qlike_difference is 0.5, at most 0 is wanted" in text.replace("Qlike", "qlike")


def test_of_5_000_symbols_all_are_there_and_few_are_drawn(model, backtest):
    names = [f"M{number:04}" for number in range(5000)]
    for part, key in ((model, "symbols"), (model["metrics"], "by_symbol")):
        part[key] = dict.fromkeys(names, part[key]["S9"])
    rows = [backtest.symbols.index("S9")] * len(names) + [len(backtest.symbols)]
    text = bare(model, backtest=Backtest(backtest.table.take(rows), names))
    assert len(table_rows(text)) == 5000
    assert sum("hidden" not in row.partition(">")[0] for row in table_rows(text)) == FIRST
    assert text.count("<article") <= 2 * pictures.PICTURED
    assert sorted(drawn_from(text)) == names
    assert len(text) < 40e6


def test_of_too_many_symbols_the_page_has_the_worst_and_most_traded_and_names_the_table(
    model, backtest, monkeypatch
):
    monkeypatch.setattr(pages, "SHOWN", 8)
    longest = "S33"
    model["symbols"][longest]["observations"] += 1
    traded = [{"symbol": name, "turnover": 1.0} for name in ("S38", "gone", "S39")]
    quality = {"flags": {}, "flagged": [], "traded": traded}
    for known, largest in ((quality, {"S38", "S39"}), (None, {longest})):
        text = bare(model, backtest=backtest, quality=known, table="results/table.csv")
        names = set(drawn_from(text))
        assert len(table_rows(text)) == len(names) == 8
        assert names >= largest | set(worst(model)[:5])
        heads = [re.search(r'<th scope="row">(.*?)</th>', row)[1] for row in table_rows(text)]
        assert [html.unescape(name) for name in heads] == [n for n in worst(model) if n in names]
        assert f"This table shows 8 of {SYMBOLS} symbols: the worst and the most traded." in text
        assert "All symbols are in <code>results/table.csv</code>" in text
    assert "The others are in the model." in bare(model)


def test_a_page_of_all_symbols_names_no_others(page):
    assert "This table shows" not in page


def test_the_table_has_every_symbol_the_worst_first_and_the_page_its_digest(page, folder, model):
    table = folder / "report_symbols.csv"
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"), newline="")))
    names = [f"'{name}" if name == FORMULA else name for name in worst(model)]
    assert [row["Symbol"] for row in rows] == names  # a spreadsheet runs no formula
    for name, row in zip(worst(model), rows, strict=True):
        scores = model["metrics"]["by_symbol"][name]
        assert float(row["MASE"]) == scores["model"]["mase"]
        assert float(row["Interval ratio"]) == interval_ratio(scores)
    assert [row["Notes"] for row in rows if "2 flagged" in row["Notes"]]
    assert file_sha256(table) in page


def test_what_the_columns_mean_is_written_below_the_table(page, read):
    hints = {text: found["title"] for found, text in read.all("th") if "title" in found}
    assert len(hints) > 15
    below = re.search(r'<details id="columns">(.*?)</details>', page, re.DOTALL)[1]
    told = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", below)
    assert {html.unescape(title): html.unescape(hint) for title, hint in told} == hints


def test_a_refused_models_page_says_that_its_release_is_blocked(model):
    model["acceptance"]["accepted"] = False
    assert "BLOCKED: this model is not accepted" in bare(model)
    assert "BLOCKED" not in bare(model, allow_unaccepted=True)
    model["acceptance"]["accepted"] = True
    assert "BLOCKED" not in bare(model)


def test_quarantined_rows_are_said_to_be_listed(page):
    assert "Each row, with its file, line and text, is in <code>results/quarantine.json" in page


def test_a_page_without_back_test_and_quality_has_no_pictures_of_symbols(model):
    text = bare(model)
    assert "<article" not in text
    assert 'id="sight"' not in text
    assert text.count("<figure>") == 3  # coverage, PIT and the steps


def test_what_was_not_evaluated_is_shown_as_missing(model):
    pooled = model["metrics"]["pooled"]
    pooled["model"] = dict.fromkeys(pooled["model"]) | {
        "coverages": dict.fromkeys(pooled["model"]["coverages"]),
        "by_horizon": {key: [None] * 5 for key in pooled["model"]["by_horizon"]},
    }
    text = bare(model)
    assert "None" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "Not evaluated" in text


def test_each_decision_says_how_many_must_sign(read, page):
    found = dict(
        re.findall(r'<th scope="row">(\w+)</th><td>[^<]*</td><td class="number">(\d+)</td>', page)
    )
    assert found == {"source": "1", "metrics": "1", "report": "1", "deploy": "2"}
    assert "pricewright sign report --key ~/.ssh/id_ed25519" in page


def test_beside_the_prices_kept_stands_what_became_of_the_rest(model):
    came = model["receipts"]["ingest"]
    came |= {"rows": 12_000, "left_out": 4_000}
    said = "of 12,000 delivered; 5 quarantined"
    assert f"{said}; 4,000 left out by source.where<" in bare(model)
    came["left_out"] = 0
    assert f"{said}<" in bare(model)
    model["receipts"] = {}
    assert "no receipt gives the number delivered" in bare(model)


# What a symbol's pictures are drawn from


def test_what_is_packed_for_the_page_is_what_was_forecast(backtest, model):
    sight = SymbolData(backtest, model)
    series, packed = sight.series(SCRIPT), sight.packed([SCRIPT])["symbols"][SCRIPT]
    codes = np.frombuffer(base64.b64decode(packed["codes"]), "<u2").reshape(len(SERIES), -1)
    for values, code, (offset, step) in zip(series, codes, packed["steps"], strict=True):
        known = code != 0xFFFF
        assert (known == ~np.isnan(values)).all()
        spread = np.ptp(values[known])
        off = np.abs(offset + step * code[known] - values[known])
        assert off.max() <= spread / 1e4 + 1e-6 * np.abs(values[known]).max()


def test_symbols_of_the_same_days_have_one_calendar(backtest, model):
    model["symbols"]["S8"]["last_date"] = "2020-07-15"  # the days to come are others then
    packed = SymbolData(backtest, model).packed(["S7", "S8", "S9"])
    assert [packed["symbols"][name]["calendar"] for name in ("S7", "S8", "S9")] == [0, 1, 0]
    assert len(packed["calendars"]) == 2


def test_the_days_to_come_have_the_models_own_interval(backtest, model):
    sight = SymbolData(backtest, model)
    price, lower, upper = sight.series("S9")[:3, -5:]
    ahead = model["symbols"]["S9"]["forecast"]
    assert lower.tolist() == ahead["lower"]
    assert upper.tolist() == ahead["upper"]
    assert np.isnan(price).all()
    days = np.array(sight.calendar("S9")["day"][-6:]).astype("datetime64[D]")
    assert np.is_busday(days).all()
    assert str(days[0]) == model["symbols"]["S9"]["last_date"]


def test_the_worst_and_the_most_traded_have_pictures_from_the_start(page, model):
    pictured = [html.unescape(name) for name in re.findall(r'<article data-symbol="(.*?)">', page)]
    assert pictured == [*worst(model)[:3], LINK, "S9"]
    assert "one of the most traded" in page


def test_where_no_volume_says_which_are_largest_those_known_longest_are(model):
    model["symbols"]["S9"]["observations"] += 1
    found = pictures.pictured_symbols(model, [])
    assert list(found)[:4] == [*worst(model)[:3], "S9"]
    assert found["S9"] == "one of the longest known"


def test_what_is_forecast_stands_beside_the_symbol(model):
    titles = [column.title for column in SymbolTable(model, {"flagged": []}).columns]
    assert titles[:4] == ["Symbol", "Last price", "Low, 5 d", "High, 5 d"]
