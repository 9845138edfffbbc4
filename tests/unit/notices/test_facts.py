"""What there is to tell of a project, from its files alone."""

from datetime import datetime
from pathlib import Path

import orjson
import pytest

from pricewright.files.disk import file_sha256
from pricewright.files.errors import Refusal
from pricewright.notices.facts import (
    awaited_people,
    late,
    newest_switch,
    step_failure,
    unaccepted_model,
    watched,
)
from pricewright.signoffs import ledger


@pytest.fixture
def awaited(firm):
    """Whom the model waits for, by the firm's clock, in a run with these config files."""
    return lambda *files: awaited_people(firm.root, firm.config, files, firm.clock)


def terms(firm, gate, **changed):
    firm.signoffs[gate] |= changed


def test_a_new_model_waits_for_every_gate_in_order(firm, awaited):
    notice = awaited()
    model = file_sha256(firm.root / "results/model.json")[:12]
    who = "author or reviewer or second"
    gates = "; ".join(f"{gate}: {who}" for gate in ("source", "metrics", "report", "deploy"))
    assert notice.event == "waiting"
    assert notice.text == f"Model {model} waits for people. {gates}."
    assert notice.command == "pricewright sign source"


def test_what_is_signed_is_waited_for_no_more_and_then_the_release_is(firm, awaited):
    firm.sign("reviewer", "source")
    assert awaited().text.partition("people. ")[2].startswith("metrics: ")
    assert awaited().command == "pricewright sign metrics"
    firm.sign_all("reviewer")
    assert awaited().text.endswith("has all signatures and is ready for release.")
    assert awaited().command == "snakemake --cores 1 production"
    firm.release()
    assert awaited() is None


def test_of_two_that_are_needed_one_that_signed_is_left_out(firm, awaited):
    terms(firm, "metrics", required=2)
    firm.sign("reviewer", "metrics")
    assert "metrics: author or second" in awaited().text
    terms(firm, "source", required=3)
    assert "source: 3 of author, reviewer, second" in awaited().text
    terms(firm, "source", required=4)
    assert "source: too few may sign" in awaited().text


def test_who_trained_signs_first_where_the_author_may_not(firm, awaited):
    terms(firm, "deploy", exclude_author=True)
    assert "people. author: whoever trained it; source: " in awaited().text
    assert awaited().command == "pricewright sign author"


def test_a_rejection_and_a_changed_policy_are_named(firm, awaited):
    firm.sign("second", "metrics", "rejected")
    assert "metrics: rejected by second" in awaited().text
    firm.signed_release(1)
    firm.train(0)
    terms(firm, "source", valid_days=7)
    assert "deploy: 1 of author, reviewer, second, because the policy changed" in awaited().text
    terms(firm, "deploy", required=2)
    firm.sign("reviewer", "deploy")  # that one consents, but two must sign now
    assert "deploy: author or second" in awaited().text


def test_the_command_names_the_configs_of_the_run(awaited):
    assert awaited(Path("desk.yaml")).command == "pricewright sign source --configfile desk.yaml"


def test_nobody_is_waited_for_before_there_is_a_model_or_a_signer(firm, awaited):
    (firm.root / "config/signers").unlink()
    assert awaited() is None
    firm.name_signers("reviewer")
    (firm.root / "results/report.html").unlink()
    assert awaited() is None


def test_a_ledger_that_was_changed_is_told(firm, awaited):
    path = firm.root / "ledger/ledger.jsonl"
    path.write_text(path.read_text().replace("author", "nobody"))
    assert "cannot be released: " in awaited().text


def test_a_model_that_misses_criteria_is_named_with_them(firm):
    path = firm.root / "results/model.json"
    model = orjson.loads(path.read_bytes())
    notice = unaccepted_model(firm.root)
    assert notice.text.startswith(f"Model {file_sha256(path)[:12]} is not accepted: ")
    model["acceptance"]["accepted"] = True
    path.write_bytes(orjson.dumps(model))
    assert unaccepted_model(firm.root) is None
    path.unlink()
    assert unaccepted_model(firm.root) is None


def test_each_release_and_rollback_has_its_own_notice_though_all_is_in_one_second(firm):
    assert newest_switch(firm.root) is None
    first = firm.signed_release(0)
    released = newest_switch(firm.root)
    assert (released.event, first[:12] in released.text) == ("released", True)
    assert newest_switch(firm.root) == released
    second = firm.signed_release(1)
    later = newest_switch(firm.root)
    assert second[:12] in later.text
    firm.sign_release("reviewer", first)
    firm.roll_back("previous")
    back = newest_switch(firm.root)
    assert (back.event, first[:12] in back.text) == ("rolled_back", True)
    assert len({released.more, later.more, back.more}) == 3
    assert ledger.read(firm.root / "ledger")[-1].event == "smoke-test-passed"


def test_the_watch_is_told_unless_it_is_green(tmp_path):
    assert watched(tmp_path) is None
    (tmp_path / "results").mkdir()

    def told(colour):
        found = {"colour": colour, "reasons": ["a", "b"]}
        (tmp_path / "results/monitor.json").write_bytes(orjson.dumps(found))
        return watched(tmp_path)

    assert told("green") is None
    for colour in ("yellow", "red"):
        assert told(colour).event == f"watch_{colour}"
        assert told(colour).text == f"The watch is {colour}: a; b."


def test_data_are_late_when_the_last_session_of_the_declared_exchange_is_not_in_them(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/ingest.json").write_text('{"last_date": "2024-03-28"}')
    schedule = {"exchange": "XNYS", "after_minutes": 30, "command": "snakemake --cores 1"}

    def told(moment, exchange="XNYS", last_day=None):
        config = {
            "schedule": schedule | {"exchange": exchange},
            "source": {"last_day": last_day},
        }
        return late(tmp_path, config, lambda: datetime.fromisoformat(moment))

    # Good Friday and a weekend, then before it is due
    assert told("2024-04-01T20:29+00:00") is None
    notice = told("2024-04-01T20:31+00:00")
    assert notice.event == "late"
    assert "The newest price is from 2024-03-28" in notice.text
    assert "the last session of XNYS was on 2024-04-01" in notice.text
    assert told("2024-04-01T20:31+00:00", exchange=None) is None

    # a run that catches up a missed session, soon or months later, awaits no later one
    for moment in ("2024-04-03T20:31+00:00", "2024-09-02T20:31+00:00"):
        assert told(moment, last_day="2024-03-28") is None
        assert told(moment, last_day="2024-03-31") is None
        assert "up to 2024-04-02 was on 2024-04-02" in told(moment, last_day="2024-04-02").text


@pytest.mark.parametrize("found", ["{", "[]", '{"colour": "red", "reasons": 5}'])
def test_a_watch_that_cannot_be_read_is_refused(tmp_path, found):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/monitor.json").write_text(found)
    with pytest.raises(Refusal, match=r"results/monitor\.json"):
        watched(tmp_path)


LOGS = {"logs/clean.log": ["clean failed for good: a.csv:5: close is not a number ('45,12')"]}


def test_a_failure_names_step_and_log_and_quotes_only_if_that_is_declared():
    plain, quoting = (step_failure(LOGS, reasons=told) for told in (False, True))
    assert plain.text == "clean failed; logs/clean.log says why."
    assert quoting.text == LOGS["logs/clean.log"][0]
    assert plain.command == "pricewright status"
    other = step_failure({"logs/clean.log": ["clean failed: other"]}, reasons=False)
    assert (other.text == plain.text, other.more == plain.more) == (True, False)
    assert step_failure({}, reasons=True).text == "A run failed, but no step's log says why."
