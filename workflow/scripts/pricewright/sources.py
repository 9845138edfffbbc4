"""Where prices come from: a URI in, the delivered bytes out."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pricewright.errors import Refusal
from pricewright.files import read_whole
from pricewright.retrying import retry


@retry(n_tries=3, delay=0.2)
def fetch(uri: str) -> bytes:
    """The bytes that a source delivers now, as they came.

    `uri` is a path or a `file:` URI. Raises Refusal for a scheme that is not read and for a
    file that is not there; trouble that may pass (an OSError) is tried three times.
    """
    return read_whole(local_path(uri))


def local_path(uri: str) -> Path:
    """The path that a URI names; raises Refusal if it names no file."""
    scheme, separator, _ = uri.partition("://")
    if not separator:
        return Path(uri)
    if scheme.lower() != "file":
        raise Refusal(
            f"source.uri: {uri!r} has the scheme {scheme!r}, but only files are read; "
            "fetch the delivery first and give its path."
        )
    return Path(unquote(urlsplit(uri).path))


def unpack(content: bytes, name: str) -> bytes:
    """What a gzip, or a zip with one file in it, holds; any other bytes as they are.

    The content decides, not the name. Raises Refusal for an archive that is damaged or
    that does not hold exactly one file.
    """
    if content.startswith(b"\x1f\x8b"):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise Refusal(f"{name}: damaged gzip ({error}); deliver the file again.") from None
    if content.startswith(b"PK\x03\x04"):
        return _only_member(content, name)
    return content


def _only_member(content: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise Refusal(
                    f"{name}: the zip holds {len(members)} files, where one is needed; "
                    "deliver each file by itself."
                )
            return archive.read(members[0])
    except _UNREADABLE as error:
        raise Refusal(f"{name}: unreadable zip ({error}); pack the file again.") from None


_UNREADABLE = (
    zipfile.BadZipFile,  # cut off, or not the bytes that its checksum promises
    EOFError,
    zlib.error,
    NotImplementedError,  # packed by a method that Python does not have
    RuntimeError,  # locked with a password
)
