"""Hand-made files and planted links: none gets an unsigned byte into production."""

import shutil

import pytest

from pricewright.files.errors import Refusal
from pricewright.releases import store
from pricewright.releases.history import releases_folder, verify_releases
from pricewright.signoffs import ledger


@pytest.fixture
def signed(firm):
    """A release in production, and sign-offs for the next."""
    firm.before = firm.signed_release(0)
    firm.signed(1)
    return firm


def refused(firm) -> str:
    """The sentence with which a release is refused; production is as it was."""
    with pytest.raises(Refusal) as refusal:
        firm.release()
    assert firm.released() == [firm.before]
    return str(refusal.value)


def test_a_link_in_place_of_the_folder_of_results_releases_what_was_signed_or_nothing(
    signed, tmp_path
):
    results, planted = signed.root / "results", tmp_path / "planted"
    shutil.move(results, planted)
    results.symlink_to(planted)
    (planted / "model.json").write_bytes((planted / "model.json").read_bytes() + b" ")
    refused(signed)


@pytest.mark.parametrize("name", ["signoffs", "signoffs/report"])
def test_a_link_in_place_of_the_folder_of_sign_offs_lets_nothing_unsigned_in(
    signed, tmp_path, name
):
    """The statements count by their signatures alone, wherever they lie."""
    folder, planted = signed.root / name, tmp_path / "planted"
    shutil.move(folder, planted)
    for path in planted.rglob("*.json"):
        path.write_bytes(path.read_bytes().replace(b"approved", b"approved "))
    folder.symlink_to(planted)
    refused(signed)


def test_a_link_in_place_of_the_lock_is_not_followed(signed, tmp_path):
    (signed.production / ".lock").unlink()
    (signed.production / ".lock").symlink_to(tmp_path / "planted")
    with pytest.raises(OSError, match="symbolic links"):
        signed.release()
    assert not (tmp_path / "planted").exists()


def planted_release(firm, tmp_path):
    """A folder elsewhere, whole in itself, with a model that nobody signed."""
    folder = releases_folder(firm.root) / firm.before
    planted = tmp_path / firm.before
    shutil.copytree(folder, planted)
    planted.chmod(0o755)
    (planted / "model.json").chmod(0o644)
    (planted / "model.json").write_bytes(b"{}")
    return planted


def test_a_link_in_place_of_a_release_is_seen_and_is_not_gone_back_to(signed, tmp_path):
    planted = planted_release(signed, tmp_path)
    after = signed.release()
    store.discard_release(releases_folder(signed.root) / signed.before)
    (releases_folder(signed.root) / signed.before).symlink_to(planted)
    assert any("is a link" in problem for problem in verify_releases(signed.root))
    signed.wait(minutes=1)
    with pytest.raises(Refusal, match="is a link"):
        signed.roll_back("previous")
    assert signed.current == after


def test_a_link_in_place_of_a_file_of_a_release_is_seen(signed, tmp_path):
    folder = releases_folder(signed.root) / signed.before
    folder.chmod(0o755)
    (tmp_path / "planted").write_bytes((folder / "model.json").read_bytes())
    (folder / "model.json").unlink()
    (folder / "model.json").symlink_to(tmp_path / "planted")
    assert any(r"model.json: is a link" in problem for problem in verify_releases(signed.root))


@pytest.mark.parametrize("elsewhere", [True, False], ids=["elsewhere", "in the store"])
def test_a_link_planted_as_current_is_seen_and_nothing_is_built_on_it(signed, tmp_path, elsewhere):
    planted = planted_release(signed, tmp_path)
    if not elsewhere:
        shutil.move(planted, releases_folder(signed.root) / ("0" * 64))
        planted = f"releases/{'0' * 64}"
    link = signed.production / "current"
    link.unlink()
    link.symlink_to(planted)
    with pytest.raises(Refusal, match="current: points at"):
        signed.release()
    assert any("current: points at" in problem for problem in verify_releases(signed.root))


def test_a_folder_planted_as_current_is_seen_and_nothing_is_built_on_it(signed, tmp_path):
    planted = planted_release(signed, tmp_path)
    (signed.production / "current").unlink()
    shutil.move(planted, signed.production / "current")
    assert "is not a link" in refused(signed)
    assert any("is not a link" in problem for problem in verify_releases(signed.root))


def made_by_hand(firm, changes=None, without="nothing", **more) -> str:
    """A release with a manifest of its own, whose digest is its name; without `changes` of its
    files, it is one of a good model that nobody signed. `more` is what its manifest says."""
    folder = releases_folder(firm.root)
    manifest, contents = store.open_release(folder, firm.before)
    unsigned = {"model.json": (firm.made[2] / "results/model.json").read_bytes()}
    contents |= unsigned if changes is None else changes
    contents = {name: each for name, each in contents.items() if not name.startswith(without)}
    files = {name: store.sha256(content) for name, content in contents.items()}
    made = type(manifest)(**(vars(manifest) | {"files": files} | more)).encode()
    digest = store.sha256(made)
    store.place_release(
        store.prepare_release(folder, digest, contents | {"manifest.json": made}), digest
    )
    return digest


def told(firm, digest, replaces=None):
    """Tell the ledger of a release by hand."""
    for event in ("release", "smoke-test-passed"):
        fields = {"release": digest, "replaces": replaces}
        ledger.append(firm.root / "ledger", event, clock=firm.clock, **fields)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"changes": {}, "without": "signoffs/report"}, "gate report has 0 good signatures"),
        ({"changes": {}, "without": "policy"}, "is missing from the release"),
        ({"changes": {"policy/policy.json": b"{}"}}, "not a valid policy"),
        ({"changes": {}, "policy": "0" * 64}, "signed for under a different policy"),
        ({"changes": {}, "replaces": "0" * 64}, "names a different replaced release"),
        ({"changes": {"signoffs/report/x.json": b"{}"}}, "x.json does not count"),
    ],
)
def test_what_a_release_made_by_hand_lacks_is_told(signed, change, problem):
    told(signed, made_by_hand(signed, **change))
    assert [each for each in verify_releases(signed.root) if problem in each], verify_releases(
        signed.root
    )


def test_a_release_made_by_hand_is_never_taken_for_one(signed):
    digest = made_by_hand(signed)
    assert any(
        "the ledger does not record it" in problem for problem in verify_releases(signed.root)
    )
    with pytest.raises(Refusal, match=f"does not record the release of .*{digest}"):
        signed.roll_back(digest)
    # told of in the ledger by hand as well, it still has no signatures for what it holds
    told(signed, digest)
    problems = verify_releases(signed.root)
    assert any("model.json is not the one that was signed" in problem for problem in problems)


def test_a_begun_release_that_is_planted_is_not_finished(signed, tmp_path):
    """Recovery undoes; only what the link shows already does it test and keep."""
    folder = releases_folder(signed.root)
    digest = "1" * 64
    (folder / digest).mkdir()
    (folder / digest / "model.json").write_bytes(b"{}")
    ledger.append(signed.root / "ledger", "release", release=digest, replaces=signed.before)
    after = signed.release()
    assert signed.current == after != digest
    assert not (folder / digest).exists()
    assert signed.events()[2:4] == ["release", "undone"]


def test_a_begun_release_whose_link_is_planted_too_is_taken_out_again(signed):
    """However whole it is, and though the ledger tells of it: people did not sign for it."""
    digest = made_by_hand(signed)
    fields = {"release": digest, "replaces": None}
    ledger.append(signed.root / "ledger", "release", clock=signed.clock, **fields)
    link = signed.production / "current"
    link.unlink()
    link.symlink_to(f"releases/{digest}")
    after = signed.release()
    assert signed.current == after != digest
    assert signed.events()[2:4] == ["release", "smoke-test-failed"]
    why = [entry.fields["why"] for entry in ledger.read(signed.root / "ledger")[-3:-2]]
    assert "model.json is not the one that was signed" in why[0]


@pytest.mark.parametrize("name", ["model.json", "report.txt", "evidence.zip", "manifest.json"])
def test_a_changed_byte_in_a_release_is_seen(firm, name):
    digest = firm.signed_release(0)
    assert verify_releases(firm.root) == []
    path = releases_folder(firm.root) / digest / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    (problem,) = verify_releases(firm.root)
    assert name in problem
    assert "changed" in problem


def test_a_file_put_into_a_release_or_taken_out_of_it_is_seen(firm):
    digest = firm.signed_release(0)
    folder = releases_folder(firm.root) / digest
    folder.chmod(0o755)
    (folder / "more.json").write_text("{}")
    assert "more.json: does not belong to the release" in verify_releases(firm.root)[0]
    (folder / "more.json").unlink()
    (folder / "report.txt").unlink()
    assert "report.txt: is missing from its release" in verify_releases(firm.root)[0]


def test_a_release_that_was_removed_is_missed(firm):
    first = firm.signed_release(0)
    firm.signed_release(1)
    store.discard_release(releases_folder(firm.root) / first)
    assert any(
        f"{first}: is missing, but line" in problem for problem in verify_releases(firm.root)
    )


def test_a_release_in_production_that_was_changed_does_not_bar_the_next(signed):
    path = releases_folder(signed.root) / signed.before / "model.json"
    path.chmod(0o644)
    path.write_bytes(b"{}")
    after = signed.release()
    assert signed.current == after
