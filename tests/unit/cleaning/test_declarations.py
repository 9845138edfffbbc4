import pytest

from corrections import KEYS, NUMBERS, SET, SPLIT
from pricewright.cleaning.declarations import proposal, read_corrections
from pricewright.files.errors import Refusal


def test_texts_that_yaml_would_take_for_something_else_stay_that_text():
    text = (
        "- {symbol: NO, date: 2024-01-02, drop: true, reason: 12}\n"
        "- symbol: 0700\n  date: '2024-01-02'\n  split: 2:1\n  was: 1.50\n  reason: >\n    long\n"
        "- {symbol: null, date: 2024-01-02, column: close, was: .5, value: -1e1, reason: off}\n"
    )
    drop, split, value = read_corrections(text.encode(), "c.yaml")
    assert (drop.symbol, drop.reason, drop.line) == ("NO", "12", 1)
    assert (split.symbol, split.date, split.new, split.old, split.was) == (
        "0700",
        "2024-01-02",
        2,
        1,
        1.5,
    )
    assert (split.line, split.place) == (2, "c.yaml:2")
    assert (value.symbol, value.was, value.value, value.line) == ("null", 0.5, -10.0, 8)


@pytest.mark.parametrize(
    "symbol",
    [
        "VOD LN Equity",
        "EUR/USD",
        "日本",
        "A, B",
        "A: B",
        "X:",
        "#1",
        "<A>",
        '"Q"',
        "{x}",
        "'",
        "*a",
    ],
)
def test_what_is_proposed_for_any_symbol_can_be_declared(symbol):
    sentence = proposal("so", symbol=symbol, rename="12:30", date="2024-01-02")
    entry = sentence.removeprefix("if so, declare ").replace("reason: }", "reason: r}")
    (found,) = read_corrections(f"- {entry}".encode(), "c.yaml")
    assert (found.symbol, found.to) == (symbol, "12:30")


def test_an_ordinary_symbol_is_proposed_without_quotation_marks():
    assert "{symbol: BRK.B, split: 2:1, was: 1.5," in proposal(
        "so", symbol="BRK.B", split="2:1", was=1.5
    )


def test_whole_numbers_are_exact_as_far_as_a_column_can_hold_them():
    text = f"- {{{KEYS}, column: volume, was: %s, value: 0}}"

    def was(written):
        return read_corrections((text % written).encode(), "c.yaml")[0].was

    assert (was(2**63 - 1), type(was(2**63 - 1))) == (2**63 - 1, int)
    assert (was(2**63), type(was(2**63))) == (2.0**63, float)
    assert was("9" * 40) == 1e40


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1", r"^c\.yaml:1: not a list; begin"),
        ("\n- 1", r"^c\.yaml:2: not a correction; give keys"),
        ("- [a]\n  b", r"^c\.yaml:2: not YAML \("),
        ("\n- {a: \x00}", r"^c\.yaml:2: not YAML \(special characters"),
        ("- {? [a] : 1}", r"^c\.yaml:1: a key must be a word"),
        ("--- []\n--- []", r"^c\.yaml:2: not YAML \(but found another document"),
        ("[" * 1000, r"^c\.yaml:1: lists are nested"),
        ("- *a", r"^c\.yaml:1: not YAML \(found undefined alias"),
        ("- symbol: A\n  symbol: B", r"^c\.yaml:2: the key 'symbol' appears twice; keep"),
        ("- symbol: A", r"^c\.yaml:1: 'reason' is missing; add it\."),
        ("- {symbol: A, reason: r}", r"^c\.yaml:1: 'date' is missing; add it\."),
        ("- {date: 2024-01-03, drop: true}", r"^c\.yaml:1: 'reason' is missing"),
        (f"- {{{KEYS}, drop: true, colum: close}}", r"'colum': there is no such key; did you mean"),
        (f"- {{{KEYS}, <<: a}}", r"'<<': there is no such key"),
        (SET.replace("2024-01-03", "2024-02-30"), r"^c\.yaml:1: there is no day 2024-02-30; corr"),
        (SET.replace("2024-01-03", "03.01.2024"), r"'date': found \"03\.01\.2024\", allowed"),
        (SET.replace("symbol: A", 'symbol: "A\\tB"'), r"'symbol': found \"A\\tB\", allowed"),
        (SET.replace("close", "price"), r"'column': found \"price\", allowed: \"open\" or"),
        (SET.replace("a slip", '""'), r"'reason': found \"\", allowed: string, not empty"),
        (SET.replace("a slip", '" "'), r"'reason': found \" \", allowed: string"),
        (NUMBERS % ('"11"', 10), r"'was': found \"11\", allowed: number or null"),
        (NUMBERS % (11, "1_0"), r"'value': found \"1_0\", allowed: number or null"),
        (NUMBERS % (11, "1e999"), r"'value': found \"1e999\""),
        (NUMBERS % (11, "9" * 5000), r"'value': found \"999"),
        (NUMBERS % (11, "0x1F"), r"'value': found \"0x1F\""),
        (NUMBERS % (11, "\u0661"), r"'value': found \"\\u0661\""),
        (NUMBERS % (11, ".nan"), r"'value': found \"\.nan\""),
        (NUMBERS % (11, "[1]"), r"'value': found \[\"1\"\]"),
        (NUMBERS % (11, "{a: 1}"), r"'value': found \{\}"),
        (NUMBERS % (11, 11.0), r"value and was are both 11, which changes nothing"),
        (
            NUMBERS.replace("close", "volume") % (11, -1),
            r"^c\.yaml:1: found a volume of -1; give 0 or more",
        ),
        (f"- {{{KEYS}, drop: false}}", r"'drop': found false, allowed: true"),
        (
            f"- {{{KEYS}}}",
            r"^c\.yaml:1: found no kind .* one of value, split, requote, drop, rename, delisted\.",
        ),
        (
            f"- {{{KEYS}, drop: true, value: 1}}",
            r"found value and drop; give exactly one of value, s",
        ),
        (f"- {{{KEYS}, value: 1, was: 2}}", r"'value' also needs 'column'; add it"),
        (f"- {{{KEYS}, value: 1, column: close}}", r"'value' also needs 'was'; add it"),
        (f"- {{{KEYS}, split: 2:1}}", r"'split' also needs 'was'; add it"),
        (f"- {{{KEYS}, drop: true, column: close}}", r"'column' does not go with 'drop'; remove"),
        (SET.replace("was", "columns: [close], was"), r"'columns' does not go with 'value'"),
        (SPLIT.replace("2:1", "2:0"), r"'split': found \"2:0\", allowed: string matching"),
        (SPLIT.replace("2:1", "3:3"), r"a split of 3:3 changes nothing"),
        (SPLIT.replace("11.0", "null"), r"'was' is empty; give the close before 2024-01-04"),
        (SPLIT.replace("was", "columns: [], was"), r"'columns': found \[\], allowed: array, not"),
        (SPLIT.replace("was", "columns: [low, low], was"), r"'columns' has low twice"),
        (f"- {{{KEYS}, requote: 100:1}}", r"'requote' also needs 'was'; add it"),
        (f"- {{{KEYS}, requote: 0.5:1, was: 2}}", r"'requote': found \"0\.5:1\", allowed: string"),
        (
            f"- {{{KEYS}, requote: 7:7.0, was: 2}}",
            r"a requote of 7:7\.0 changes nothing; remove it",
        ),
        (
            f"- {{{KEYS}, requote: 7:1, was: 2, columns: [volume]}}",
            r"'columns' has volume, which a requote never changes; remove it",
        ),
        (f"- {{{KEYS}, rename: A}}", r"^c\.yaml:1: A already has that name; remove"),
        (f'- {{{KEYS}, rename: ""}}', r"'rename': found \"\", allowed"),
        ("- {reason: r, rename: B}", r"^c\.yaml:1: 'rename' also needs 'symbol'; add it"),
        (f"- {{{KEYS}, rename: B, was: 1}}", r"'was' does not go with 'rename'; remove it"),
        (f"- {{{KEYS}, delisted: 1}}", r"'delisted': found 1, allowed: true"),
    ],
)
def test_what_is_no_list_of_corrections_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(Refusal, match=sentence) as refused:
        read_corrections(text.encode(), "c.yaml")
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_a_file_in_another_encoding_is_refused_with_its_line():
    with pytest.raises(Refusal, match=r"^c\.yaml:3: not UTF-8 text; save"):
        read_corrections("\n- {symbol: A,\nreason: café}".encode("latin-1"), "c.yaml")
