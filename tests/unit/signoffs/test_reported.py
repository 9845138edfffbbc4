"""Reports on record: one that somebody edited rules out a release, and says so."""

from pricewright.signoffs import ledger
from pricewright.signoffs.gates import check_gates
from pricewright.signoffs.reported import record_report
from pricewright.signoffs.signed_files import MODEL, PAGE, REPORT, digests


def problems(office, **of):
    files = digests(office.covered())
    return check_gates(office.root, office.policy, files, office.clock, **of).problems


def test_an_edited_report_is_a_problem_and_the_one_that_was_written_is_none(office):
    record_report(office.root, "ann")
    assert problems(office) == []
    written = (office.root / REPORT).read_bytes()
    office.write(REPORT, "all is well\n")
    office.write(PAGE, "<p>all is well\n")
    (problem,) = problems(office)
    assert problem.startswith(f"{REPORT} and {PAGE}: not as the run wrote it, so somebody changed")
    office.write(PAGE, f"{PAGE} as the run wrote it\n")
    (office.root / REPORT).write_bytes(written)
    assert problems(office) == []


def test_a_report_that_was_written_again_is_on_record_once_for_each_content(office):
    before = len(ledger.read(office.root / "ledger"))
    for content in ("one", "two", "one", "one"):
        office.write(REPORT, content)
        record_report(office.root, "ann")
        assert problems(office) == []
    assert len(ledger.read(office.root / "ledger")) == before + 2


def test_a_model_whose_report_nobody_recorded_can_still_be_released(office):
    record_report(office.root, "ann")
    office.write(MODEL, "a model of before reports were recorded")
    assert problems(office) == []


def test_a_release_keeps_the_report_that_people_signed_whatever_was_written_later(office):
    record_report(office.root, "ann")
    office.write(REPORT, "as signed for an earlier release\n")
    assert problems(office) != []
    assert problems(office, gates=("deploy",), release=office.root) == []
