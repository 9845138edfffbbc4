"""Dataclasses with arrays in them as a file: what one job of a step leaves to another.

The arrays are stored as safetensors has them, which can hold nothing that runs; all else is a
document in the same file. The same content makes the same bytes, and their SHA-256 is among them.
"""

import hashlib
from pathlib import Path
from typing import Any, Final, TypeVar, get_origin

import numpy as np
import orjson
from cattrs import Converter
from cattrs.errors import BaseValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pricewright.files.disk import read_whole, whole_file
from pricewright.files.errors import Refusal

_ARRAY = "array"

_BEGIN: Final = 8 + len('{"__metadata__":{"document":"')
_DIGEST: Final = slice(_BEGIN, _BEGIN + 64)
"""Where the SHA-256 of all other bytes of a file stands: at the beginning of the document, with
which safetensors begins the header, behind its length."""

Value = TypeVar("Value")


def write_stored(path: Path, value: Any) -> None:
    """Write a dataclass, whole: of numbers, texts, lists, arrays and such dataclasses."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}

    def put(array: np.ndarray[Any, Any]) -> dict[str, str]:
        name = f"{len(arrays):08}"
        arrays[name] = np.ascontiguousarray(array)
        return {_ARRAY: name}

    converter = Converter()
    converter.register_unstructure_hook_func(_is_array, put)
    document = orjson.dumps(converter.unstructure(value)).decode()
    content = save(arrays, {"document": "0" * (_DIGEST.stop - _DIGEST.start) + document})
    with whole_file(path) as file:
        file.write(content[: _DIGEST.start] + _digest(content))
        file.write(memoryview(content)[_DIGEST.stop :])


def read_stored(path: Path, kind: type[Value]) -> Value:
    """The dataclass of a kind that `write_stored` wrote.

    Raises Refusal if the file is not there, not whole, or of another kind.
    """
    content = read_whole(path)
    if content[_DIGEST] != _digest(content):
        raise Refusal(
            f"{path}: not a whole file of this code's (its bytes are not of the SHA-256 in it); "
            "run the step that writes it again."
        )
    try:
        arrays = load(content)
        length = int.from_bytes(content[:8], "little")
        header = orjson.loads(content[8 : 8 + length])
        document = header["__metadata__"]["document"][_DIGEST.stop - _DIGEST.start :]
        converter = Converter()
        converter.register_structure_hook_func(_is_array, lambda held, _: arrays[held[_ARRAY]])
        return converter.structure(orjson.loads(document), kind)
    except (SafetensorError, BaseValidationError, KeyError, TypeError, ValueError):
        raise Refusal(
            f"{path}: not a whole file of this code's; run the step that writes it again."
        ) from None


def _digest(content: bytes) -> bytes:
    """The SHA-256, in hexadecimal digits, of a file's bytes but those where it stands."""
    digest = hashlib.sha256(content[: _DIGEST.start])
    digest.update(memoryview(content)[_DIGEST.stop :])
    return digest.hexdigest().encode()


def _is_array(kind: Any) -> bool:
    return np.ndarray in (kind, get_origin(kind))
