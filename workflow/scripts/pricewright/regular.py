"""Files that must be files: a link, a pipe or a device in a file's place is refused, not followed.

A sign-off is about the bytes at a path. Whoever plants a link there, to change later what it points
to, gets a refusal.
"""

import os
import stat
from pathlib import Path

from pricewright.errors import Refusal

LARGEST = 2 * 10**9
"""Bytes; what is larger is no file of ours."""


def read_regular(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a file, read once, through one descriptor.

    Raises FileNotFoundError if there is none, Refusal for what is no regular file, is closed to us
    or has more than `largest` bytes.
    """
    path = Path(path)
    try:
        # without O_NONBLOCK, opening a pipe would wait for its writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except ValueError:
        raise Refusal(f"{str(path)!r}: a NUL in a file's name; name another.") from None
    except OSError as error:
        if path.is_symlink():
            raise Refusal(
                f"{path}: is a link, where the file itself is needed; put the file there."
            ) from None
        if isinstance(error, PermissionError | NotADirectoryError):
            raise Refusal(f"{path}: cannot be opened ({error.strerror}); see to it.") from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refusal(f"{path}: is no file, where a file is needed; remove it.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(largest + 1)
    finally:
        os.close(descriptor)
    if len(content) > largest:
        raise Refusal(f"{path}: more than {largest:,} bytes, the most that it may have; remove it.")
    return content
