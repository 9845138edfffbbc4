"""Guess the encoding of text that is not UTF-8 from vendors' usual column names."""

import re
from contextlib import suppress
from typing import Final

from pricewright.intake.reading.titles import is_usual

_ENCODINGS: Final = (
    *("cp1252", "cp1250", "mac_roman", "cp1251", "cp1253", "cp1254", "gb18030", "big5", "cp932"),
    *("cp949", "latin-1"),
)
_HEAD: Final = 5  # lines whose words show the encoding


def fitting_encodings(raw: bytes) -> dict[str, str]:
    """The encodings that may fit, each with a word of the file as that encoding reads it.

    If any reads usual column names, only the one that reads most of them. Else only the first that
    decodes, if its accented letters look Western or none fits. Else all whose words are letters.
    """
    words: dict[str, list[str]] = {}
    for encoding in _ENCODINGS:
        with suppress(UnicodeDecodeError):
            head = "\n".join(raw.decode(encoding).splitlines()[:_HEAD])
            words[encoding] = [word for word in re.split(r'[,;|"\t\n]', head) if not word.isascii()]
    known = {encoding: sum(map(is_usual, some)) for encoding, some in words.items()}
    best = max(known, key=lambda encoding: known[encoding])
    texts = {encoding: "".join(some) for encoding, some in words.items()}
    fitting = {
        encoding: words[encoding][0]
        for encoding, text in texts.items()
        if text and all(letter.isascii() or letter.isalpha() for letter in text)
    }
    if known[best] or all(map(_is_western, words[best])) or not fitting:
        return {best: ""}
    return fitting


def _is_western(word: str) -> bool:
    """Whether accented letters stand alone in a word, as they do in Western languages."""
    return not re.search(r"[^\W_a-zA-Z0-9]{2}|[a-zA-Z][^\w\s€][a-zA-Z]|[\x80-\x9f]", word)
