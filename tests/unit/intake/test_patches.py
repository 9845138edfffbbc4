"""Old deliveries are kept as differences, and come back byte for byte or not at all."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricewright.files.disk import store_by_digest
from pricewright.files.errors import Refusal
from pricewright.intake import patches
from pricewright.intake.reading.dialect import Dialect


def grown(day):
    """A whole history that has a row more each day."""
    rows = [
        f"2023-{n % 12 + 1:02}-{n % 28 + 1:02},S{n},{1 + n * 1.37:.4f},{n}" for n in range(6000)
    ]
    more = [f"2024-01-{n + 1:02},S1,{100 + n}.5,1" for n in range(day)]
    return "\n".join(["Date,Symbol,Close,Volume", *rows, *more, "2024-01-31,S2,x,1"]) + "\n"


@pytest.fixture
def desk(inbox):
    def receive(text, mode="whole"):
        inbox.deliver(text, head="")
        return inbox.take(mode, dialect=Dialect())

    receive.archive = inbox.archive
    return receive


def sizes(archive):
    return {path.name: path.stat().st_size for path in archive.folder.iterdir() if path.is_file()}


def test_a_history_that_grows_by_a_row_a_day_costs_a_row_a_day(desk):
    for day in range(1, 20):
        desk(grown(day))
    found = sizes(desk.archive)
    whole = {name for name in found if len(name) == 64}
    assert len(found) == 19
    assert len(whole) == 2  # the newest, and one in sixteen
    assert max(found[name] for name in found.keys() - whole) < 500


@pytest.mark.parametrize("mode", ["whole", "parts"])
def test_each_comes_back_byte_for_byte(desk, mode):
    texts = [grown(day) for day in range(1, 20)]
    for text in texts:
        desk(text, mode=mode)
    for delivery, text in zip(desk.archive.known(), texts, strict=True):
        with desk.archive.whole(delivery) as path:
            assert path.read_text() == text
        assert path.exists() == (path.parent == desk.archive.folder)


def test_additions_count_still_and_stay_whole(desk):
    for day in range(1, 4):
        desk(grown(day), mode="append")
    assert len([name for name in sizes(desk.archive) if len(name) == 64]) == 3


def test_a_delivery_that_comes_again_after_another_is_no_circle(desk):
    texts = [grown(day) for day in (1, 2, 1, 2, 3)]
    for text in texts:
        desk(text)
    for delivery, text in zip(desk.archive.known(), texts, strict=True):
        with desk.archive.whole(delivery) as path:
            assert path.read_text() == text


def test_an_old_delivery_is_read_again_with_the_texts_of_its_rows(desk):
    desk(grown(1))
    first = desk(grown(1)).facts[0]
    desk(grown(2))
    archive = desk.archive
    for path in archive.history.glob("0002.json"):
        path.unlink()  # as it was before the second
    (again,) = desk(grown(1)).facts
    assert again["entries"] == first["entries"]
    assert again["entries"][0]["text"] == "2024-01-31,S2,x,1"


def test_bytes_that_are_nothing_like_the_newer_ones_or_few_stay_whole(tmp_path):
    for old, new in ((os.urandom(200_000), os.urandom(200_000)), (b"a" * 1000, b"a" * 1001)):
        digests = [store_by_digest(tmp_path, [content])[0] for content in (old, new)]
        patches.replace_by_difference(tmp_path, *digests)
        assert (tmp_path / digests[0]).read_bytes() == old


@pytest.fixture
def packed(tmp_path):
    """Bytes that are kept as their difference from others."""
    old, new = grown(1).encode(), grown(2).encode()
    digests = [store_by_digest(tmp_path, [content])[0] for content in (old, new)]
    patches.replace_by_difference(tmp_path, *digests)
    assert not (tmp_path / digests[0]).exists()
    return tmp_path, *digests


def spoil(path):
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("which", ["difference", "newer"])
@pytest.mark.parametrize("change", [spoil, lambda path: path.unlink()])
def test_what_was_changed_or_lost_gives_nothing_back(packed, which, change):
    folder, old, new = packed
    change(folder / f"{old}.from-{new}.zst" if which == "difference" else folder / new)
    missing = pytest.raises(Refusal, match=f"{old}: missing|{new}: missing|{old}: cannot be")
    with missing, patches.whole(folder, old):
        pass


def test_differences_in_a_circle_give_nothing_back(tmp_path):
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{one}.from-{other}.zst").touch()
    with pytest.raises(Refusal, match="a: missing; restore"), patches.whole(tmp_path, "a"):
        pass


def test_a_difference_that_does_not_give_back_its_bytes_replaces_nothing(tmp_path, monkeypatch):
    digests = [store_by_digest(tmp_path, [grown(day).encode()])[0] for day in (1, 2)]
    monkeypatch.setattr(patches, "_difference", lambda content, base: b"nonsense")
    patches.replace_by_difference(tmp_path, *digests)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(digests)


@given(st.binary(min_size=1), st.binary(min_size=8))
def test_any_bytes_come_back_from_their_difference(content, base):
    difference = patches._difference(content, base)
    assert patches._patched(difference, base) == content
