"""Earlier releases are packed, and dropped when config says so: nothing that is needed is lost."""

import os
import shutil
import subprocess
import zipfile

import pytest

from pricewright.commands import sign as signing
from pricewright.commands import verify as verifying
from pricewright.commands.history import history
from pricewright.files.disk import file_sha256
from pricewright.files.errors import Refusal
from pricewright.files.zstandard import zstd
from pricewright.releases import retention, store, switch
from pricewright.releases.history import (
    describe_dropped,
    describe_switches,
    releases_folder,
    signed_files,
    verify_releases,
)
from pricewright.releases.models import find_model, packed_model, record_training, trainings
from pricewright.releases.rebuild import rebuild
from pricewright.releases.store import open_release, plain_file
from pricewright.releases.switch import SmokeFailure
from pricewright.signoffs import ledger
from pricewright.signoffs.signed_files import MODEL
from pricewright.signoffs.statements import preserved_name


@pytest.fixture
def shop(firm, monkeypatch):
    """A firm whose models are large enough to be packed."""
    monkeypatch.setattr(store, "LARGE", 1000)
    return firm


@pytest.fixture
def three(shop):
    """Three releases, of which the first is packed; `model` is the first's."""
    shop.digests = []
    for which in (0, 1, 2):
        shop.digests.append(shop.signed_release(which))
        if which == 0:
            shop.model = signed_files(shop.root, shop.digests[0])[MODEL]
        shop.wait(days=10)
    shop.first, shop.second, shop.third = shop.digests
    return shop


def folder_of(firm, digest):
    return releases_folder(firm.root) / digest


def forms(firm, digest, name="model.json"):
    """In which forms a file of a release is there: plain, packed."""
    folder = folder_of(firm, digest)
    return (folder / name).exists(), (folder / f"{name}.zst").exists()


# Kept once


def test_the_release_in_production_and_the_one_before_are_plain_and_earlier_ones_packed(three):
    assert [forms(three, digest) for digest in three.digests] == [
        (False, True),
        (True, False),
        (True, False),
    ]
    assert forms(three, three.first, "manifest.json") == (True, False)
    assert forms(three, three.first, "evidence.zip") == (True, False)
    assert verify_releases(three.root) == []
    assert signed_files(three.root, three.first)[MODEL] == three.model
    packed = folder_of(three, three.first) / "model.json.zst"
    assert not packed.stat().st_mode & 0o222
    assert not packed.parent.stat().st_mode & 0o222


def test_plain_tools_read_what_is_packed(three):
    packed = folder_of(three, three.first) / "model.json.zst"
    program = shutil.which("zstd")
    if program is None:
        assert zstd.decompress(packed.read_bytes()) == three.model
        return
    assert subprocess.check_output([program, "-dc", packed]) == three.model


def test_a_file_that_the_release_before_has_is_the_same_file(three):
    found = [folder_of(three, digest) / "code.zip" for digest in three.digests]
    assert len({path.stat().st_ino for path in found}) == 1
    other = [folder_of(three, digest) / "evidence.zip" for digest in three.digests]
    assert len({path.stat().st_ino for path in other}) == 3


def test_a_file_of_the_release_before_that_was_changed_is_not_taken_over(shop):
    first = shop.signed_release(0)
    spoiled = folder_of(shop, first) / "code.zip"
    spoiled.chmod(0o644)
    with zipfile.ZipFile(spoiled, "a") as archive:
        archive.writestr("planted", "x")
    second = shop.signed_release(1)
    assert b"planted" not in open_release(releases_folder(shop.root), second)[1]["code.zip"]
    (problem,) = verify_releases(shop.root)
    assert f"{first}/code.zip: was changed" in problem


def test_where_no_file_can_have_two_names_each_is_written(shop, monkeypatch):
    def unable(*arguments, **options):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(store.os, "link", unable)
    for which in (0, 1, 2):
        shop.signed_release(which)
    assert verify_releases(shop.root) == []
    assert len(shop.released()) == 3


@pytest.mark.parametrize("whole", [True, False])
def test_the_model_that_is_kept_packed_already_is_the_same_file_if_it_is_the_model(shop, whole):
    first = shop.signed_release(0)
    shop.signed_release(1)
    shop.signed(2)
    model = folder_of(shop, first) / "model.json"
    kept = packed_model(shop.root, file_sha256(model))
    kept.parent.mkdir(parents=True)
    kept.write_bytes(zstd.compress(model.read_bytes() + b" " * (not whole)))
    shop.release()
    packed = folder_of(shop, first) / "model.json.zst"
    assert (packed.stat().st_ino == kept.stat().st_ino) == whole
    assert verify_releases(shop.root) == []


# Used again


def test_a_packed_release_is_unpacked_when_it_is_gone_back_to(three):
    three.sign_release("reviewer", three.first)
    assert three.roll_back(three.first[:8]) == three.first
    assert [forms(three, digest) for digest in three.digests] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert (three.production / "current/model.json").read_bytes() == three.model
    assert verify_releases(three.root) == []


def test_a_packed_release_is_unpacked_for_who_signs_to_go_back_to_it(three, monkeypatch):
    monkeypatch.chdir(three.root)
    monkeypatch.setattr(signing, "config_of_run", lambda *given: (three.config, []))
    signing.sign("deploy", release=three.first, key=three.keys["reviewer"], yes=True)
    assert forms(three, three.first) == (True, False)


def test_a_file_of_a_packed_release_is_read_as_it_was(three):
    folder = releases_folder(three.root)
    for digest in three.digests:
        with plain_file(folder, digest, "model.json") as path:
            expected = signed_files(three.root, digest)[MODEL]
            assert path.read_bytes() == expected
    with plain_file(folder, three.first, "nothing.json") as path:
        assert not path.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: b"x" * len(content),
        lambda content: zstd.compress(b"{}"),
        lambda content: b"",
    ],
    ids=["cut", "longer", "not packed", "another", "empty"],
)
def test_a_packed_file_that_was_changed_is_seen_and_not_gone_back_to(three, spoil):
    three.sign_release("reviewer", three.first)
    path = folder_of(three, three.first) / "model.json.zst"
    path.chmod(0o644)
    path.write_bytes(spoil(path.read_bytes()))
    (problem,) = verify_releases(three.root)
    assert f"{path}: was changed" in problem
    with pytest.raises(Refusal, match=r"model\.json\.zst: was changed"):
        three.roll_back(three.first)
    assert three.current == three.third


def test_a_release_that_was_changed_is_not_packed_and_production_goes_on(shop, caplog):
    first = shop.signed_release(0)
    shop.signed_release(1)
    path = folder_of(shop, first) / "report.txt"
    path.chmod(0o644)
    path.write_bytes(b"changed")
    third = shop.signed_release(2)
    assert shop.current == third
    assert forms(shop, first) == (True, False)
    assert any("was not packed" in record.message for record in caplog.records)


# Dropped


def test_by_default_every_release_is_kept(three):
    three.wait(days=4000)
    assert three.config["history"]["keep_releases_days"] is None
    three.signed_release(0)
    assert len(three.released()) == 4
    assert describe_dropped(three.root) == ""


def kept_for(firm, days):
    firm.config["history"]["keep_releases_days"] = days


def test_a_release_that_was_in_production_too_long_ago_is_dropped_and_the_ledger_tells(three):
    kept_for(three, 15)
    fourth = three.signed_release(1)  # the first was replaced 20 days ago, the second 10
    assert set(three.released()) == {three.second, three.third, fourth}
    told = [entry for entry in ledger.read(three.root / "ledger") if entry.event == "dropped"]
    assert [entry.fields for entry in told] == [
        {"release": three.first, "model": store.sha256(three.model), "keep_releases_days": 15}
    ]
    assert verify_releases(three.root) == []
    assert ledger.verify(three.root / "ledger") == []
    lines = describe_switches(three.root).splitlines()
    (line,) = [line for line in lines if three.first[:12] in line]
    assert line.endswith(f"replaced since, dropped {told[0].time[:10]}")
    sentence = describe_dropped(three.root)
    assert f"release {three.first[:12]}… on {told[0].time[:10]}." in sentence
    assert "history.keep_releases_days" in sentence


def test_the_sign_offs_of_a_dropped_release_are_kept(firm):
    """An early version kept them in the release alone."""
    first = firm.signed_release(0)
    signed = [path.read_bytes() for path in folder_of(firm, first).rglob("signoffs/*/*.json")]
    firm.signed_release(1)
    shutil.rmtree(firm.root / "ledger/statements")
    firm.wait(days=20)
    kept_for(firm, 15)
    firm.signed_release(2)
    assert first not in firm.released()
    assert signed
    assert all((firm.root / preserved_name(store.sha256(each))).exists() for each in signed)


def test_what_is_in_production_and_the_release_before_it_are_never_dropped(three):
    kept_for(three, 1)
    for to in (three.second, three.third):
        three.wait(days=1000)
        three.sign_release("reviewer", to)
        assert three.roll_back("previous") == to
        assert set(three.released()) == {three.second, three.third}


def test_a_release_that_a_sign_off_of_these_days_names_is_kept(three):
    kept_for(three, 15)
    three.wait(minutes=1)
    three.sign_release("reviewer", three.first)
    three.signed_release(1)
    assert three.first in three.released()
    three.wait(days=16)
    three.signed_release(2)
    assert three.first not in three.released()


def test_a_release_that_was_gone_back_to_counts_from_when_it_was_replaced_again(three):
    three.sign_release("reviewer", three.first)
    three.roll_back(three.first)
    kept_for(three, 15)
    three.wait(days=10)
    fourth = three.signed_release(2)
    three.wait(days=10)
    three.sign_release("reviewer", three.third)
    three.roll_back(three.third)
    assert set(three.released()) == {three.first, three.third, fourth}


def test_a_release_that_failed_its_smoke_test_is_dropped_as_well(shop, monkeypatch):
    def broken(*arguments):
        raise SmokeFailure("it smokes.")

    first = shop.signed_release(0)
    shop.signed(1)
    with monkeypatch.context() as patch:
        patch.setattr(switch, "smoke_test", broken)
        with pytest.raises(SmokeFailure):
            shop.release()
    assert len(shop.released()) == 2
    shop.wait(days=20)
    kept_for(shop, 15)
    third = shop.signed_release(2)
    assert set(shop.released()) == {first, third}
    assert {each.release for each in trainings(shop.root)} >= {"in production", ""}


@pytest.fixture
def dropped(three):
    """The first release is dropped."""
    kept_for(three, 15)
    three.signed_release(1)
    assert three.first not in three.released()
    return three


def test_a_dropped_release_is_not_gone_back_to_and_a_sentence_says_why(dropped):
    for named in (dropped.first, dropped.first[:8]):
        with pytest.raises(Refusal, match=r"was dropped on .* under history\.keep_releases_days"):
            dropped.roll_back(named)
    with pytest.raises(Refusal, match="no release's digest begins with that"):
        dropped.roll_back("f" * 64)


def test_verify_names_what_was_dropped_and_finds_nothing_wrong(dropped, monkeypatch, capsys):
    monkeypatch.chdir(dropped.root)
    monkeypatch.setattr(verifying, "config_of_run", lambda *given: (dropped.config, []))
    verifying.verify()
    sentence, result = capsys.readouterr().out.splitlines()
    assert sentence == describe_dropped(dropped.root)
    assert result.endswith("are intact.")


def test_a_dropped_release_is_not_built_again_and_a_sentence_says_why(dropped):
    ledger.append(dropped.root / "ledger", "dropped", release=dropped.current, model="0" * 64)
    (problem,) = rebuild(dropped.root, steps=None)
    assert f"cannot be rebuilt: release {dropped.current[:12]}… was dropped on " in problem


def test_the_models_of_dropped_releases_may_go_and_history_says_that_they_were_dropped(
    dropped, capsys, monkeypatch
):
    digest = store.sha256(dropped.model)
    kept = packed_model(dropped.root, digest)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(zstd.compress(dropped.model))
    os.utime(kept, (1, 1))
    kept.with_name(f"{'f' * 64}.json.zst").touch()
    assert find_model(dropped.root, digest)[1] == digest
    output = dropped.root / "results/model.json"
    other, _ = find_model(dropped.root, "last")
    record_training(dropped.root, output, other, author="author", keep_models=1)
    with pytest.raises(Refusal, match=r"no longer kept .*history\.keep_releases_days"):
        find_model(dropped.root, digest)
    monkeypatch.chdir(dropped.root)
    history()
    rows = [row for row in capsys.readouterr().out.splitlines() if digest[:12] in row]
    assert rows
    assert all("dropped 20" in row for row in rows)


def test_if_a_release_that_is_on_record_as_dropped_is_still_there_the_next_removes_it(
    three, monkeypatch
):
    kept_for(three, 15)

    def failing(*arguments):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(retention.store, "drop_release", failing)
        fourth = three.signed_release(1)
    assert three.current == fourth
    assert three.first in three.released()
    with pytest.raises(Refusal, match="was dropped on"):
        three.roll_back(three.first)
    three.signed_release(2)
    assert three.first not in three.released()
    events = [entry.event for entry in ledger.read(three.root / "ledger")]
    assert events.count("dropped") == 1
