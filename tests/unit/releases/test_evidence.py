"""The evidence of a release: a Workflow Run RO-Crate, to be read without the machine."""

import shutil
import zipfile
from importlib.resources import files as resources
from io import BytesIO
from pathlib import Path

import orjson
import pytest
import requests
from rocrate.rocrate import ROCrate
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.utils.http import HttpRequester

from pricewright.files.disk import file_sha256, sha256
from pricewright.releases import evidence, store
from pricewright.releases.history import releases_folder
from pricewright.signoffs import ledger
from pricewright.signoffs.signed_files import GATES

CONTEXT = "https://w3id.org/ro/crate/1.1/context"

# What RO-Crate 1.1 calls these terms; the library ships the context of 1.3 alone.
TERMS_OF_1_1 = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}


@pytest.fixture
def released(firm, tmp_path):
    """A release: its folder, and its crate, as a folder and as the library reads it."""
    firm.sign_all("reviewer")
    firm.folder = releases_folder(firm.root) / firm.release()
    firm.crate_folder = as_crate(firm.folder, tmp_path / "crate")
    firm.crate = ROCrate(firm.crate_folder)
    return firm


def as_crate(release, folder):
    """A release's folder with its archives unpacked in it, as docs/signoffs.md says."""
    shutil.copytree(release, folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    for name in ("code.zip", "evidence.zip"):
        with zipfile.ZipFile(folder / name) as archive:
            archive.extractall(folder)
        (folder / name).unlink()
    (folder / "manifest.json").unlink()
    return folder


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_crate_holds_the_release_and_all_that_it_came_from(released):
    names = files_in(released.crate_folder)
    assert {"config.json", "software.json", "ledger.jsonl"} < names
    assert {"workflow/Snakefile", "workflow/rules/production.smk"} < names
    assert {"workflow/scripts/production.py", "workflow/schemas/model.schema.yaml"} < names
    assert orjson.loads((released.crate_folder / "config.json").read_bytes()) == released.config
    software = orjson.loads((released.crate_folder / "software.json").read_bytes())
    assert {"python", "numpy", "snakemake", "rocrate"} <= software.keys()


def test_nothing_of_a_release_is_in_it_twice(released):
    held = []
    for name in ("code.zip", "evidence.zip"):
        with zipfile.ZipFile(released.folder / name) as archive:
            held += archive.namelist()
    kept = files_in(released.folder) - {"code.zip", "evidence.zip", "manifest.json"}
    assert {"model.json", "report.html", "signoffs/report/reviewer.json"} < kept
    assert sorted([*held, *kept]) == sorted(files_in(released.crate_folder))


def test_the_ledger_in_it_ends_with_what_the_release_rests_on(released):
    extract = (released.crate_folder / "ledger.jsonl").read_bytes()
    whole = (released.root / "ledger/ledger.jsonl").read_bytes()
    assert whole.startswith(extract)
    document = orjson.loads((released.folder / "manifest.json").read_bytes())
    assert sha256(extract.splitlines()[-1]) == document["ledger"]["head"]
    assert extract.count(b"\n") == document["ledger"]["lines"]
    events = [entry.event for entry in ledger.read(released.root / "ledger")]
    assert events[extract.count(b"\n") :] == ["release", "smoke-test-passed"]


def test_the_library_reads_who_ran_what_on_what_with_what_result(released):
    crate = released.crate
    run = crate.get("#run")
    assert run.type == "CreateAction"
    assert run["instrument"] is crate.mainEntity
    assert crate.mainEntity["programmingLanguage"]["name"] == "Snakemake"
    assert run["agent"]["name"] == "author"
    model = orjson.loads(released.covered()["results/model.json"])
    delivered = [each for each in run["object"] if each.type == "PropertyValue"]
    assert [each["value"] for each in delivered] == [model["receipts"]["ingest"]["sha256"]]
    made = {each.id: each["sha256"] for each in run["result"]}
    assert made["model.json"] == sha256(released.covered()["results/model.json"])
    assert {"report.txt", "ingest.json", "clean.json", "quarantine.json"} <= made.keys()
    assert crate.mainEntity["identifier"]["value"] == model["code"]["sha256"]
    versions = {
        each["name"]: each["softwareVersion"] for each in crate.mainEntity["softwareRequirements"]
    }
    assert model["code"]["libraries"].items() <= versions.items()
    assert "snakemake" in versions


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_the_library_reads_who_signed_for_what(released):
    for gate in GATES:
        signoff = released.crate.get(f"signoffs/{gate}/reviewer.json")
        assert signoff["author"]["name"] == "reviewer"
        assert gate in signoff["name"]
        signed = {each["name"] for each in as_list(signoff["about"])}
        assert signed == {Path(name).name for name in GATES[gate]}


def test_every_file_in_it_is_described_with_its_digest(released):
    for name in files_in(released.crate_folder) - {"ro-crate-metadata.json"}:
        found = file_sha256(released.crate_folder / name)
        assert released.crate.get(name)["sha256"] == found, name


def test_the_same_release_and_ledger_give_the_same_bytes(released):
    manifest, contents = store.open_release(releases_folder(released.root), released.folder.name)
    packed = {name: contents.pop(name) for name in (evidence.CODE, evidence.NAME)}
    lines = (released.root / "ledger/ledger.jsonl").read_bytes().splitlines()
    grounds = {
        "decision": released.check(),
        "model": orjson.loads(contents["model.json"]),
        "origin": released.origin,
        "seen": lines[: manifest.lines],
    }
    again = [evidence.release_evidence(contents, **grounds) for _ in range(2)]
    assert again[0] == again[1] == packed
    for content in packed.values():
        with zipfile.ZipFile(BytesIO(content)) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_no_secret_reaches_it(firm, monkeypatch):
    from pricewright.files import secrets

    monkeypatch.setenv("CANARY", "hunter2-canary")
    secrets.read_secret("CANARY")
    firm.config["source"]["headers"] = {"Authorization": "Bearer hunter2-canary"}
    firm.sign_all("reviewer")
    firm.release()
    with zipfile.ZipFile(firm.production / "current/evidence.zip") as archive:
        assert b"hunter2-canary" not in archive.read("config.json")
        assert b"Bearer ***" in archive.read("config.json")


@pytest.fixture
def offline(monkeypatch):
    """The validator asks for nothing but the context, which is on this machine."""
    document = orjson.loads((resources("rocrate") / "data" / "ro-crate.jsonld").read_bytes())
    document["@context"] |= TERMS_OF_1_1

    def get(self, url, **options):
        reply = requests.Response()
        reply.url, reply.status_code = url, 200 if url == CONTEXT else 504
        reply.headers["Content-Type"] = "application/ld+json"
        reply._content = orjson.dumps(document) if url == CONTEXT else b""
        return reply

    monkeypatch.setattr(HttpRequester, "get", get, raising=False)


def shortcomings(path, severity):
    settings = ValidationSettings(
        rocrate_uri=str(path),
        profile_identifier="workflow-run-crate",
        requirement_severity=severity,
        offline=True,
    )
    found = services.validate(settings).get_issues()
    return sorted({issue.check.identifier for issue in found}), found


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")
def test_it_keeps_every_must_of_the_workflow_run_crate_and_of_the_profiles_under_it(
    released, offline
):
    identifiers, found = shortcomings(released.crate_folder, Severity.REQUIRED)
    assert identifiers == [], [issue.message for issue in found]


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")
def test_the_validator_misses_a_must_that_is_not_kept(released, offline):
    """A test of the test: without its run, or a file, a crate is none."""
    about = released.crate_folder / "ro-crate-metadata.json"
    metadata = orjson.loads(about.read_bytes())
    metadata["@graph"] = [each for each in metadata["@graph"] if each["@id"] != "#run"]
    about.write_bytes(orjson.dumps(metadata))
    (released.crate_folder / "model.json").unlink()
    identifiers, _ = shortcomings(released.crate_folder, Severity.REQUIRED)
    assert any(each.startswith("workflow-run-crate") for each in identifiers)
    assert any(each.startswith("ro-crate-1.1") for each in identifiers)
