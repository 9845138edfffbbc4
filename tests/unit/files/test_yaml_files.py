import pytest
import yaml

from pricewright.files.errors import Refusal
from pricewright.files.yaml_files import parse_yaml

TEXT = """
a: &base {x: 1, y: [1, 2]}
b: {<<: *base, x: 2}
day: 2024-01-02
no: no
"""


def test_what_yaml_says_is_what_its_own_reader_says():
    assert parse_yaml(TEXT.encode(), "c.yaml") == yaml.safe_load(TEXT)
    assert parse_yaml("\ufeffa: ä\r\n".encode(), "c.yaml") == {"a": "ä"}
    assert parse_yaml(b"# nothing\n", "c.yaml") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: 1\nb: 2\na: 3\n", r"^c\.yaml:3: the key 'a' appears twice; keep one\."),
        (b"a:\n  b: 1\n  c: 2\n  b: 1\n", r"^c\.yaml:4: the key 'b' appears twice"),
        (b"a:\n- {b: 1}\n- {b: 1, b: 2}\n", r"^c\.yaml:3: the key 'b' appears twice"),
        (b"a:\n\tb: 1\n", r"^c\.yaml:2: not YAML \(found character '\\t'"),
        (b"a: [1\n", r"^c\.yaml:2: not YAML"),
        ("a: ä".encode("latin-1"), r"^c\.yaml:1: not UTF-8 text; save the file as UTF-8"),
        (b"\nb: \xff\xff", r"^c\.yaml:2: not UTF-8 text"),
        ("a: 1".encode("utf-16"), r"^c\.yaml:1: not UTF-8 text"),
        (b"a: 1\nb: !env X\n", r"^c\.yaml:2: not plain YAML \(could not determine"),
        (b"a: {? [x, y] : 1}\n", r"^c\.yaml:1: not plain YAML"),
        (b"<<: 3\n", r"^c\.yaml:1: not plain YAML"),
        (b"a: 2024-02-30\n", r"^c\.yaml: a value cannot be read \(day is out of range"),
        (b"a: &x {b: *x}\n", r"^c\.yaml: a value cannot be read|^c\.yaml:1: not plain YAML"),
    ],
)
def test_an_error_is_one_sentence_with_the_line(content, sentence):
    with pytest.raises(Refusal, match=sentence):
        parse_yaml(content, "c.yaml")
