"""`pricewright status` as a command: how the last run went."""

import re

from conftest import PRICEWRIGHT, STEPS, Project, command


def status(project: Project) -> str:
    """What it prints."""
    done = command(PRICEWRIGHT, "status", cwd=project.folder)
    assert done.code == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def part(text: str, heading: str) -> list[str]:
    """The lines below a heading."""
    found = re.search(rf"(?:^|\n\n){heading}\n(.*?)(?:\n\n|\n?$)", text, re.DOTALL)
    return found[1].splitlines() if found else []


def test_before_any_run_it_says_how_to_begin(project: Project):
    text = status(project)
    assert part(text, "Last run") == ["  nothing has run yet; begin with `snakemake --cores 1`"]
    assert part(text, "Out of date") == []
    assert part(text, "Releases") == ["  nothing was released yet"]


def test_after_a_run_each_step_is_a_line_and_nothing_is_out_of_date(finished: Project):
    text = status(finished)
    lines = part(text, "Last run")
    assert [line.split()[:2] for line in lines] == [[step, "ok"] for step in STEPS]
    assert all(re.search(r" 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ +\d+\.\d s", line) for line in lines)
    assert "280 rows" in lines[0]
    assert "2 symbols" in lines[2]
    assert part(text, "Out of date") == []


def test_after_a_failure_it_says_which_step_how_often_and_why(finished: Project):
    (finished.folder / "data" / "raw" / "small.csv").write_text("<html>Sign in</html>\n")
    finished.configure(retries={"times": 1})
    assert finished.snakemake().code == 1
    text = status(finished)
    first, where, *log = part(text, "Last run")
    assert re.match(r"  ingest          failed .* 2 attempts$", first)
    assert where == "    logs/ingest.2.log:"
    assert "ERROR ingest failed for good: data/raw/small.csv" in "\n".join(log)
    assert "data/raw/small.csv" not in part(text, "Out of date")


def test_a_source_that_changed_since_is_named(finished: Project):
    path = finished.folder / "data" / "raw" / "small.csv"
    path.write_text(path.read_text() + "2021-01-04,S0,50,1000\n")
    assert part(status(finished), "Out of date") == [
        "  data/raw/small.csv was written after the last run began"
    ]


def test_what_a_run_looked_at_and_found_no_reason_to_work_for_is_not_out_of_date(finished: Project):
    config = finished.folder / "config" / "config.yaml"
    config.write_text(config.read_text() + "# a remark\n")
    assert len(part(status(finished), "Out of date")) == 1
    outcome = finished.snakemake()
    assert outcome.ran == []
    assert part(status(finished), "Out of date") == []


def test_a_model_that_was_changed_by_hand_is_named(finished: Project):
    path = finished.folder / "results" / "model.json"
    path.write_text(path.read_text() + "\n")
    assert part(status(finished), "Out of date") == [
        "  results/report.txt is about another model than results/model.json",
        "  results/deployed_model.json is another model than results/model.json",
    ]
