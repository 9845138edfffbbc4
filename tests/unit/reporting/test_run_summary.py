"""What a run ends with."""

from pricewright.files.documents import write_json
from pricewright.reporting.run_summary import run_summary


def model(accepted=True):
    missed = {"coverage": {"value": 0.8, "limit": "more", "met": False}}
    return {
        "acceptance": {"accepted": accepted, "criteria": {} if accepted else missed},
        "metrics": {"pooled": {"model": {"mase": None}}},
        "parameters": {"price": "close"},
        "receipts": {},
    }


def test_a_run_that_made_no_model_says_nothing_of_an_earlier_ones(tmp_path):
    write_json(tmp_path / "results/model.json", model())
    assert run_summary(tmp_path, ["clean"], 0.44) == "1 step in 0.4 s"


def test_the_verdict_is_in_the_words_of_the_report_and_the_paths_are_those_that_are_there(tmp_path):
    write_json(tmp_path / "results/model.json", model())
    for name in ("report.txt", "run_report.html", "deployed_model.json"):
        (tmp_path / "results" / name).touch()
    text = run_summary(tmp_path, ["train_or_score", "report"], 75)
    assert text.splitlines()[:2] == ["2 steps in 1 min 15 s", "ACCEPTED: it meets every criterion."]
    assert "Not evaluated" in text
    assert text.splitlines()[-3:] == [
        "Report          results/report.txt",
        "Run report      results/run_report.html",
        "Deployed model  results/deployed_model.json",
    ]
    assert max(map(len, text.splitlines())) < 80
    (tmp_path / "results/report.html").touch()  # with pictures, it is named before the plain one
    assert run_summary(tmp_path, ["clean"], 1) == "1 step in 1.0 s"
    found = run_summary(tmp_path, ["report"], 1).splitlines()
    assert "Report          results/report.html" in found


def test_a_run_that_forecasts_nothing_does_not_name_the_forecasts_of_an_earlier_one(tmp_path):
    newest = tmp_path / "production/forecasts/newest.csv"
    newest.parent.mkdir(parents=True)
    newest.touch()
    named = "Forecasts       production/forecasts/newest.csv"
    assert named in run_summary(tmp_path, ["monitor"], 1)
    said = run_summary(tmp_path, ["monitor"], 1, forecasts=False)
    assert said.endswith("Forecasts       none: the watch says why")


def test_a_probable_slip_is_named(tmp_path):
    write_json(
        tmp_path / "results/model.json",
        model() | {"receipts": {"clean": {"flags": {"unit-slip": 1}}}},
    )
    flag = {"symbol": "ACME", "date": "2024-01-05", "flag": "unit-slip"}
    write_json(
        tmp_path / "results/data_quality.json", {"flags": {"unit-slip": 1}, "flagged": [flag]}
    )
    said = " ".join(run_summary(tmp_path, ["report"], 1).split())
    assert "another unit (ACME on 2024-01-05), and nothing was corrected" in said


def test_a_model_that_is_deployed_though_it_is_not_accepted_is_told_of_in_capitals(tmp_path):
    write_json(tmp_path / "results/model.json", model(accepted=False))
    text = run_summary(tmp_path, ["deploy"], 1, allow_unaccepted=True)
    assert "NOT ACCEPTED: coverage is 0.8" in text
    assert "BEING DEPLOYED" in text


def test_of_an_accepted_model_it_does_not_matter_whether_others_may_be_deployed(tmp_path):
    accepted = model()
    unknown = {"value": None, "limit": "more", "met": None, "what": "share of prices"}
    accepted["acceptance"]["criteria"]["coverage"] = unknown
    write_json(tmp_path / "results/model.json", accepted)
    may, may_not = (
        run_summary(tmp_path, ["deploy"], 1, allow_unaccepted=allowed) for allowed in (True, False)
    )
    assert may == may_not
