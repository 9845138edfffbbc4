"""Turn text into numbers exactly; anything that is not plainly a number that fits is refused."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.intake.reading.dialect import Marks

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_DIGITS = r"(\d+\.?\d*|\.\d+)"
_NUMBER = rf"^[+-]?{_DIGITS}([eE][+-]?\d+)?$"
_MULTIPLES = {
    r"([Kk]|[Tt]sd\.?)": "e3",
    r"([Mm]|[Mm]io\.?|[Mm]n\.?)": "e6",
    r"([Bb]|[Bb]n\.?|[Mm]rd\.?)": "e9",
    r"[Tt]": "e12",
}
_EXACT = Marks(missing_markers=("NaN",))
"""The spelling of a number that the file holds as a number."""


@dataclass(frozen=True)
class Numbers:
    """A column of n numbers: values (n,), NaN if there is none, and why there is none.

    The values may share memory with what was read; do not write to them.
    unreadable: the text is not a number.  infinite: a number too large to store.
    """

    values: Floats
    unreadable: Mask
    infinite: Mask


def parse_numbers(
    column: pa.Array, marks: Marks, typed: Mask | None = None, *, multiples: bool = False
) -> Numbers:
    """Parse a column of text, or of a number type, as numbers.

    A number consists of ASCII digits with at most one decimal mark, a sign and a decimal exponent;
    spaces around it do not count. A thousands mark stands before each group of three digits, or
    nowhere; in lakhs, before groups of two and then the last three. A number in brackets, or with
    a minus after it, is negative. The declared unit may stand before or after it. Blanks of any
    width count as blanks, and typographic marks as the plain ones. A marker, a null and NaN are
    missing.

    typed: which cells (n,) the file holds as values, not as text; `marks` does not apply to them.
    multiples: a number may end in K, M, B or T, or in Tsd, Mio or Mrd, for thousands, millions and
    so on.
    """
    if not pa.types.is_string(column.type):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return _finite(values, np.zeros(len(values), dtype=bool))
    if typed is not None and typed.all():
        marks = _EXACT
    elif typed is not None and typed.any():
        return _of_both(column, marks, typed, multiples=multiples)
    plain = _only_digits_and_points(column) if marks.decimal == "." else None
    if plain is not None and plain.all():
        values = _cast(column)
        if values is not None:
            return _finite(values, np.zeros(len(values), dtype=bool))
    if plain is None or not plain.any():
        return _carefully(column, marks, multiples=multiples)
    odd = ~plain
    easy = _cast(pc.if_else(pa.array(plain), column, None))
    if easy is None:
        return _carefully(column, marks, multiples=multiples)
    hard = _carefully(column.filter(pa.array(odd)), marks, multiples=multiples)
    unreadable = np.zeros(len(column), dtype=bool)
    easy[odd], unreadable[odd] = hard.values, hard.unreadable
    found = _finite(easy, unreadable)
    found.infinite[odd] |= hard.infinite
    return found


def is_multiple(sign: str) -> bool:
    """Whether a sign beside a number multiplies it, and so is not a unit."""
    return any(re.fullmatch(letters, sign) for letters in _MULTIPLES)


def _of_both(column: pa.Array, marks: Marks, typed: Mask, *, multiples: bool) -> Numbers:
    found = Numbers(np.empty(len(column)), np.empty(len(column), bool), np.empty(len(column), bool))
    for cells, spelled in ((typed, _EXACT), (~typed, marks)):
        some = parse_numbers(column.filter(pa.array(cells)), spelled, multiples=multiples)
        for part in ("values", "unreadable", "infinite"):
            getattr(found, part)[cells] = getattr(some, part)
    return found


def _only_digits_and_points(column: pa.Array) -> Mask:
    """Which texts (n,) consist of digits and points only, except for a lone point.

    Looks at all bytes of the column at once; a few texts that a cast refuses slip through.
    """
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[
        column.offset : column.offset + len(column) + 1
    ]
    lengths = np.diff(offsets)
    content = np.frombuffer(column.buffers()[2] or b"", dtype=np.uint8)
    content = content[offsets[0] : offsets[-1]]
    plain = lengths > 0
    short = np.flatnonzero(lengths == 1)
    plain[short] = content[offsets[short] - offsets[0]] != ord(".")
    digits = (content - np.uint8(ord("."))) <= ord("9") - ord(".")  # wraps around below the point
    if not digits.all():
        strange = np.flatnonzero(~digits) + offsets[0]
        plain[np.searchsorted(offsets, strange, side="right") - 1] = False
    if column.null_count:
        plain &= column.is_valid().to_numpy(zero_copy_only=False)
    return plain


def _carefully(column: pa.Array, marks: Marks, *, multiples: bool) -> Numbers:
    trimmed = pc.utf8_trim(_in_ascii(column), characters=" \t")
    markers = pa.array([text.strip(" \t") for text in marks.missing_markers], pa.string())
    given = pc.invert(pc.or_(pc.is_in(trimmed, markers), pc.is_null(trimmed)))
    text = _unmarked(trimmed, marks, multiples=multiples)
    number = pc.fill_null(pc.match_substring_regex(text, _NUMBER), False)
    values = _cast(pc.if_else(pc.and_(number, given), text, None))
    assert values is not None, "what matches the pattern can be cast"
    unreadable = pc.and_(pc.invert(number), given).to_numpy(zero_copy_only=False)
    return _finite(values, unreadable)


_TYPOGRAPHIC = (
    (r"[\x{A0}\x{2007}\x{2009}\x{202F}]", " "),  # non-breaking or narrow blanks
    (r"\x{2019}", "'"),
    (r"\x{2212}", "-"),
)


def _in_ascii(column: pa.Array) -> pa.Array:
    """Replace typographic blanks, quotes and minus signs by the plain ones."""
    if np.frombuffer(column.buffers()[2] or b"", np.uint8).max(initial=0) < 128:
        return column
    for pattern, plain in _TYPOGRAPHIC:
        column = pc.replace_substring_regex(column, pattern, plain)
    return column


def _unmarked(text: pa.Array, marks: Marks, *, multiples: bool) -> pa.Array:
    """Rewrite numbers with other marks as numbers with a decimal point and no other mark."""
    if marks.unit:
        unit = re.escape(marks.unit)
        text = pc.replace_substring_regex(text, rf"^([(+-]?) ?{unit} ?([+-]?.*)$", r"\1\2")
        text = pc.replace_substring_regex(text, rf"^(.*?) ?{unit}(\)?)$", r"\1\2")
    text = pc.replace_substring_regex(text, r"^\((\d.*)\)$", r"-\1")
    text = pc.replace_substring_regex(text, r"^(\d(?:.*\d)?)-$", r"-\1")
    if marks.thousands:
        mark = re.escape(marks.thousands)
        groups = rf"(\d{{1,3}}({mark}\d{{3}})+|\d{{1,2}}({mark}\d{{2}})+{mark}\d{{3}})"
        grouped = rf"^[+-]?{groups}({re.escape(marks.decimal)}\d*)?( ?[A-Za-z]+\.?)?$"
        joined = pc.replace_substring(text, marks.thousands, "")
        text = pc.if_else(pc.match_substring_regex(text, grouped), joined, text)
    if marks.decimal != ".":
        swapped = pc.replace_substring(text, marks.decimal, ".")
        text = pc.if_else(pc.match_substring(text, "."), "", swapped)
    for letter, exponent in _MULTIPLES.items() if multiples else ():
        text = pc.replace_substring_regex(text, rf"^([+-]?[\d.]+) ?{letter}$", rf"\1{exponent}")
    return text


def _cast(text: pa.Array) -> Floats | None:
    """Numbers (n,), NaN where there is no text; None if the cast does not understand one."""
    try:
        column = pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        return None
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _finite(values: Floats, unreadable: Mask) -> Numbers:
    """Mark infinite values; text such as 1e999 is a number that cannot be stored."""
    infinite = np.isinf(values)
    if infinite.any():
        values = np.where(infinite, np.nan, values)
    return Numbers(values, unreadable, infinite)
