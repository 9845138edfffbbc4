"""Where statements are kept: `signoffs/<gate>/<who>.json` and its signature beside it, `.sig`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pricewright.decisions.covered import GATES, Gate
from pricewright.decisions.places import SIGNOFFS
from pricewright.errors import Refusal
from pricewright.files import write_whole
from pricewright.regular import read_regular

_LARGEST = {".json": 10**6, ".sig": 10**5}


@dataclass(frozen=True)
class Kept:
    """A statement and its signature, as they lie there: bytes that prove nothing yet.

    name: the statement's path under the root.  trouble: why there are no such bytes.
    """

    gate: Gate
    who: str
    name: str
    content: bytes = b""
    signature: bytes = b""
    trouble: str | None = None


def statement_name(gate: str, who: str) -> str:
    """The path of a person's statement for a gate, under the root."""
    return f"{SIGNOFFS}/{gate}/{who}.json"


def read_kept(root: Path, gate: Gate) -> list[Kept]:
    """All that is kept for a gate, each file read once; none if there is no folder."""
    return [
        _read(Path(root), gate, path.stem) for path in _statements(Path(root) / SIGNOFFS / gate)
    ]


def read_all_kept(root: Path) -> list[Kept]:
    """All that is kept."""
    return [kept for gate in GATES for kept in read_kept(root, gate)]


def keep(root: Path, kept: Kept) -> None:
    """Write a statement and its signature, the signature first.

    Killed between the two, there is an old statement with a signature that is not its own, which
    counts for nothing.
    """
    path = Path(root) / kept.name
    write_whole(path.with_name(path.name + ".sig"), kept.signature)
    write_whole(path, kept.content)


def _statements(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json" and not path.name.startswith("."):
            yield path


def _read(root: Path, gate: Gate, who: str) -> Kept:
    name = statement_name(gate, who)
    found = {}
    for suffix, kind in ((".json", ".json"), (".json.sig", ".sig")):
        path = root / name.removesuffix(".json")
        try:
            found[kind] = read_regular(path.with_name(path.name + suffix), _LARGEST[kind])
        except FileNotFoundError:
            return Kept(gate, who, name, trouble="it has no signature beside it")
        except (Refusal, OSError) as error:
            return Kept(gate, who, name, trouble=str(error).rstrip("."))
    return Kept(gate, who, name, found[".json"], found[".sig"])
