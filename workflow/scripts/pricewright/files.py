"""Files as the interface between steps: read once, digested, written whole or not at all."""

import hashlib
import os
import tempfile
from pathlib import Path

from pricewright.errors import Refusal


def read_whole(path: Path) -> bytes:
    """The bytes of a file that must be there.

    Raises Refusal if there is no such file, or if it is a folder or closed to us; any
    other OSError, which may pass, is raised as it is.
    """
    path = Path(path)
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal(f"{path}: no such file; check the path.") from None
    except IsADirectoryError:
        raise Refusal(f"{path}: is a folder, where a file is needed.") from None
    except PermissionError:
        raise Refusal(f"{path}: permission denied; make it readable for this user.") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any instruction, sees the old one or the new.

    The bytes go to a temporary file in the same folder, reach the disk, and take the name
    by a rename; the folder is made if need be. A killed writer leaves at most a hidden
    `.<name>.*.tmp` beside the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_UMASK)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _reach_disk(path.parent)


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _reach_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


_UMASK = _read_umask()  # mkstemp makes private files; an artifact is as readable as any other
