"""JSON files: written whole and the same way each time; read fast, or with nothing taken on trust.

The strict reader needs the standard library alone. What says something twice, or a number that
nobody can reckon with, it refuses.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from pricewright.files.disk import read_most, write_whole
from pricewright.files.errors import Refusal, shortened

LARGEST_FILE = 10**9
"""In bytes: a larger file would need many times its size in memory."""

LONGEST_NUMBER = 300
"""In digits: no file of ours has a longer one, and reading one takes its square in time."""


def write_json(path: Path, document: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Write JSON, indented by 2, keys in the order they have, whole; returns the bytes."""
    import orjson

    content = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write_whole(path, content)
    return content


def parse_json(content: bytes, name: str) -> Any:
    """What some JSON says; raises Refusal, with the line, for bytes that are not JSON."""
    import orjson

    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Refusal(
            f"{name}:{error.lineno}: not JSON ({error.msg}); "
            "mend it, or run the step that writes it again."
        ) from None


@contextmanager
def as_written_by_a_run(what: str) -> Iterator[None]:
    """A block that reads documents by the keys that a run writes; raises Refusal, by the name of
    `what` is read, where one was made by hand and has others."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise Refusal(
            f"{what} is not as a run writes it ({type(error).__name__}: {error}); run "
            "`snakemake --cores 1` and look at it again."
        ) from None


def read_strict(path: Path) -> Any:
    """What a JSON file says.

    Raises Refusal for a file that is not there or too large, and what `parse_strict` raises.
    """
    try:
        with path.open("rb") as file:
            content = read_most(file, os.fstat(file.fileno()).st_size, LARGEST_FILE)
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no such file; see where it was written to.") from None
    except (OSError, ValueError) as error:  # a ValueError is for a name with a NUL in it
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Refusal(f"{path}: cannot be read ({reason}); name a file that can.") from None
    if len(content) > LARGEST_FILE:
        raise Refusal(
            f"{path}: larger than {LARGEST_FILE / 1e9:g} GB, the most that is read; "
            "give fewer symbols or days."
        )
    return parse_strict(content, str(path))


def parse_strict(content: bytes, name: str) -> Any:
    """What some JSON says.

    Raises Refusal, with the line where it is known, for what is not JSON or not fit to be used:
    a key twice, NaN, Infinity, 1e999.
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
        reason, line = "its brackets are too deep", ""
    except _Unfit as unfit:
        reason, line = str(unfit), ""
    raise Refusal(
        f"{name}{line}: not JSON that can be used ({reason}); "
        "mend it, or run the step that writes it again."
    )


class _Unfit(Exception):
    """Some JSON that parses and says what no file of ours can say."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise _Unfit(f"an object has the key {shortened(twice, 20)!r} twice")
    return document


def _not_finite(text: str) -> NoReturn:
    raise _Unfit(f"{text} is no number")


def _float(text: str) -> float:
    number = float(text) if len(text) <= LONGEST_NUMBER else math.inf
    if not math.isfinite(number):
        raise _Unfit(f"the number {shortened(text, 20)} is too large")
    return number


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise _Unfit(f"the number {shortened(text, 20)} is too large")
    return int(text)
