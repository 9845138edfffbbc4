import os
from pathlib import Path

import orjson
import pytest
from forecasts import columns_of

from pricewright.files.disk import sha256
from pricewright.files.errors import Refusal
from pricewright.signoffs import presentation, signed_files
from pricewright.signoffs.signed_files import GATES, discrepancies, identity, read_covered


@pytest.fixture
def files(run_once):
    return read_covered(run_once.folder)


def changed(files, name, change):
    document = orjson.loads(files[name])
    change(document)
    return files | {name: orjson.dumps(document)}


@pytest.mark.parametrize("gate", GATES)
def test_a_gates_digest_is_about_ten_lines(files, gate):
    facts = presentation.gate_summary(gate, files)
    assert 5 <= len(facts) <= 10
    assert all(text.isprintable() for _, text in facts)


def test_it_says_how_many_criteria_are_met_and_how_many_were_not_judged(files):
    def said(*met):
        def judge(model):
            for found in model["acceptance"]["criteria"].values():
                found["met"] = True
            for found, each in zip(model["acceptance"]["criteria"].values(), met, strict=False):
                found["met"] = each

        judged = changed(files, signed_files.MODEL, judge)
        return dict(presentation.gate_summary("report", judged))["acceptance"]

    count = len(orjson.loads(files[signed_files.MODEL])["acceptance"]["criteria"])
    assert said(False) == f"{count - 1} of {count} criteria met"
    assert said(False, None) == f"{count - 2} of {count - 1} criteria met, 1 not judged"


def test_of_a_release_it_names_the_releases_own_report(files):
    folder = Path("production/releases/abc")
    shown = dict(presentation.gate_summary("deploy", files, folder))
    assert shown["to read"].startswith("production/releases/abc/report.txt, ")
    assert "production/releases/abc/report.html" in shown["to read"]


def test_the_symbols_of_columns_are_counted(files):
    counted = dict(presentation.gate_summary("metrics", files))["model"]

    def in_columns(model):
        model["symbols"] = columns_of(model["symbols"])

    of_columns = changed(files, signed_files.MODEL, in_columns)
    assert dict(presentation.gate_summary("metrics", of_columns))["model"] == counted


def test_the_numbers_are_those_of_the_bytes(files):
    text = str(presentation.gate_summary("metrics", files))
    pooled = orjson.loads(files[signed_files.MODEL])["metrics"]["pooled"]
    assert f"{pooled['model']['mase']:.3f} (random walk" in text
    text = str(presentation.gate_summary("source", files))
    assert orjson.loads(files[signed_files.RECEIPT])["sha256"][:12] in text
    counts = {"rows": 2000, "left_out": 1000, "in_bars": 1000, "kept": 42}
    of_bars = changed(files, signed_files.RECEIPT, lambda receipt: receipt.update(counts))
    assert dict(presentation.gate_summary("source", of_bars))["rows"] == (
        "2,000 delivered, 1,000 left out by source.where, 1,000 in daily bars, 42 kept"
    )


def test_what_is_said_of_one_symbol_and_of_a_scored_model(files):
    def scored(model):
        model["mode"] = "score"
        model["symbols"] = dict(list(model["symbols"].items())[:1])

    of_one = changed(files, signed_files.MODEL, scored)
    said = dict(presentation.gate_summary("metrics", of_one))["model"]
    assert said.startswith("scored on prices up to ")
    assert ", 1 symbol, " in said
    one = changed(files, signed_files.RECEIPT, lambda receipt: receipt.update(symbols=1))
    assert dict(presentation.gate_summary("source", one))["prices"].startswith("1 symbol, ")


def test_a_signer_sees_which_rows_were_removed_and_which_were_incomplete(files):
    counts = {"dropped": 3, "removed": 2}
    cleaned = changed(files, signed_files.CLEANING, lambda receipt: receipt.update(counts))
    said = dict(presentation.gate_summary("source", cleaned))["cleaning"]
    assert ", 3 incomplete rows, 2 removed as declared, " in said


@pytest.mark.parametrize(
    ("gate", "name", "change", "warning"),
    [
        (
            "source",
            signed_files.RECEIPT,
            {"quarantined": {"conflict": 1}},
            "1 row is quarantined: 1 co",
        ),
        ("deploy", signed_files.RECEIPT, {"restated": 3}, "3 values restated, 0 rows withdrawn"),
        (
            "source",
            signed_files.QUALITY,
            {"flags": {"jump": 1200}},
            "the data has flags: 1,200 jump",
        ),
        (
            "metrics",
            signed_files.MODEL,
            {"metrics": {"origins_the_model_knew": 3}},
            "metrics flatter",
        ),
    ],
)
def test_a_signer_is_warned_of_what_is_odd(files, gate, name, change, warning):
    def odd(document):
        for key, value in change.items():
            document[key] = document[key] | value if isinstance(value, dict) else value

    found = presentation.signer_warnings(gate, changed(files, name, odd), True)
    assert any(warning in text for text in found)


def test_files_of_one_run_have_no_discrepancies(files):
    assert discrepancies(files) == []


def test_files_of_different_runs_are_told_apart(files):
    other = changed(files, signed_files.MODEL, lambda model: model.update(cutoff="2030-01-01"))
    assert discrepancies(other) == [
        "results/report.txt is about a different model from results/model.json"
    ]
    other = changed(files, signed_files.RECEIPT, lambda receipt: receipt.update(rows=1))
    assert "made from other data than results/ingest.json" in discrepancies(other)[0]
    assert discrepancies(other)[1] == "the rows that results/ingest.json counts do not add up"
    assert "cannot be compared" in discrepancies(files | {signed_files.MODEL: b"{"})[-1]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("content", [b"{}", b"[]", b"7", b"{", b'{"flags": 1, "metrics": []}'])
def test_what_no_run_writes_is_refused_in_a_sentence(files, gate, content):
    made = {name: content if name.endswith(".json") else page for name, page in files.items()}
    with pytest.raises(Refusal):
        print(
            presentation.gate_summary(gate, made), presentation.signer_warnings(gate, made, False)
        )


def test_an_identity_is_what_sha256sum_says_of_the_list():
    digests = {"b": sha256(b"2"), "a": sha256(b"1")}
    listed = f"{sha256(b'1')}  a\n{sha256(b'2')}  b\n"
    assert identity(digests) == sha256(listed.encode())


def linked(path):
    """The same bytes, but where they can be changed later."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("name", GATES["deploy"])
@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (linked, "is a link"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "is not a regular file"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a regular file"),
    ],
    ids=["link", "pipe", "folder"],
)
def test_what_is_planted_in_place_of_a_file_is_not_read(office, name, plant, sentence):
    plant(office.root / name)
    with pytest.raises(Refusal, match=f"{name}: {sentence}"):
        read_covered(office.root)


def test_a_file_that_is_missing_is_named(office):
    (office.root / signed_files.QUALITY).unlink()
    with pytest.raises(Refusal, match=r"results/data_quality\.json: no such file; run `snakemake"):
        read_covered(office.root)


def test_a_command_names_all_config_files_as_its_program_takes_them():
    files = [Path("mine.yaml"), Path("my desk.yaml")]
    assert (
        presentation.with_config(presentation.RELEASE, files)
        == f"{presentation.RELEASE} --configfile mine.yaml 'my desk.yaml'"
    )
    assert presentation.with_config("pricewright status", files) == (
        "pricewright status --configfile mine.yaml --configfile 'my desk.yaml'"
    )
    assert presentation.with_config(presentation.RELEASE, []) == presentation.RELEASE
