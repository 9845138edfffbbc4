"""Champion and challenger: on the same windows, better only when it is, the same bytes again."""

import shutil

import numpy as np
import orjson
import pytest
from forecasts import chosen, records_of, simulated, trained, uneven, walked

from pricewright.evaluation import champion
from pricewright.evaluation.figures import figures
from pricewright.evaluation.scores import score
from pricewright.evaluation.summary import Summary
from pricewright.files.disk import file_sha256
from pricewright.forecasting import panel as panels
from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.timeline import make_timeline

pytestmark = pytest.mark.filterwarnings("error")

PLAIN = {"volatility": "ewma", "distribution": "normal", "refit": 20}
HAR = {"volatility": "har", "distribution": "normal", "refit": 20, "origins": 40}


def scored(panel, **changes):
    """The walk-forward of a challenger, and its scores."""
    found = walked(panel, chosen(**(PLAIN | changes)))
    return found, score(found)


def compared(document, panel, cutoff="2000-01-01", losses=1.0, **changes):
    """The record of a champion, said to be of long ago, beside a challenger with some settings,
    whose losses are so many times what they are."""
    own, scores = scored(panel, **changes)
    scores.model.pinball[:] *= losses
    found = champion.contest(document | {"cutoff": cutoff}, "0" * 64, own)
    if isinstance(found, dict):
        return found
    return found.result(found.of(panel.symbols).sides(own, scores))


@pytest.fixture(scope="module")
def market():
    return simulated(2, 400)


@pytest.fixture(scope="module")
def plain(market, tmp_path_factory):
    """A model of which nothing is estimated, not to be changed."""
    return trained(tmp_path_factory.mktemp("plain"), records_of(market), **PLAIN)


@pytest.fixture(scope="module")
def har(market, tmp_path_factory):
    """A model that is estimated, not to be changed."""
    return trained(tmp_path_factory.mktemp("har"), records_of(market), **HAR)


@pytest.fixture(scope="module")
def longer(market, tmp_path_factory):
    """A plain model with a longer horizon, not to be changed."""
    return trained(tmp_path_factory.mktemp("longer"), records_of(market), **PLAIN, horizon=9)


def test_a_model_of_which_nothing_is_estimated_is_as_good_as_itself(plain, market):
    found = compared(plain, market)
    assert found["verdict"] == "no difference"
    assert (found["difference"], found["lower"], found["upper"]) == (0, 0, 0)
    assert (found["symbols"], found["origins"], found["origins_it_knew"]) == (2, 20, 0)
    assert found["reason"] is None


def test_a_model_that_is_estimated_anew_is_not_told_from_itself(har, market):
    found = compared(har, market, **HAR)
    assert found["verdict"] == "no difference"
    assert abs(found["difference"]) < 0.02
    assert found["lower"] < found["difference"] < found["upper"]


@pytest.mark.parametrize("times", [400, 1 / 400])
def test_against_garbage_a_model_is_better_and_garbage_is_worse(har, market, times):
    weights = (times * np.array(har["har"]["weights"])).tolist()
    found = compared(har | {"har": har["har"] | {"weights": weights}}, market, **HAR)
    assert found["verdict"] == "better"
    assert found["upper"] < 0
    assert found["lower"] < found["difference"] < found["upper"]


def test_a_challenger_that_is_garbage_is_worse(har, market):
    found = compared(har, market, losses=2, **HAR)
    assert found["verdict"] == "worse"
    assert found["difference"] == pytest.approx(1, abs=0.05)
    assert found["lower"] > 0


def test_the_difference_is_that_of_the_mean_losses_over_the_champions(plain, market):
    """Two models of which nothing is estimated: the challenger's decay is another."""
    found = compared(plain, market, decay=0.8)
    losses = []
    for decay in (0.8, 0.94):
        _, scores = scored(market, decay=decay)
        losses.append(scores.model.pinball.mean(axis=(1, 2)))
    differences = losses[0] - losses[1]
    assert found["difference"] == pytest.approx(differences.mean() / losses[1].mean())
    half = 2.0930240544082634 * differences.std(ddof=1) / np.sqrt(20)  # Student's t of 19
    assert found["upper"] - found["lower"] == pytest.approx(2 * half / losses[1].mean())


def test_a_champion_with_another_horizon_is_compared_on_the_steps_that_both_have(longer, market):
    found = compared(longer, market)
    assert found["verdict"] == "no difference"
    assert found["difference"] == 0


def test_only_the_symbols_that_both_have_are_compared(tmp_path, market):
    three = simulated(3, 400)
    document = trained(tmp_path, records_of(three.columns(np.array([1, 2]))), **PLAIN)
    found = compared(document, market)
    assert found["symbols"] == 1
    assert found["difference"] == pytest.approx(0, abs=1e-12)


def test_origins_that_the_champion_knew_are_counted_and_of_too_few_others_nothing_is_scored(
    tmp_path, market, monkeypatch
):
    times = make_timeline(market, chosen(**PLAIN))
    early = market.until(int(times.origins[12]))
    document = trained(tmp_path, records_of(early), **PLAIN)
    monkeypatch.delattr(champion, "walk")
    found = compared(document, market, cutoff=document["cutoff"])
    assert found["origins_it_knew"] == 12
    assert found["origins"] == 8
    without_comparison(
        found,
        "only 8 of the dates come after what it was trained on; a comparison needs 20",
    )


def test_only_dates_after_the_champions_cutoff_are_compared(plain, market):
    times = make_timeline(market, chosen(**(PLAIN | {"origins": 40})))
    cutoff = str(np.datetime64(int(times.origins[12]), "D"))
    found = compared(plain, market, cutoff=cutoff, origins=40)
    assert (found["origins_it_knew"], found["origins"]) == (12, 28)
    assert found["verdict"] == "no difference"


def test_dates_that_a_scored_challenger_knew_are_not_compared(plain, market):
    """On these it would have an advantage: it was trained on them, and the champion was not."""
    own, scores = scored(market, origins=40)
    cutoffs = [str(np.datetime64(int(own.timeline.origins[place]), "D")) for place in (6, 12, 30)]
    document = plain | {"cutoff": cutoffs[0]}
    found = champion.contest(document, "0" * 64, own, cutoffs[1])
    record = found.result(found.of(market.symbols).sides(own, scores))
    assert (record["origins_it_knew"], record["origins"]) == (6, 28)
    without_comparison(
        champion.contest(document, "0" * 64, own, cutoffs[2]),
        "only 10 of the dates come after what this model and it were trained on; a comparison "
        "needs 20",
    )


def without_comparison(found, reason):
    assert found["verdict"] == "not comparable"
    assert found["reason"] == reason
    assert [found[name] for name in ("difference", "lower", "upper", "metrics")] == [None] * 4


def test_a_champion_of_another_price_cannot_be_compared(tmp_path, market):
    records = [{**r, "open": r["close"]} for r in records_of(market)]
    document = trained(tmp_path, records, **PLAIN, price="open")
    without_comparison(compared(document, market), "it forecasts open")


def test_a_champion_that_contradicts_this_version_cannot_be_compared(har, market):
    """An older version knew other kinds of volatility."""
    state = har["symbols"]["S0"]
    odd = state | {"volatility": state["volatility"] | {"kind": "ewma"}}
    found = compared(har | {"symbols": {**har["symbols"], "S0": odd}}, market)
    without_comparison(
        found,
        "this version of the workflow cannot read it (the deployed model: "
        "'symbols.S0.volatility.kind': found 'ewma', allowed: har, by its parameters)",
    )


def test_a_champion_of_another_schema_version_cannot_be_compared(tmp_path, market):
    made = trained(tmp_path, records_of(market), **PLAIN)
    deployed = tmp_path / "deployed.json"
    document = orjson.loads((tmp_path / "model.json").read_bytes()) | {"schema_version": 3}
    deployed.write_bytes(orjson.dumps(document))
    found = trained(tmp_path, records_of(market), **PLAIN, champion=deployed)["champion"]
    assert "(deployed.json:1: a model of schema version 3" in found["reason"]
    without_comparison(found, found["reason"])
    assert (found["cutoff"], found["sha256"]) == (made["cutoff"], file_sha256(deployed))


def test_a_champion_of_other_symbols_cannot_be_compared(tmp_path, market):
    records = [{**r, "symbol": "X" + r["symbol"]} for r in records_of(market)]
    document = trained(tmp_path, records, **PLAIN)
    without_comparison(compared(document, market), "it has none of the symbols")


def test_a_champion_in_logs_of_what_has_no_log_now_cannot_be_compared(tmp_path):
    panel = uneven(400)
    oil = panel.columns(np.array([4]))
    early = oil.until(int(oil.days[int((oil.prices <= 0).argmax()) - 1, 0]))
    document = trained(tmp_path, records_of(early), **PLAIN)
    assert document["symbols"]["OIL"]["scale"] == "log"
    without_comparison(compared(document, oil), "it has none of the symbols")


def test_a_champion_in_levels_is_compared_in_levels(tmp_path):
    panel = simulated(1, 400)
    below = panel.prices.copy()
    below[10] = -1.0
    levels = type(panel).of(panel.symbols, panel.days, below)
    document = trained(tmp_path, records_of(levels), **PLAIN)
    assert document["symbols"]["S0"]["scale"] == "level"
    found = compared(document, panel)  # which is in logs
    assert found["verdict"] in ("no difference", "better", "worse")
    assert abs(found["difference"]) < 0.5


def test_with_few_origins_there_is_no_verdict(tmp_path):
    panel = simulated(1, 46)
    document = trained(tmp_path, records_of(panel), **PLAIN)
    found = compared(document, panel)
    assert found["verdict"] == "not comparable"
    assert found["reason"].startswith("only 1 of the dates")
    assert found["symbols"] == 1


def test_with_few_dates_on_which_both_forecast_a_symbol_there_is_no_verdict(tmp_path, market):
    """A champion of a new listing, beside a model that also has another symbol."""
    old, new = ((market.days[begin:, 0], market.prices[begin:, 0]) for begin in (0, 330))
    document = trained(tmp_path, records_of(panel_of(["NEW"], [new])), **PLAIN)
    found = compared(document, panel_of(["NEW", "OLD"], [new, old]))
    reason = "both forecast the same symbols from only 5 of the dates; a comparison needs 20"
    without_comparison(found, reason)
    assert (found["symbols"], found["origins"], found["origins_it_knew"]) == (1, 5, 0)


# The figures of both.


def test_the_figures_of_both_are_those_that_each_has_alone(plain, market):
    """Of two models of which nothing is estimated, from dates that neither was trained on."""
    found = compared(plain, market, decay=0.8)["metrics"]
    for name, decay in (("challenger", 0.8), ("champion", 0.94)):
        _, scores = scored(market, decay=decay)
        alone = figures(Summary.of_scores(scores, len(scores.qlike)), market.symbols)
        made = found["pooled"][name]
        own = alone["pooled"]["model"]
        for key, value in (own | own.pop("by_horizon")).items():
            assert (made | made["by_horizon"])[key] == pytest.approx(value), key
        assert made["exceptions"]["5"] == pytest.approx(alone["pooled"]["var"]["5"]["share"])
        for symbol, its in alone["by_symbol"].items():
            own = found["by_symbol"][symbol][name]
            assert own["mase"] == pytest.approx(its["model"]["mase"])
            assert own["qlike"] == pytest.approx(its["volatility"]["qlike"])
            var = its["var"]["5"]
            assert own["exceptions"]["5"] == pytest.approx(var["exceptions"] / var["days"])
    assert found["pooled"]["mae_ratio"] == 1
    assert found["pooled"]["challenger"]["qlike"] != found["pooled"]["champion"]["qlike"]


def test_the_figures_of_both_are_of_dates_and_days_after_the_champions_cutoff(plain, market):
    times = make_timeline(market, chosen(**(PLAIN | {"origins": 40})))
    day = int(times.origins[12])
    cutoff = str(np.datetime64(day, "D"))
    found = compared(plain, market, cutoff=cutoff, origins=40)["metrics"]["by_symbol"]["S0"]
    _, scores = scored(market, origins=40)
    first = int(market.upto(int(times.origins[0]))[0]) - 1
    since = int(market.upto(day)[0]) - 1 - first
    assert since > 0
    assert found["champion"]["qlike"] == pytest.approx(np.nanmean(scores.qlike[since:, 0]))
    later = scores.model.error[12:, 0] / scores.scale[12:, 0, None]
    assert found["champion"]["mase"] == pytest.approx(np.nanmean(np.abs(later)))


def test_the_figures_of_both_are_of_the_steps_that_both_have(longer, market):
    pooled = compared(longer, market)["metrics"]["pooled"]
    assert len(pooled["champion"]["by_horizon"]["mase"]) == 5
    assert pooled["champion"]["mase"] == pytest.approx(pooled["challenger"]["mase"])


# Through the step.


@pytest.mark.parametrize("first", [False, True], ids=["with a champion", "the first"])
def test_a_model_that_is_made_again_is_the_same_to_the_byte(tmp_path, market, first):
    """Deployed, a model is its own champion, and keeps the record of the one before, if any."""
    deployed, records, found = tmp_path / "deployed.json", records_of(market), []
    if not first:
        trained(tmp_path, records, **PLAIN)
        shutil.copy(tmp_path / "model.json", deployed)
    for _ in range(3):
        trained(tmp_path, records, **(PLAIN | {"decay": 0.9}), champion=deployed)
        found.append((tmp_path / "model.json").read_bytes())
        shutil.copy(tmp_path / "model.json", deployed)
    record = orjson.loads(found[0])["champion"]
    assert record is None if first else record["verdict"] == "not comparable"  # it knew all dates
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("width", [64, 1])
def test_a_trained_model_is_compared_with_the_one_in_place_on_the_dates_after_it(
    tmp_path, monkeypatch, market, width
):
    """All symbols at once, or one after another."""
    early = market.until(int(market.calendar[-150]))
    document = trained(tmp_path / "1", records_of(early), **PLAIN)
    options = {"decay": 0.8, "origins": 40}
    expected = compared(document, market, cutoff=document["cutoff"], **options)
    monkeypatch.setattr(panels, "SLICE_WIDTH", width)
    champion = tmp_path / "1" / "model.json"
    model = trained(tmp_path / "2", records_of(market), **PLAIN, **options, champion=champion)
    assert expected["verdict"] != "not comparable"
    made, wanted = (record.pop("metrics") for record in (model["champion"], expected))
    assert model["champion"] == expected | {"sha256": file_sha256(champion)}
    assert made["pooled"] == wanted["pooled"]
    for symbol in market.symbols:
        assert made["by_symbol"][symbol] == wanted["by_symbol"][symbol]


def test_a_challenger_is_refused_or_accepted_by_its_champion(tmp_path, market):
    trained(tmp_path / "1", records_of(market), **HAR)
    model = trained(
        tmp_path / "2",
        records_of(market),
        **PLAIN,
        champion=tmp_path / "1" / "model.json",
        beat_champion="better",
    )
    criterion = model["acceptance"]["criteria"]["champion"]
    assert criterion["value"] == model["champion"]["verdict"]
    assert criterion["met"] is (criterion["value"] == "better")


@pytest.mark.parametrize("content", [b"{}", b"not JSON", b'{"schema_version": 1}'])
def test_a_deployed_file_that_is_no_model_is_no_champion(tmp_path, market, content):
    deployed = tmp_path / "deployed.json"
    deployed.write_bytes(content)
    model = trained(tmp_path, records_of(market), **PLAIN, champion=deployed)
    assert model["champion"] is None
