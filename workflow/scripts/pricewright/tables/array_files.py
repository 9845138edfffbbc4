"""Files of dataclasses that contain arrays: how one job of a step passes results to another.

Arrays are stored as safetensors, which cannot contain code. Everything else is a JSON document in
the same file. The same content makes the same bytes, and the file contains their SHA-256.
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
"""The position of the SHA-256 of all other bytes: at the start of the document. The document
comes first in the header, which follows its own length."""

Value = TypeVar("Value")


def write_stored(path: Path, value: Any) -> None:
    """Write a dataclass of numbers, texts, lists, arrays and such dataclasses atomically."""
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
    """Read a dataclass of the given kind that `write_stored` wrote.

    Raises Refusal if the file is missing, incomplete or of another kind.
    """
    content = read_whole(path)
    if content[_DIGEST] != _digest(content):
        raise Refusal(
            f"{path}: is incomplete or was not written by this version (its SHA-256 does not "
            "match); run the step that writes it again."
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
            f"{path}: is incomplete or was not written by this version; run the step that writes "
            "it again."
        ) from None


def _digest(content: bytes) -> bytes:
    """The SHA-256, in hexadecimal digits, of a file's bytes except those that hold it."""
    digest = hashlib.sha256(content[: _DIGEST.start])
    digest.update(memoryview(content)[_DIGEST.stop :])
    return digest.hexdigest().encode()


def _is_array(kind: Any) -> bool:
    return np.ndarray in (kind, get_origin(kind))
