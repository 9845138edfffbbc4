"""JSON files: written whole and always the same way; read by a fast parser or a strict one.

The strict parser needs only the standard library. It refuses repeated keys and numbers that are
not finite.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from pricewright.files.disk import read_most, read_whole, write_whole
from pricewright.files.errors import Refusal, shortened

LARGEST_FILE = 10**9
"""In bytes: a larger file would need many times that much memory."""

LONGEST_NUMBER = 300
"""In digits: Pricewright writes no longer number, and parsing time grows with the square."""


_WRITTEN_BY: Final = {
    "ingest": ("prices_raw", "ingest", "quarantine", "restatements"),
    "clean": ("prices_clean", "clean", "data_quality"),
    "train_or_score": ("model", "backtest", "forecasts", "daily_forecasts"),
    "report": ("report", "report_symbols"),
    "deploy": ("deployed_model",),
    "monitor": ("monitor",),
}
"""The files that each step writes to `results/`, without their endings."""


def writing_again(name: str) -> str:
    """The command that writes a damaged result of a step again, to follow a sentence; "" for other
    files. Without `--forcerun` there is nothing to do, because a damaged file is newer."""
    path = Path(name)
    for step, stems in _WRITTEN_BY.items():
        if path.parent.name == "results" and path.stem in stems:
            return f": `snakemake --cores 1 --forcerun {step}`"
    return ""


def write_json(path: Path, document: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Write JSON atomically, indented by 2, with keys in their given order; returns the bytes."""
    import orjson

    content = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write_whole(path, content)
    return content


def read_json(path: Path) -> Any:
    """Parse a JSON file fast; raises what `read_whole` and `parse_json` raise."""
    return parse_json(read_whole(path), str(path))


def parse_json(content: bytes, name: str) -> Any:
    """Parse JSON fast; raises Refusal, with the line, for bytes that are not JSON."""
    import orjson

    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Refusal(
            f"{name}:{error.lineno}: not JSON ({error.msg}); "
            f"correct it, or run the step that writes it again{writing_again(name)}."
        ) from None


_ALL = ", or all of them: `snakemake --cores 1 --forcerun ingest`"


@contextmanager
def as_written_by_a_run(what: str) -> Iterator[None]:
    """Raise Refusal if the block fails because a document lacks the keys that a run writes.

    That happens with documents made by hand. what: the name of the document for the message.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise Refusal(
            f"{what} is not as a run writes it ({type(error).__name__}: {error}); run the step "
            f"that writes it again{writing_again(what) or _ALL}."
        ) from None


def read_strict(path: Path) -> Any:
    """Parse a JSON file strictly.

    Raises Refusal for a file that is missing or too large, and what `parse_strict` raises.
    """
    try:
        with path.open("rb") as file:
            content = read_most(file, os.fstat(file.fileno()).st_size, LARGEST_FILE)
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no such file; check the path.") from None
    except (OSError, ValueError) as error:  # a ValueError means that the name contains a NUL
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Refusal(f"{path}: cannot be read ({reason}); name a readable file.") from None
    if len(content) > LARGEST_FILE:
        raise Refusal(
            f"{path}: larger than {LARGEST_FILE / 1e9:g} GB, the largest size allowed; "
            "give fewer symbols or days."
        )
    return parse_strict(content, str(path))


def parse_strict(content: bytes, name: str) -> Any:
    """Parse JSON strictly.

    Raises Refusal, with the line if it is known, for bytes that are not JSON or are unusable: a
    repeated key, NaN, Infinity, 1e999.
    """
    try:
        return json.loads(
            content.decode(),
            object_pairs_hook=_object,
            parse_constant=_not_finite,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        reason, line = error.msg, f":{error.lineno}"
    except UnicodeDecodeError:
        reason, line = "its bytes are not UTF-8", ""
    except RecursionError:
        reason, line = "its brackets are nested too deeply", ""
    except _Unfit as unfit:
        reason, line = str(unfit), ""
    raise Refusal(
        f"{name}{line}: not usable JSON ({reason}); "
        f"correct it, or run the step that writes it again{writing_again(name)}."
    )


class _Unfit(Exception):
    """JSON that parses but contains what Pricewright never writes."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise _Unfit(f"an object has the key {shortened(twice, 20)!r} twice")
    return document


def _not_finite(text: str) -> NoReturn:
    raise _Unfit(f"{text} is not a finite number")


def _float(text: str) -> float:
    number = float(text) if len(text) <= LONGEST_NUMBER else math.inf
    if not math.isfinite(number):
        raise _Unfit(f"the number {shortened(text, 20)} is too large")
    return number


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise _Unfit(f"the number {shortened(text, 20)} is too large")
    return int(text)
