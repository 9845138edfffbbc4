"""Mode auto: the model in place is scored, until one is due."""

from datetime import date, timedelta

import orjson
import pytest
from forecasts import SMALL, records_of, simulated, write_clean

from conftest import as_csv
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import read_model
from pricewright.forecasting.settings import TrainWhen
from pricewright.reporting import verdict
from step_functions import ingest, train_or_score

pytestmark = pytest.mark.filterwarnings("error")

DAYS = 320


@pytest.mark.parametrize(
    ("every", "cutoff", "first"),
    [
        ("1 month", "2024-01-31", "2024-02-29"),
        ("2 months", "2024-12-31", "2025-02-28"),
        ("1 year", "2024-02-29", "2025-02-28"),
        ("2 weeks", "2024-01-31", "2024-02-14"),
        ("1 day", "2024-01-31", "2024-02-01"),
        ("friday", "2024-01-31", "2024-02-02"),
        ("wednesday", "2024-01-31", "2024-02-07"),  # the day itself was one
    ],
)
def test_a_model_is_old_from_its_day_on(every, cutoff, first):
    when, made, due = TrainWhen(every=every), *map(date.fromisoformat, (cutoff, first))
    assert when.is_old(made, due)
    assert when.is_old(made, due + timedelta(days=300))
    assert not when.is_old(made, due - timedelta(days=1))
    assert not TrainWhen(every=None).is_old(made, due + timedelta(days=9999))


@pytest.mark.parametrize("every", ["", "month", "0 weeks", "1 fortnight", "Friday ", "1.5 months"])
def test_an_age_that_is_none_is_refused_with_its_key(every):
    with pytest.raises(Refusal, match=r"config key 'train\.every'"):
        TrainWhen(every=every)


@pytest.fixture(scope="module")
def records():
    return records_of(simulated(4, DAYS))


def until(records, days_before_the_end):
    """The records less the last days of each symbol."""
    dates = sorted({record["date"] for record in records})
    last = dates[len(dates) - 1 - days_before_the_end]
    return [record for record in records if record["date"] <= last]


def made(folder, records, name="model.json", **options):
    """The model that mode auto makes of some records, beside the one in place."""
    table = write_clean(folder / "clean.json", records)
    options = SMALL | {"mode": "auto", "champion": folder / "in_place.json"} | options
    train_or_score(table, folder / name, **options)
    return read_model(folder / name)[0]


@pytest.fixture
def in_place(tmp_path, records):
    """A folder with a model of five days ago in place, which misses a criterion."""
    document = made(tmp_path, until(records, 5), name="in_place.json")
    assert document["mode"] == "train"
    assert document["why"] == "there is no model in place"
    assert not document["acceptance"]["accepted"]
    return tmp_path


def changed(folder, change):
    """The model in place, changed."""
    document = orjson.loads((folder / "in_place.json").read_bytes())
    change(document)
    (folder / "in_place.json").write_bytes(orjson.dumps(document))


def scored_or(document):
    """That a model was scored, or why it was trained."""
    return "scored" if document["mode"] == "score" else document["why"]


def test_a_day_later_the_model_in_place_is_scored_and_is_as_mode_score_has_it(in_place, records):
    document = made(in_place, until(records, 4))
    assert scored_or(document) == "scored"
    assert "is not due" in document["why"]
    given = in_place / "in_place.json"
    asked = made(in_place, until(records, 4), mode="score", model=given, champion=None)
    apart = {key for key in document if document[key] != asked.get(key)}
    assert apart == {"why", "acceptance"}
    unseen = document["acceptance"]["criteria"]["unseen"]
    assert unseen["met"] is None  # but nothing says that one to score was accepted before
    assert asked["acceptance"]["criteria"]["unseen"]["met"] is False


EASY = {
    "kupiec_share": 0.0,
    "coverage_pooled": 1.0,
    "qlike_difference": 10.0,
    "interval_ratio": 9.0,
}


@pytest.mark.parametrize(("criteria", "met"), [(EASY, None), ({}, False)], ids=["easy", "usual"])
def test_a_model_to_score_need_not_wait_for_unseen_dates_if_it_met_the_criteria_on_some(
    in_place, records, criteria, met
):
    """What is asked now counts, not what was asked when it was accepted."""
    changed(in_place, lambda model: model["acceptance"].update(accepted=True))
    given = in_place / "in_place.json"
    options = {"mode": "score", "model": given, "champion": None} | criteria
    asked = made(in_place, until(records, 4), **options)
    assert asked["metrics"]["origins_the_model_knew"]
    unseen = asked["acceptance"]["criteria"]["unseen"]
    assert unseen["met"] is met
    assert ("judged on unseen dates when it was trained" in unseen["what"]) is (met is None)


def test_a_model_to_score_is_not_compared_with_itself(in_place, records):
    given = in_place / "in_place.json"
    asked = made(in_place, records, mode="score", model=given, name="scored.json")
    assert asked["champion"] is None
    # nor with itself, scored
    again = made(in_place, records, mode="score", model=given, champion=in_place / "scored.json")
    assert again["champion"] is None
    said = " ".join(verdict.champion(again))
    assert said == "No other model was deployed to compare with."


def test_a_model_to_score_that_is_compared_is_not_said_to_be_estimated(in_place, records):
    other = made(in_place, until(records, 200), champion=None, name="other.json")
    asked = made(
        in_place,
        records,
        mode="score",
        model=in_place / "in_place.json",
        champion=in_place / "other.json",
        origins=40,
    )
    assert asked["champion"]["cutoff"] == other["cutoff"]
    known, unknown = asked["metrics"]["origins_the_model_knew"], asked["champion"]["origins"]
    assert known + unknown == asked["metrics"]["origins"]
    asked["champion"] |= {"verdict": "no difference", "difference": 0.0, "lower": 0.0, "upper": 0.0}
    figures = dict.fromkeys(["challenger", "champion"], asked["metrics"]["pooled"]["model"])
    asked["champion"]["metrics"] = {"pooled": figures}
    said = " ".join(verdict.champion(asked))
    assert "estimated again" not in said
    assert "Both models kept their parameters" in said


def test_made_once_more_of_the_same_prices_a_training_is_the_same_bytes(tmp_path, records):
    document = made(tmp_path, records)
    (tmp_path / "model.json").rename(tmp_path / "in_place.json")
    again = made(tmp_path, records)
    assert again == document
    assert (tmp_path / "model.json").read_bytes() == (tmp_path / "in_place.json").read_bytes()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"every": "2 days"}, "train.every is 2 days"),
        ({"horizon": 4}, "the settings changed: horizon is 4 and was 5"),
        ({"decay": 0.9, "origins": 21}, "decay is 0.9 and was 0.94, origins is 21 and was 20"),
    ],
)
def test_age_and_settings_have_it_trained(in_place, records, options, why):
    assert why in scored_or(made(in_place, records, **options))


def test_code_that_changed_has_it_trained(in_place, records):
    changed(in_place, lambda model: model["code"].update(sha256="0" * 64))
    assert scored_or(made(in_place, records)) == "the code that makes models changed"


def test_so_do_code_and_settings_that_changed_if_the_prices_did_not(tmp_path, records):
    made(tmp_path, records, name="in_place.json")
    document = made(tmp_path, records, decay=0.9)
    assert scored_or(document) == "the settings changed: decay is 0.9 and was 0.94"
    changed(tmp_path, lambda model: model["code"].update(sha256="0" * 64))
    assert scored_or(made(tmp_path, records)) == "the code that makes models changed"


def test_a_model_of_another_schema_version_has_it_trained(in_place, records):
    changed(in_place, lambda model: model.update(schema_version=3))
    document = made(in_place, records)
    assert "this version of the workflow cannot read it" in scored_or(document)
    assert document["champion"]["verdict"] == "not comparable"


def contradict(model):
    """Make a model as an older version of the code wrote it: with a kind that none has now."""
    model["symbols"]["S0"]["volatility"]["kind"] = "rolling"


def test_a_model_that_contradicts_this_version_has_it_trained(in_place, records):
    changed(in_place, contradict)
    assert "the model in place cannot be scored" in scored_or(made(in_place, records))
    changed(in_place, lambda model: model["code"].update(sha256="0" * 64))
    document = made(in_place, records)
    assert scored_or(document) == "the code that makes models changed"
    assert "'symbols.S0.volatility.kind'" in document["champion"]["reason"]


def test_symbols_that_it_does_not_know_have_it_trained_beyond_a_share(in_place, records):
    more = records + [r | {"symbol": "NEW"} for r in records if r["symbol"] == "S0"]
    unknown = "the model in place does not know 1 of 5 symbols"
    assert scored_or(made(in_place, more)) == unknown
    document = made(in_place, more, new_symbols=0.2)
    assert scored_or(document) == "scored"
    assert [left["symbol"] for left in document["left_out"]] == ["NEW"]


def test_a_symbol_that_it_left_out_for_few_prices_is_unknown_once_it_has_enough(tmp_path, records):
    few = [r | {"symbol": "NEW"} for r in records if r["symbol"] == "S0"][-33:]
    less = [r for r in few if r["date"] <= until(records, 5)[-1]["date"]]
    document = made(tmp_path, until(records, 5) + less, name="in_place.json", min_history=30)
    assert [left["symbol"] for left in document["left_out"]] == ["NEW"]
    unknown = "the model in place does not know 1 of 5 symbols"
    assert scored_or(made(tmp_path, records + few, min_history=30)) == unknown


def test_prices_that_end_before_those_of_the_model_have_it_trained(in_place, records):
    assert "before those of the model in place" in scored_or(made(in_place, until(records, 9)))


def test_a_symbol_whose_price_is_not_on_the_models_scale_has_it_trained(in_place, records):
    fallen = [r | ({"close": -1.0} if r == records[-1] else {}) for r in records]
    only = [record for record in fallen if record["symbol"] == "S3"]
    document = made(in_place, only, new_symbols=1.0)
    assert "the model in place cannot be scored" in scored_or(document)


def test_restated_history_has_it_trained_beyond_a_share(in_place, records):
    def receipt(restated):
        path = in_place / "ingest.json"
        (in_place / "prices.csv").write_text(as_csv(records[:60]))
        received = in_place / "received"
        ingest(str(in_place / "prices.csv"), in_place / "raw.json", receipt=path, received=received)
        path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"restated": restated}))
        return path

    rows = len(until(records, 5))
    few = made(in_place, records, receipts=[receipt(int(0.01 * rows))])
    assert scored_or(few) == "scored"
    many = made(in_place, records, receipts=[receipt(int(0.01 * rows) + 1)])
    assert "were restated or withdrawn since" in scored_or(many)


def test_a_red_watch_has_it_trained_once(in_place, records):
    cutoff = read_model(in_place / "in_place.json")[0]["cutoff"]
    watch = in_place / "monitor.json"
    watch.write_text(f'{{"red_since": "{cutoff}"}}')
    assert "the watch has been red since" in scored_or(made(in_place, records, watch=watch))
    before = str(date.fromisoformat(cutoff) - timedelta(days=1))
    watch.write_text(f'{{"red_since": "{before}"}}')  # the model in place is from after it
    assert scored_or(made(in_place, records, watch=watch)) == "scored"
    watch.write_text('{"red_since": null}')
    assert scored_or(made(in_place, records, watch=watch)) == "scored"


def test_a_scored_model_that_is_accepted_no_more_is_followed_by_a_training_in_the_same_run(
    in_place, records
):
    changed(in_place, lambda model: model["acceptance"].update(accepted=True))
    document = made(in_place, records, mae_ratio=0.0)
    assert "scored, is no longer accepted: mae_ratio is 1" in scored_or(document)
