"""A model's document: what is written is read again, and what was edited by hand is refused."""

from copy import deepcopy

import numpy as np
import orjson
import pytest
from forecasts import columns_of, trained

from conftest import market
from pricewright.files.errors import Refusal
from pricewright.forecasting import document

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """By volatility: a document, not to be changed."""
    kinds = {
        kind: {"volatility": kind, "distribution": "normal" if kind == "ewma" else "conformal"}
        for kind in ("combined", "garch11", "har", "ewma", "rolling")
    }
    records = market(symbols=3, days=400)
    return {
        kind: trained(tmp_path_factory.mktemp(kind), records, refit=50, **options)
        for kind, options in (kinds | {"trees": {"location": "lightgbm"}}).items()
    }


@pytest.mark.parametrize("laid_out", [dict, columns_of])
@pytest.mark.parametrize("kind", ["combined", "garch11", "har", "ewma", "rolling", "trees"])
def test_what_is_written_is_read_and_written_again_the_same(kind, laid_out, models):
    given = models[kind]
    saved = document.from_json(given | {"symbols": laid_out(given["symbols"])}, "m.json")
    fallbacks = [state["fallbacks"] for state in given["symbols"].values()]
    again = document.to_json(saved, fallbacks)
    again["symbols"] = again["symbols"].by_symbol()
    for key in ("parameters", "distribution", "har", "trees", "symbols"):
        assert orjson.dumps(again[key]) == orjson.dumps(given[key])


def test_a_symbol_whose_garch_did_not_converge_reads_as_what_it_fell_back_to(models):
    """As in a model whose symbols are not all long enough for a GARCH of their own."""
    edited = deepcopy(models["combined"])
    volatility = edited["symbols"]["S1"]["volatility"]
    volatility["kind"], volatility["garch"]["converged"] = "har", False
    saved = document.from_json(edited, "m.json")
    assert list(saved.fitted.volatility.kinds(3)) == ["combined", "har", "combined"]


def test_some_symbols_are_read_in_the_order_asked_for(models):
    saved = document.from_json(models["combined"], "m.json", ["S2", "S0"])
    whole = document.from_json(models["combined"], "m.json")
    assert list(saved.symbols) == ["S2", "S0"]
    np.testing.assert_array_equal(saved.quantiles([0.3]), whole.quantiles([0.3])[[2, 0]])


def test_what_is_wrong_with_symbols_that_nobody_asked_for_does_not_matter(models):
    edited = deepcopy(models["combined"])
    edited["symbols"]["S1"] = None
    document.from_json(edited, "m.json", ["S0"])
    with pytest.raises(Refusal, match=r"^m\.json: 'symbols\.S1': found None, allowed: an object"):
        document.from_json(edited, "m.json")


GARCH = "symbols.S1.volatility.garch"
WRONG = [
    ("combined", "symbols", {}, "found {}, allowed: symbols with"),
    ("combined", "symbols", [], "found \\[\\], allowed: symbols with"),
    ("combined", "symbols", None, "found None"),
    ("combined", "parameters", "x", "'parameters': found 'x', allowed: an object"),
    ("combined", "parameters.price", 1, "found 1, allowed: auto or open or high"),
    ("combined", "parameters.horizon", 0, "a number from 1"),
    ("combined", "parameters.horizon", 251, "found 251, allowed: a number from 1 to 250"),
    ("combined", "parameters.horizon", 4, "'har.weights'.*allowed: 4 rows"),
    ("combined", "parameters.horizon", 5.5, "found 5.5, allowed: a whole number"),
    ("combined", "parameters.horizon", True, "found True"),
    ("combined", "parameters.horizon", "5", "found '5'"),
    ("combined", "parameters.horizon", float("nan"), "found nan"),
    ("combined", "parameters.origins", 10**400, "found 1000"),
    ("combined", "parameters.level", 1.0, "a number from 0.5 to 0.99"),
    ("combined", "symbols.S1.floor", 5e-324, "found 5e-324, allowed: 0 or a number from 1e-100"),
    ("combined", "parameters.min_history", 29, "found 29, allowed: a number from 30 to 10000"),
    ("combined", "parameters.decay", 0.0, "a number from 0.5 to 0.999"),
    ("combined", "parameters.location", "arima", "naive or drift or ses or theta"),
    ("combined", "parameters.volatility", "stochastic", "rolling or ewma"),
    ("combined", "parameters.volatility", "har", "'symbols.S0.volatility.kind'.*allowed: har"),
    ("combined", "parameters.distribution", "cauchy", "normal or fhs or conformal"),
    ("combined", "parameters.distribution", "normal", "'distribution.shape': found None"),
    ("ewma", "parameters.distribution", "conformal", "'symbols.S0.shape': found None"),
    ("combined", "distribution.probabilities", [0.5], "rising numbers"),
    ("combined", "distribution.probabilities", [0.5, 0.4], "rising numbers"),
    ("combined", "distribution.probabilities", [0.5, 1.4], "from 0 to 1"),
    ("combined", "distribution.probabilities", ["0.5", "0.6"], "some numbers"),
    ("combined", "distribution.probabilities", [0.05, 0.95], "'symbols.S0.shape'.*of 2 numbers"),
    ("combined", "har", None, "'symbols.S0.volatility.kind': found 'combined', allowed: garch11"),
    ("combined", "har.terms", [], "'of': 'range', 'half_life': 1.0"),
    ("combined", "har.terms.5.of", "rise", "'of': 'fall', 'half_life': 2.0"),
    ("combined", "har.weights", [[1.0] * 7] * 4, "5 rows"),
    ("combined", "har.weights", [[1.0] * 6] * 5, "5 rows of 7 numbers from 0"),
    ("combined", "har.weights.0.0", -0.1, "5 rows of 7 numbers from 0"),
    ("combined", "symbols.S1.scale", "root", "log or level"),
    ("combined", "symbols.S1.observations", 1, "a number from 2"),
    ("combined", "symbols.S1.last_date", "20200101", "a date such as 2024-01-31"),
    ("combined", "symbols.S1.last_date", "2020-02-30", "a date such as 2024-01-31"),
    ("combined", "symbols.S1.last_date", None, "found None"),
    ("combined", "symbols.S1.last_price", 1.0, "volatility.recent'.*last price as its last"),
    ("combined", "symbols.S1.location.level", 1e300, "found 1e.300"),
    ("combined", "symbols.S1.location.level", float("inf"), "found inf"),
    ("combined", "symbols.S1.location.slope", "0.1", "found '0.1'"),
    ("combined", "symbols.S1.location.weight", 0.0, "a number from 0.005 to 1"),
    ("combined", "symbols.S1.volatility.kind", "ewma", "found 'ewma', allowed: combined"),
    ("combined", "symbols.S1.volatility.kind", "har", "found 'har', allowed: combined"),
    ("combined", f"{GARCH}.converged", False, "kind': found 'combined', allowed: har"),
    ("combined", "symbols.S1.volatility.average", -1e-9, "a number from 0"),
    ("combined", "symbols.S1.volatility.averages", None, "7 numbers"),
    ("combined", "symbols.S1.volatility.averages", [1.0] * 6, "7 numbers"),
    ("combined", "symbols.S1.volatility.averages.2", -1.0, "numbers from 0"),
    ("combined", "symbols.S1.volatility.ranges", None, "a number from 0"),
    ("combined", "symbols.S1.volatility.ranges", -1, "a number from 0"),
    ("combined", "symbols.S1.volatility.recent", [], "1 numbers"),
    ("combined", "symbols.S1.volatility.recent", [1.0, 2.0], "1 numbers"),
    ("combined", "symbols.S1.volatility.recent", [-1.0], "prices above 0"),
    ("combined", GARCH, None, "allowed: an object"),
    ("combined", f"{GARCH}.variance", -1.0, "a number from 0"),
    ("combined", f"{GARCH}.alpha", 1.5, "a number from 0 to 1"),
    ("combined", f"{GARCH}.persistence", 1.01, "a number from 0 to 1"),
    ("combined", f"{GARCH}.next", -1.0, "a number from 0"),
    ("combined", "symbols.S1.shape.0.0", 99.0, "rows of rising numbers"),
    ("combined", "symbols.S1.shape.0.0", "x", "5 rows of 19 numbers"),
    ("combined", "symbols.S1.shape.0", [], "5 rows of 19 numbers"),
    ("ewma", "distribution.shape.4.18", -99.0, "rows of rising numbers"),
    ("rolling", "parameters.rolling_days", 1, "a number from 2"),
    ("rolling", "symbols.S1.volatility.recent", [1.0] * 60, "61 numbers"),
    ("rolling", "symbols.S1.volatility.recent.7", 0.0, "prices above 0"),
    ("combined", "parameters.location", "lightgbm", "'symbols.S0.location.changes': found None"),
    ("trees", "symbols.S1.location.changes", [0.0] * 9, "10 numbers"),
    ("trees", "symbols.S1.location.changes.3", "0", "10 numbers"),
    ("trees", "trees", [], "1 to 100 trees"),
    ("trees", "trees", {}, "1 to 100 trees"),
    ("trees", "trees", [None] * 101, "1 to 100 trees"),
    ("trees", "trees.7", None, "'trees.7': found None, allowed: an object"),
    ("trees", "trees.7.numbers", [0], "numbers"),
    ("trees", "trees.7.numbers.0", 11, "numbers from 0 to 10"),
    ("trees", "trees.7.numbers.0", -1, "numbers from 0 to 10"),
    ("trees", "trees.7.numbers.0", 0.5, "'trees.7.numbers'.*whole numbers"),
    ("trees", "trees.7.thresholds.0", None, "numbers"),
    ("trees", "trees.7.thresholds.0", float("nan"), "numbers"),
    ("trees", "trees.7.leaves", [1.0], "2 to 8 numbers"),
    ("trees", "trees.7.leaves", [1.0] * 9, "2 to 8 numbers"),
    ("trees", "trees.7.leaves.0", 1e16, "numbers from -1e.15 to 1e.15"),
    ("trees", "trees.7.children", [], "rows"),
    ("trees", "trees.7.children.0", [1], "rows of 2 numbers"),
    ("trees", "trees.7.children.0.0", 0, "once, after its parent"),
    ("trees", "trees.7.children.0.0", 99, "once, after its parent"),
    ("trees", "trees.7.children.0.0", -99, "once, after its parent"),
    ("trees", "trees.7.children.0.0", 0.5, "once, after its parent"),
]


def place(node, key):
    """The part of a document that holds the last part of a key, and that."""
    *way, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    for part in way:
        node = node[part]
    return node, last


@pytest.mark.parametrize("laid_out", [dict, columns_of])
@pytest.mark.parametrize("case", WRONG)
def test_a_part_that_was_edited_is_refused_with_its_key(case, laid_out, models):
    kind, key, value, sentence = case
    edited = deepcopy(models[kind])
    holder, last = place(edited, key)
    holder[last] = value
    if edited["symbols"]:
        edited["symbols"] = laid_out(edited["symbols"])
    with pytest.raises(Refusal, match=rf"^m\.json: (?=').*{sentence}.*; train again\.$"):
        document.from_json(edited, "m.json")


READ = (
    *("parameters", "distribution", "har", "symbols", "distribution.probabilities"),
    *(f"parameters.{name}" for name in ("price", "horizon", "window_days", "embargo_days")),
    *("har.terms", "har.weights"),
    *(f"symbols.S1.{name}" for name in ("scale", "observations", "last_date", "last_price")),
    *(f"symbols.S1.{name}" for name in ("location", "volatility", "shape", "location.level")),
    *(f"symbols.S1.volatility.{name}" for name in ("kind", "average", "averages", "ranges")),
    "symbols.S1.volatility.recent",
    *(f"{GARCH}{name}" for name in ("", ".variance", ".alpha", ".persistence", ".next")),
)


@pytest.mark.parametrize("key", READ)
def test_a_part_that_is_missing_is_refused_with_its_key(key, models):
    edited = deepcopy(models["combined"])
    holder, last = place(edited, key)
    del holder[last]
    with pytest.raises(Refusal, match=rf"^m\.json: '{key}.*' is missing; train again\.$"):
        document.from_json(edited, "m.json")
