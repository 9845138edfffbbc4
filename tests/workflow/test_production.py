"""`snakemake production`: people sign first, and there is no way around them."""

import os
import random
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime

import orjson
import pytest
import yaml

from conftest import PRICEWRIGHT, STEPS, Project, begin, command, run_pricewright
from people import Office, signers_line
from pricewright.configuration.config import complete
from pricewright.signoffs import ledger, statements


def office_of(project: Project, keys) -> Office:
    """The project as an office, where people sign at the real time."""
    config = yaml.safe_load((project.folder / "config/config.yaml").read_text())
    complete(config)
    office = object.__new__(Office)
    office.root, office.keys, office.now = project.folder, keys, datetime.now(UTC)
    office.signoffs = config["signoffs"]
    office.allow_unaccepted = config["accept"]["allow_unaccepted"]
    return office


def production(project: Project, *arguments: str):
    return project.snakemake(*arguments, "production")


def current(project: Project) -> str | None:
    link = project.folder / "production" / "current"
    return os.readlink(link) if link.is_symlink() else None


def events(project: Project) -> list[str]:
    return [entry.event for entry in ledger.read(project.folder / "ledger")]


def name_signers(project: Project, keys) -> None:
    """List one person who may sign everything, and the author, who may sign only the training."""
    trainer = signers_line("author", keys["author"], statements.namespace("author"))
    reviewer = signers_line("reviewer", keys["reviewer"])
    (project.folder / "config/signers").write_text(reviewer + trainer)


def all_sign(project: Project, keys) -> None:
    """Let the author sign for the training, and the reviewer for everything else."""
    office = office_of(project, keys)
    office.sign("author", "author")
    office.sign_all("reviewer")


@pytest.fixture
def signed(finished, keys):
    """A project in which everything has run and people have signed for it."""
    name_signers(finished, keys)
    all_sign(finished, keys)
    return finished


def test_without_results_production_says_what_to_run_first(project):
    outcome = production(project)
    assert (outcome.code, outcome.ran) == (1, ["production"])
    assert "no such file; run `snakemake --cores 1` first" in outcome.stderr
    assert not (project.folder / "results").exists()


def test_a_project_without_signers_is_told_how_to_configure_them(finished):
    outcome = production(finished)
    assert (outcome.code, outcome.ran) == (1, ["production"])
    assert "config/signers: names nobody" in outcome.stderr
    assert "pricewright sign --init" in outcome.stderr
    assert current(finished) is None


def test_newer_prices_do_not_undo_what_people_signed(signed):
    signed_for = signed.results()
    prices = signed.folder / "data/raw/small.csv"
    prices.write_bytes(prices.read_bytes() + b"S0,2031-01-02,1,1,1,1,1,1\n")
    outcome = production(signed)
    assert (outcome.code, outcome.ran) == (0, ["production"]), outcome.stderr
    assert "small.csv is newer than the results" in outcome.stderr
    assert signed.results() == signed_for
    assert unsigned(signed) == []


def test_other_options_do_not_undo_what_people_signed(signed):
    signed_for = signed.results()
    assert production(signed, "--config", "model={horizon: 3}", "--cores", "1").code == 0
    assert signed.results() == signed_for


def test_production_ends_by_listing_who_must_sign_what_with_which_command(finished, keys):
    name_signers(finished, keys)
    office_of(finished, keys).sign("reviewer", "source")
    outcome = production(finished)
    assert (outcome.code, outcome.ran) == (1, ["production"])
    lines = outcome.stderr.rpartition("logs/production.log: ")[2].splitlines()
    assert lines[0].endswith("production is unchanged: signatures are missing.")
    listed = [line.split() for line in lines]
    assert ["source", "ok", "1", "of", "1,", "by", "reviewer"] in listed
    assert ["to", "sign", "(who", "trained", "it):", "pricewright", "sign", "author"] in listed
    for gate in ("metrics", "report", "deploy"):
        assert [gate, "missing", "0", "of", "1,", "by", "nobody"] in listed
        assert f"to sign (reviewer): pricewright sign {gate}".split() in listed
    assert (finished.folder / "logs/production.1.log").exists()
    assert not (finished.folder / "logs/production.2.log").exists()  # not retried


def test_signed_files_are_released_and_a_second_run_changes_nothing(signed):
    outcome = production(signed)
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["production"]
    assert outcome.stderr.rstrip().endswith("In production   production/current/model.json")
    released = signed.folder / "production/current/model.json"
    assert released.read_bytes() == signed.results()["model.json"]
    assert events(signed) == [
        "received",
        "run",
        "report",
        *["signoff"] * 5,
        "release",
        "smoke-test-passed",
        "forecast",
    ]
    kept = [path for part in ("production", "ledger", "results") for path in walk(signed, part)]
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in kept}
    again = production(signed)
    assert (again.code, again.ran) == (0, ["production"])
    assert "in production already" in again.stderr
    assert {path: (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in kept} == before


def test_after_a_release_a_run_watches_it_and_records_its_forecasts(signed):
    assert production(signed).code == 0
    outcome = signed.snakemake()
    assert (outcome.code, outcome.ran) == (0, ["monitor"])
    found = orjson.loads((signed.folder / "results/monitor.json").read_bytes())
    assert found["colour"] == "green"
    assert current(signed).endswith(found["release"])
    page = (signed.folder / "results/monitor.html").read_text()
    assert "Watch over the release" in page
    (released,) = (one for one in ledger.read(signed.folder / "ledger") if one.event == "release")
    assert f"in production since {released.time[:10]}" in page
    assert "results/monitor.html" in (signed.folder / "results/run_report.html").read_text()
    assert events(signed).count("forecast") == 1
    assert signed.snakemake().ran == []
    prices = signed.folder / "data/raw/small.csv"
    last = prices.read_text().splitlines()[-1].split(",")
    newer = ["2020-12-01", *last[1:]]
    prices.write_text(prices.read_text() + ",".join(newer) + "\n")
    outcome = signed.snakemake()
    assert (outcome.code, sorted(outcome.ran)) == (0, sorted([*STEPS, "monitor"]))
    assert events(signed).count("forecast") == 2
    newest = (signed.folder / "production/forecasts/newest.csv").read_text()
    assert "2020-12-01" in newest
    assert run_pricewright("verify", cwd=signed.folder).code == 0


def test_after_the_link_is_removed_a_run_says_so_and_the_watch_is_red(signed):
    assert production(signed).code == 0
    (signed.folder / "production/current").unlink()
    outcome = signed.snakemake()
    assert (outcome.code, outcome.ran) == (0, ["monitor"])
    assert "nothing is forecast: production/current: is missing, but" in outcome.stderr
    found = orjson.loads((signed.folder / "results/monitor.json").read_bytes())
    assert found["colour"] == "red"
    assert "pricewright rollback --to" in found["reasons"][0]


def walk(project: Project, part: str):
    return list((project.folder / part).rglob("*"))


def test_a_plain_run_does_not_release(signed):
    assert signed.snakemake("--forceall", "--dry-run").ran == list(STEPS)


def test_the_model_in_production_can_be_used_through_the_link(signed):
    assert production(signed).code == 0
    asked = ("predict", "--model", "production/current/model.json", "--format", "json")
    outcome = command(PRICEWRIGHT, *asked, cwd=signed.folder)
    assert outcome.code == 0, outcome.stderr
    assert {record["symbol"] for record in orjson.loads(outcome.stdout)} == {"S0", "S1"}


def edited(project: Project, name: str = "results/model.json"):
    """Change a file after people signed, and keep its old time."""
    path = project.folder / name
    stat = path.stat()
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def rewritten(project: Project):
    """Change a page after people signed."""
    page = project.folder / "results/report.txt"
    page.write_bytes(page.read_bytes().replace(b"Small market", b"Large market"))


def replaced_by_links(project: Project):
    """Move the same bytes to a place where they could be changed later."""
    for name in ("results/model.json", "results/report.txt"):
        path = project.folder / name
        aside = path.with_name(f"aside-{path.name}")
        shutil.move(path, aside)
        path.symlink_to(aside)


def put_there_by_hand(project: Project):
    """Remove Snakemake's records, and put in a model that nobody signed."""
    shutil.rmtree(project.folder / ".snakemake")
    edited(project)
    results = project.folder / "results"
    shutil.copy(results / "model.json", results / "deployed_model.json")


WAYS_AROUND = {
    "--touch first": [["--touch"], []],
    "--touch all first": [["--touch", "--forceall"], []],
    "by times alone": [["--rerun-triggers", "mtime"]],
    "--touch and by times alone": [["--touch"], ["--rerun-triggers", "mtime"]],
    "what is there is taken": [["--allowed-rules", "production"]],
}


@pytest.mark.parametrize(
    ("what", "ways"),
    [
        (edited, WAYS_AROUND),
        (rewritten, ["--touch all first", "what is there is taken"]),
        (replaced_by_links, ["--touch all first", "what is there is taken"]),
        (put_there_by_hand, ["--touch all first", "what is there is taken"]),
    ],
)
def test_no_way_around_snakemake_gets_an_unsigned_byte_into_production(signed, what, ways):
    what(signed)
    changed = signed.results()
    for way in ways:
        for arguments in WAYS_AROUND[way]:
            outcome = signed.snakemake(*arguments, "--cores", "1", "production")
        assert (outcome.code, current(signed), signed.results()) == (1, None, changed), way
        assert "release" not in events(signed), way


def test_a_run_with_touch_is_not_recorded_and_keeps_the_signed_page(signed):
    page = (signed.folder / "results/report.html").read_bytes()
    assert production(signed, "--touch", "--forceall", "--cores", "1").code == 0
    assert events(signed) == ["received", "run", "report", *["signoff"] * 5]
    assert current(signed) is None
    assert (signed.folder / "results/report.html").read_bytes() == page


def test_changed_and_touched_code_is_not_taken_for_the_code_that_made_the_model(signed):
    signed.edit("workflow/scripts/pricewright/forecasting/har.py", "SEED = 20", "SEED = 21")
    signed.snakemake("--touch", "production")
    outcome = production(signed, "--rerun-triggers", "mtime", "--cores", "1")
    assert outcome.code == 1
    assert "was made by a different version of the code" in outcome.stderr
    assert current(signed) is None


def test_a_config_file_that_loosens_the_policy_voids_sign_offs(signed):
    loose = signed.folder / "loose.yaml"
    loose.write_text("signoffs: {deploy: {exclude_author: false, valid_days: 3650}}\n")
    outcome = production(signed, "--configfile", "loose.yaml", "--cores", "1")
    assert outcome.code == 1
    assert outcome.stderr.count("because the policy") == 8  # four sign-offs, each reported twice
    assert current(signed) is None


def test_after_a_run_with_another_config_file_every_command_uses_that_config(
    finished, keys, tmp_path
):
    name_signers(finished, keys)
    (finished.folder / "mine.yaml").write_text(
        "{report: {title: Mine}, signoffs: {deploy: {valid_days: 3}}}\n"
    )
    mine = ("--configfile", "mine.yaml")
    assert finished.snakemake(*mine, "--cores", "1").code == 0
    (finished.folder / "mine.yaml").touch()
    shown = run_pricewright("status", cwd=finished.folder).stdout
    assert "`snakemake --cores 1 --configfile mine.yaml` updates it" in shown
    outcome = finished.snakemake("production", *mine, "--cores", "1")
    assert "the last run had" not in outcome.stderr
    assert "to sign (reviewer): pricewright sign metrics --configfile mine.yaml" in outcome.stderr
    for gate in ("author", "source", "metrics", "report", "deploy"):
        key = keys["author" if gate == "author" else "reviewer"]
        done = run_pricewright("sign", gate, "--yes", "--key", key, cwd=finished.folder)
        assert done.code == 0, done.stderr
        assert "config as_in_the_last_run=mine.yaml" in done.stderr
    assert finished.snakemake("production", *mine, "--cores", "1").code == 0
    assert current(finished) is not None


def test_a_release_without_the_config_files_of_the_run_is_refused_with_the_command(finished, keys):
    name_signers(finished, keys)
    (finished.folder / "mine.yaml").write_text("report: {title: Mine}\n")
    assert finished.snakemake("--configfile", "mine.yaml", "--cores", "1").code == 0
    all_sign(finished, keys)
    whole = "snakemake --cores 1 production --configfile mine.yaml"
    shown = run_pricewright("status", cwd=finished.folder)
    assert f"to release: {whole}" in shown.stdout
    before = finished.results()
    outcome = production(finished)
    assert outcome.code == 1
    assert whole in outcome.stderr
    assert "the last run had mine.yaml" in outcome.stderr
    assert finished.results() == before
    assert finished.snakemake(*whole.split()[1:]).code == 0
    (finished.folder / "mine.yaml").unlink()
    told = run_pricewright("verify", cwd=finished.folder)
    assert "mine.yaml: the last run used this config file, but it is missing" in told.stderr


def test_a_report_that_somebody_edited_is_not_released_though_it_is_signed(signed, keys):
    page = signed.folder / "results/report.txt"
    page.write_text(page.read_text().replace("ACCEPTED", "EXCELLENT"))
    for gate in ("report", "deploy"):
        done = run_pricewright("sign", gate, "--yes", "--key", keys["reviewer"], cwd=signed.folder)
        assert "WARNING      results/report.txt: not as the run wrote it" in done.stdout
    assert (
        "results/report.txt: not as the run wrote"
        in run_pricewright("status", cwd=signed.folder).stdout
    )
    outcome = production(signed)
    assert outcome.code == 1
    assert "results/report.txt: not as the run wrote it, so somebody changed it" in outcome.stderr
    assert current(signed) is None
    assert signed.snakemake("--forcerun", "report").code == 0
    assert events(signed).count("report") == 1
    office_of(signed, keys).sign_all("reviewer")
    assert production(signed).code == 0


def test_status_rollback_and_verify_are_commands_of_the_same_project(signed, keys):
    assert production(signed).code == 0
    assert "in production" in run_pricewright("status", cwd=signed.folder).stdout
    verified = run_pricewright("verify", "--rebuild", cwd=signed.folder)
    assert verified.code == 0, verified.stdout + verified.stderr
    back = run_pricewright("rollback", "--to", "previous", cwd=signed.folder)
    assert back.code == 1
    assert "there is no release before" in back.stderr.splitlines()[-1]
    again = command("workflow/scripts/production.py", cwd=signed.folder)
    assert again.code == 0, again.stderr
    assert "in production already" in again.stderr


def started(project: Project) -> subprocess.Popen[str]:
    """Start a `snakemake production` that ignores another run's lock on the folder."""
    words = ("-m", "snakemake", "--cores", "1", "--nolock", "production")
    return begin(*words, cwd=project.folder)


def test_of_several_runs_at_once_one_releases(signed):
    runs = [started(signed) for _ in range(3)]
    assert 0 in [run.wait() for run in runs]
    assert events(signed)[8:] == ["release", "smoke-test-passed", "forecast"]
    assert production(signed).code == 0
    assert unsigned(signed) == []


def test_a_run_killed_with_all_its_children_is_resumed_by_the_next(signed):
    moments = random.Random(3)
    for _ in range(4):
        run = started(signed)
        time.sleep(moments.uniform(0.6, 1.6))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert unsigned(signed) == []
    signed.snakemake("--unlock")
    outcome = production(signed)
    assert outcome.code == 0, outcome.stderr
    assert current(signed)
    assert events(signed)[-2:] == ["smoke-test-passed", "forecast"]
    assert events(signed).count("release") == 1 + events(signed).count("undone")


def unsigned(project: Project) -> list[str]:
    """The files in production whose current bytes nobody signed."""
    folder = project.folder / "production" / "current"
    if not folder.exists():
        return []
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    signed = [
        orjson.loads(path.read_bytes())["subject"] for path in folder.glob("signoffs/*/*.json")
    ]
    known = {(each["name"], each["digest"]["sha256"]) for part in signed for each in part}
    return [
        path
        for path, kept in manifest["covered"].items()
        if (path, manifest["files"][kept]) not in known
    ]
