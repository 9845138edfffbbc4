"""What people sign in mode auto lies aside, whole, and stays until another model is trained."""

import shutil

import pytest

from pricewright.files.errors import Refusal
from pricewright.signoffs.candidate import read_signed, restore_candidate, write_candidate
from pricewright.signoffs.signed_files import (
    CANDIDATE,
    DEPLOYED,
    GATES,
    RECEIPT,
    covered_folder,
    read_covered,
)

FOLDER = covered_folder("auto")


@pytest.fixture
def files(office):
    return read_covered(office.root)


def laid(office):
    return read_covered(office.root, FOLDER)


def test_the_files_that_people_sign_are_laid_aside_by_their_names(office, files):
    folder = write_candidate(office.root / "production", files)
    assert laid(office) == files
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        name.removeprefix("results/") for name in GATES["deploy"]
    )
    office.make_newer()  # in results/, as a day's score
    assert laid(office) == files


def test_the_same_files_again_change_nothing(office, files):
    folder = write_candidate(office.root / "production", files)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert write_candidate(office.root / "production", files) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_another_model_takes_its_place_and_the_one_before_is_dropped(office, files):
    first = write_candidate(office.root / "production", files)
    office.make_newer()
    other = read_covered(office.root)
    second = write_candidate(office.root / "production", other)
    assert laid(office) == other
    assert (first.exists(), second.exists()) == (False, True)


def test_one_of_which_a_file_was_lost_is_laid_aside_again(office, files):
    folder = write_candidate(office.root / "production", files)
    (folder / "report.txt").unlink()
    write_candidate(office.root / "production", files)
    assert laid(office) == files


@pytest.mark.parametrize("stage", ["write_whole", "os.rename", "os.replace"])
def test_what_cannot_be_laid_aside_leaves_the_candidate_as_it_was(
    office, files, stage, monkeypatch
):
    write_candidate(office.root / "production", files)
    office.make_newer()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"pricewright.signoffs.candidate.{stage}", full)
        with pytest.raises(OSError, match="No space"):
            write_candidate(office.root / "production", read_covered(office.root))
    assert laid(office) == files
    write_candidate(office.root / "production", read_covered(office.root))
    assert laid(office) == read_covered(office.root)


def test_before_anything_was_trained_it_is_said_what_to_run(office):
    with pytest.raises(Refusal, match=f"{CANDIDATE}/ingest.json: no such file; run `snake") as lost:
        laid(office)
    assert "if production/candidate is still missing then, train a model with" in str(lost.value)


def test_in_the_other_modes_people_sign_what_is_in_results():
    assert [covered_folder(mode) for mode in ("train", "score")] == [None, None]


DAMAGES = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "changed": lambda path: path.write_bytes(path.read_bytes().replace(b"t", b"T", 1)),
    "empty": lambda path: path.write_bytes(b""),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_one_of_which_a_file_was_damaged_is_laid_aside_again(office, files, damage):
    damage(write_candidate(office.root / "production", files) / "model.json")
    write_candidate(office.root / "production", files)
    assert laid(office) == files


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_one_is_restored_while_results_have_its_bytes(firm, damage):
    files = firm.covered()
    folder = write_candidate(firm.production, files)
    damage(folder / "model.json")
    assert read_signed(firm.root, "auto") == files == laid(firm)
    damage(folder / "report.html")
    assert restore_candidate(firm.root) == folder
    assert laid(firm) == files


def test_a_damaged_one_whose_bytes_are_gone_is_named_by_its_path_with_what_to_do(firm):
    folder = write_candidate(firm.production, firm.covered())
    DAMAGES["changed"](folder / "model.json")
    shutil.copy(firm.made[1] / RECEIPT, firm.root / RECEIPT)  # results/ are of another run by now
    sentence = (
        f"production/candidates/{folder.name}: its files are not those that were to be signed, so "
        "one was changed or damaged, and results/ no longer have them; restore the folder from a "
        "backup, or train another model with `snakemake --cores 1 --forcerun train_or_score`."
    )
    for read in (restore_candidate, lambda root: read_signed(root, "auto")):
        with pytest.raises(Refusal) as refusal:
            read(firm.root)
        assert str(refusal.value) == sentence


def test_in_the_other_modes_the_files_in_results_are_read(firm):
    assert read_signed(firm.root, "train") == firm.covered()
    assert not firm.production.exists()


def test_a_lost_one_is_restored_from_the_results_of_the_run_that_trained_it(firm):
    folder = restore_candidate(firm.root)
    assert folder
    assert folder.parent == firm.production / "candidates"
    assert laid(firm) == firm.covered()
    assert restore_candidate(firm.root) is None


@pytest.mark.parametrize("name", [DEPLOYED, RECEIPT])
def test_a_lost_one_is_not_restored_from_results_of_two_runs_or_that_are_not_deployed(firm, name):
    shutil.copy(firm.made[1] / name, firm.root / name)
    with pytest.raises(Refusal, match=f"{CANDIDATE}/ingest.json: no such file"):
        restore_candidate(firm.root)
    assert not firm.production.exists()
