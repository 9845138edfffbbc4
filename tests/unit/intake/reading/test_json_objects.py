import json
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricewright.files.errors import Refusal
from pricewright.intake.reading import json_objects
from pricewright.intake.reading.json_objects import JsonSheet

RECORDS = '{"date":"2024-01-02","close":1.10}', '{"date":"2024-01-03","close":null}'
COLUMNS = {"date": ["2024-01-02", "2024-01-03"], "close": ["1.10", None]}


def sheet(text):
    return JsonSheet(text if isinstance(text, bytes) else text.encode(), "p.json")


def read(text):
    """The columns, lines and bad rows of all blocks, put together; and each block is sound."""
    found = sheet(text)
    columns, lines, bad = {title: [] for title in found.titles}, [], []
    for block in (make() for make in found.blocks()):
        assert list(block.columns) == list(found.titles)
        for title, values in block.columns.items():
            assert values.type == pa.string()
            assert len(values) == len(block.lines)
            columns[title] += values.to_pylist()
        lines += block.lines.tolist()
        texts = found.texts([row.line for row in block.bad])
        bad += [SimpleNamespace(**vars(row), text=texts[row.line]) for row in block.bad]
    return columns, lines, bad


def value_of(text):
    columns, _, bad = read(f'[{{"v":{text}}}]')
    assert bad == []
    return columns["v"][0]


def bad_of(text):
    """The one bad record that follows a good one."""
    columns, lines, (bad,) = read(f'[{{"v":"good"}},{text}]')
    assert (columns, lines) == ({"v": ["good"]}, [1])
    assert (bad.line, bad.text) == (2, text)
    return bad.reason, bad.field


@pytest.mark.parametrize(
    "text",
    [
        "[" + ",".join(RECORDS) + "]",
        "\ufeff \r\n[ " + " ,\r\n\t".join(RECORDS) + " ] \n",
        '{"data":[' + ",".join(RECORDS) + "]}",
        '{"n": 2, "of": {"a": [{}]}, "rows": [\n'
        + ",".join(RECORDS)
        + '], "tags": ["a"], "e": []}',
        "\n".join(RECORDS),
        "\ufeff" + "\r\n".join(RECORDS) + "\r\n",
        "\r".join(RECORDS) + "\r",
        "\n \n" + "\n\t\n".join(RECORDS) + " \n\n",
    ],
)
def test_records_are_the_same_in_every_shape(text):
    columns, lines, bad = read(text)
    assert (columns, len(lines), bad) == (COLUMNS, 2, [])


@pytest.mark.parametrize(
    "number",
    ["1e999", "1.10", "-0", "-0.0", "1E+2", "12345678901234567890", "7" * 5000, "0.1" + "0" * 400],
)
def test_a_number_keeps_every_digit(number):
    assert value_of(number) == number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ('""', ""),
        ('"null"', "null"),
        ('" 0700 "', " 0700 "),
        ('"\\ud83d\\ude00 \\n\\u00e9é"', "\U0001f600 \néé"),
    ],
)
def test_a_value_is_what_it_says(text, value):
    assert value_of(text) == value


def test_titles_are_the_keys_in_order_of_first_appearance():
    columns, _, bad = read('[{"b":1},{"a":2,"b":3},{},{"c":4}]')
    assert columns == {
        "b": ["1", "3", None, None],
        "a": [None, "2", None, None],
        "c": [None, None, None, "4"],
    }
    assert list(columns) == ["b", "a", "c"]
    assert bad == []


@pytest.mark.parametrize(
    ("record", "reason", "field"),
    [
        ('{"v":1,"w":{}}', "not-flat", "w"),
        ('{"v":[],"w":{}}', "not-flat", "v"),
        ('{"v":{"a":1,"a":1}}', "not-flat", "v"),
        ('{"w":1,"v":1,"v":1}', "duplicate-key", "v"),
        ('{"v":1, "\\u0076":{}}', "duplicate-key", "v"),
        ('{"v":"\\uD800"}', "lone-surrogate", "v"),
        ('{"v":"\\udc00\\ud800"}', "lone-surrogate", "v"),
        ('{"\\udfff":1,"v":2}', "lone-surrogate", None),
        ('{"\\udfff":1,"\\udfff":2}', "lone-surrogate", None),
        ('{"v":"a\\u0000b"}', "nul", None),
        ('{"v":"\\u00001.5"}', "nul", None),
        ("5", "not-an-object", None),
        ("null", "not-an-object", None),
        ('"{}"', "not-an-object", None),
        ('[["v", 1]]', "not-an-object", None),
    ],
)
def test_a_record_that_is_not_flat_is_kept_apart(record, reason, field):
    assert bad_of(record) == (reason, field)


def test_a_bad_record_adds_no_title_and_those_around_it_keep_their_words():
    columns, lines, bad = read('[{"v":true},{"new":[]},{"v":null},{"v":"\\u00e9"},7]')
    assert columns == {"v": ["true", None, "é"]}
    assert lines == [1, 3, 4]
    assert [(row.line, row.reason) for row in bad] == [(2, "not-flat"), (5, "not-an-object")]


@pytest.mark.parametrize(
    "line",
    [
        '{"v":1',
        '{"v":1}}',
        '{"v":1} {"v":2}',
        '{"v":1},',
        "{'v':1}",
        '{"v":01}',
        '{"v":"a\tb"}',
        "# note",
        "\x00\x00",
        "\u00a0",
    ],
)
def test_a_line_that_is_not_json_is_unreadable(line):
    columns, lines, (bad,) = read('{"v":1}\n\n' + line + '\n{"v":2}\n')
    assert (columns, lines) == ({"v": ["1", "2"]}, [1, 4])
    assert (bad.line, bad.reason, bad.field, bad.text) == (3, "unreadable", None, line)


@pytest.mark.parametrize("first", ['{"v":1', "{}}", "0", "null", '"v"', '{"v":"', "}"])
def test_a_bad_first_line_does_not_hide_the_lines_below(first):
    columns, lines, (bad,) = read(first + '\n{"v":2}\n{"v":3}')
    assert (columns, lines, bad.line) == ({"v": ["2", "3"]}, [2, 3], 1)


def test_a_last_line_cut_short_is_unreadable():
    _, lines, (bad,) = read('{"v":1}\n{"v":2}\n{"v":')
    assert lines == [1, 2]
    assert (bad.line, bad.reason, bad.text) == (3, "unreadable", '{"v":')


@pytest.mark.parametrize("line", ['{"a":[{"v":1}]}', '{"a":[{"v":1}],"b":[{"v":1}]}', "[[]]"])
def test_a_line_with_an_array_is_one_record(line):
    _, lines, (bad,) = read('{"v":1}\n' + line + "\n")
    assert (lines, bad.line, bad.text) == ([1], 2, line)


@pytest.mark.parametrize("first", ['{"a":[{"v":1}]}', '{"a":[{"v":1}],"b":[{"v":1}]}'])
def test_a_first_line_with_an_array_is_one_record_if_lines_follow(first):
    columns, lines, (bad,) = read(first + '\n{"v":1}\n')
    assert (columns, lines) == ({"v": ["1"]}, [2])
    assert (bad.line, bad.reason, bad.field) == (1, "not-flat", "a")


def test_a_lone_object_is_one_record():
    assert read('\n{\n"v": 1.0,\n"w": "x"\n}\n') == ({"v": ["1.0"], "w": ["x"]}, [1], [])


@pytest.mark.parametrize("depth", [10, 500, 100_000])
def test_nesting_without_end_is_a_bad_line(depth):
    deep = '{"v":' * depth + "1" + "}" * depth
    _, lines, (bad,) = read('{"v":1}\n' + deep + "\n")
    assert (lines, bad.line, bad.reason, bad.text) == ([1], 2, "not-flat", deep)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"v":' * 100_000, '{"data":[{"v":1},' + "[" * 100_000]
)
def test_nesting_without_end_is_refused_in_a_whole(text):
    with pytest.raises(Refusal, match=r"p\.json: the JSON is nested too deeply; deliver"):
        sheet(text)


def test_a_first_line_nested_without_end_does_not_hide_the_lines_below():
    _, lines, (bad,) = read('{"v":' * 100_000 + '1\n{"v":1}\n')
    assert (lines, bad.line, bad.reason) == ([2], 1, "not-flat")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[ ]", r"p\.json: the file has no rows"),
        ("[{},{}]", r"none of its 2 records is a flat object with values"),
        ('[1,{"v":[]}]', r"none of its 2 records is a flat object"),
        ('{"data":[]}', r"none of its 1 records is a flat object"),
        ("{\n}", r"none of its 1 records"),
        ('{"a":{"v":1},"a":{"v":2}}', r"none of its 1 records"),
        (b'[{"v":1},\n{"v":"\xff"}]', r"p\.json:2: not UTF-8 text"),
        (b'\xef\xbb\xbf[{"v":1}]\n\xe2\x82', r"p\.json:2: not UTF-8 text"),
        ('[{"v":1}]'.encode("utf-16"), r"p\.json:1: not UTF-8 text"),
        ('[{"v":1}]'.encode("utf-16-le"), r"p\.json:1: not JSON"),
        ('[{"v":1},\n{"v":2}', r"p\.json:2: not JSON \(Expecting ']'\); deliver a complete array"),
        ('[{"v":1},\n{"v":2},\n]', r"p\.json:3: not JSON \(Expecting value\)"),
        ('[{"v":1}\n{"v":2}]', r"p\.json:2: not JSON \(Expecting ']'\)"),
        ('[{"v":1}]\n\n[]', r"p\.json:3: not JSON \(Extra data\)"),
        ('[{"v":1}]}', r"p\.json:1: not JSON \(Extra data\)"),
        ('[1]\n{"v":1}', r"p\.json:2: not JSON \(Extra data\)"),
        ('{"data":[{"v":1},\n{"v":2}', r"p\.json:2: not JSON"),
        ('{"data":[\n{"v":1},\n{"v":2}\n', r"p\.json:4: not JSON"),
        ('{\n"data":[\n{"v":1}\n', r"p\.json:4: not JSON"),
        ('{"n":1,\n"data":[{"v":1},\n{"v":2}\n', r"p\.json:4: not JSON"),
        ('{"n":\n1,"data":[\n{"v":1}\n', r"p\.json:4: not JSON"),
        ('{"data":[{"v":1}],}', r"p\.json:1: not JSON"),
        ('{"data":[{"v":1}] "n":1}', r"p\.json:1: not JSON"),
        ('{5:1,"data":[{"v":1}]}', r"p\.json:1: not JSON \(Expecting a key in double quotes\)"),
        ("<html>\n<p>503</p>", r"p\.json:1: not JSON \(Expecting '\{'\)"),
        ('{"v":1}{"v":2}', r"p\.json:1: not JSON \(Extra data\)"),
        ('{\n"v":1\n}\n{\n"v":2\n}', r"p\.json:4: not JSON \(Extra data\)"),
        ('{"a":[{"v":1}],"b":[{"v":1}]}', r"p\.json: 'a' and 'b' are both arrays of objects"),
        ('[{"v":1},{"":1}]', r"p\.json: record 2: a key is empty; name every value"),
        ('{"v":1}\n\n{"v":1," ":1}\n', r"p\.json:3: a key is empty"),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(text, sentence):
    with pytest.raises(Refusal, match=sentence) as refusal:
        sheet(text)
    assert str(refusal.value).count("\n") == 0
    assert str(refusal.value).endswith(".")


def test_too_many_different_keys_are_refused(monkeypatch):
    monkeypatch.setattr(json_objects, "_MOST_TITLES", 3)
    assert list(read('[{"a":1,"b":2},{"c":3}]')[0]) == ["a", "b", "c"]
    with pytest.raises(Refusal, match=r"have 4 different keys, more than 3; deliver"):
        sheet('[{"a":1,"b":2},{"c":3,"d":4}]')


def test_a_record_is_known_by_its_number_and_a_line_by_its_line():
    first, second = '{ "v" : 1.50,\n "w":"é" }', '{"v":2}'
    found = sheet(f"[\n{first} , {second}\n]")
    assert found.texts([1, 2]) == {1: first, 2: second}
    found = sheet(f'\n{second} \r\n\r\n  {{"v":3}}\n')
    assert found.texts([4]) == {4: '{"v":3}'}
    assert found.texts([2]) == {2: second}
    assert found.texts([]) == {}


@pytest.mark.parametrize(("most", "limit"), [("_MOST_RECORDS", 2), ("_MOST_TEXT", 10)])
@pytest.mark.parametrize("mark", [",", "\n"])
def test_blocks_are_made_side_by_side_and_have_every_title(monkeypatch, most, limit, mark):
    monkeypatch.setattr(json_objects, most, limit)
    text = mark.join(['{"a":1}', '{"b":2}', "[]", '{"c":[]}', '{"c":3}'])
    found = sheet(f"[{text}]" if mark == "," else text)
    with ThreadPoolExecutor(3) as threads:
        blocks = list(threads.map(lambda make: make(), found.blocks()))
    assert [len(block.lines) + len(block.bad) for block in blocks] == [2, 2, 1]
    assert [block.lines.tolist() for block in blocks] == [[1, 2], [], [5]]
    assert [[row.line for row in block.bad] for block in blocks] == [[], [3, 4], []]
    assert blocks[0].columns["c"].to_pylist() == [None, None]
    assert blocks[1].columns["a"].type == pa.string()
    assert blocks[2].columns["c"].to_pylist() == ["3"]
    assert found.texts([2, 4, 5]) == {2: '{"b":2}', 4: '{"c":[]}', 5: '{"c":3}'}


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
LISTS = st.lists(st.sampled_from([None, "x", [0]]), max_size=2)  # numbers would be columns
VALUES = SCALARS | LISTS
NAMES = TEXTS.filter(str.strip)
ANY_RECORDS = st.lists(st.dictionaries(NAMES, VALUES, max_size=3) | SCALARS, min_size=1, max_size=8)


def as_text(value):
    if isinstance(value, str) or value is None:
        return value
    return json.dumps(value)


def titles_of(records):
    """The keys under which some record has a value."""
    objects = [record for record in records if isinstance(record, dict)]
    return dict.fromkeys(
        key for record in objects for key, value in record.items() if not isinstance(value, list)
    )


@settings(max_examples=100)
@example([{"0": None}], False, "member")
@example([{"0": None}, {"00": None, "0": [None]}], False, "array")
@given(ANY_RECORDS, st.booleans(), st.sampled_from(["array", "member", "lines"]))
def test_any_records_come_back_whole(records, ascii_only, shape):
    texts = [json.dumps(record, ensure_ascii=ascii_only) for record in records]
    flat = {
        number: record
        for number, record in enumerate(records, start=1)
        if isinstance(record, dict) and not any(isinstance(v, list) for v in record.values())
    }
    array = "[" + ", ".join(texts) + "]"
    if not any(flat.values()) or (shape == "member" and not isinstance(records[0], dict)):
        return
    text = {"array": array, "member": f'{{"n":0,"rows":{array}}}', "lines": "\n".join(texts)}[shape]
    columns, lines, bad = read(text)
    if shape == "lines" and len(records) == 1:
        assert lines == [1]
    assert lines == list(flat)
    assert {row.line: row.text for row in bad} == {
        number: text for number, text in enumerate(texts, start=1) if number not in flat
    }
    assert columns == {
        title: [as_text(record.get(title)) for record in flat.values()]
        for title in titles_of(records)
    }
    numbers = list(range(1, len(texts) + 1))
    assert sheet(text).texts(numbers) == dict(zip(numbers, texts, strict=True))


SAMPLE = b'{"date":"2024-01-02","s":"\\u00e9","c":-1.5e3,"b":true,"n":null}'
PIECES = [b"[", b"{", b'"', b"\\ud800", b"\n", b"\xef\xbb\xbf"]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 3 * len(SAMPLE)),
        st.integers(0, 3),
        st.binary(max_size=3) | st.sampled_from(PIECES),
    ),
    max_size=4,
)


def damaged(content, edits):
    for at, length, piece in edits:
        content = content[:at] + piece + content[at + length :]
    return content


def numbers_or_refusal(content):
    """The numbers of all rows, good and bad, or the sentence that refuses them."""
    try:
        _, lines, bad = read(content)
    except Refusal as refusal:
        return str(refusal)
    return lines + [row.line for row in bad]


@settings(max_examples=300)
@given(EDITS)
@example([(0, 200, b"{"), (1, 0, b"}\n")])
@example([(0, 0, b"\n"), (0, 0, b"\xef\xbb\xbf"), (0, 0, b"\t")])
def test_damaged_lines_are_all_accounted_for(edits):
    content = damaged(b"\n".join([SAMPLE] * 3), edits)
    numbers = numbers_or_refusal(content)
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    delivered = [line for line in lines if line.strip(b" \t\r")]
    assert isinstance(numbers, str) or len(numbers) == len(delivered)


@settings(max_examples=300)
@given(EDITS)
def test_a_damaged_array_is_refused_unless_it_still_is_one(edits):
    content = damaged(b"[" + b",".join([SAMPLE] * 3) + b"]", edits)
    numbers = numbers_or_refusal(content)
    if isinstance(numbers, list) and content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
        assert sorted(numbers) == list(range(1, len(json.loads(content)) + 1))


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text('{}[]":,\\ud80an1-\r\n ', max_size=40).map(str.encode))
def test_any_bytes_are_refused_or_read(content):
    numbers = numbers_or_refusal(content)
    if isinstance(numbers, str):
        assert re.fullmatch(r"p\.json:? [^\n]*\.|p\.json:\d+: [^\n]*\.", numbers)
    else:
        assert 0 < len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (  # Alpha Vantage
            '{"M":{"a":"x"},"D":{"2024-01-02":{"4. close":"2.0"},"2024-01-03":{"4. close":"3"}}}',
            {"date": ["2024-01-02", "2024-01-03"], "4. close": ["2.0", "3"]},
        ),
        ('{"A":{"c":1.50},"B":{"c":2}}', {"symbol": ["A", "B"], "c": ["1.50", "2"]}),
        ('{"t":[1,2],"c":[1.50,null],"s":"ok"}', {"t": ["1", "2"], "c": ["1.50", None]}),
        ("[[17,1.5],[18,2]]", {"column 1": ["17", "18"], "column 2": ["1.5", "2"]}),
        (  # CoinGecko
            '{"prices":[[17,1.5],[18,2]],"caps":[[17,9],[18,9]]}',
            {"column 1": ["17", "18"], "prices": ["1.5", "2"], "caps": ["9", "9"]},
        ),
        (
            '{"c":{"2024-01-02":1},"d":{"2024-01-03":2}}',
            {"date": ["2024-01-02", "2024-01-03"], "c": ["1", None], "d": [None, "2"]},
        ),
        (  # pandas' to_json
            '{"date":{"0":"2024-01-02","1":"2024-01-03"},"c":{"0":1.5,"1":2}}',
            {"date": ["2024-01-02", "2024-01-03"], "c": ["1.5", "2"]},
        ),
        ('{"Close":{"1704153600000":1.5}}', {"date": ["1704153600000"], "Close": ["1.5"]}),
        (  # Yahoo's chart
            '{"chart":{"result":[{"timestamp":[17,18],"indicators":{"quote":[{"close":[1.5,2]}]}}]}}',
            {"timestamp": ["17", "18"], "close": ["1.5", "2"]},
        ),
        ('{"DATE":["2024-01-02"],"USD":[1.5]}', {"DATE": ["2024-01-02"], "USD": ["1.5"]}),
        ('{"offset":-18000,"t":[17,18],"c":[1.5,2]}', {"t": ["17", "18"], "c": ["1.5", "2"]}),
        ('{"the \\"t\\"":"x","t":[17,18],"c":[1,2]}', {"t": ["17", "18"], "c": ["1", "2"]}),
    ],
)
def test_other_shapes_are_rows_with_every_digit(text, columns):
    found = sheet(text)
    (block,) = (read() for read in found.blocks())
    assert {title: column.to_pylist() for title, column in block.columns.items()} == columns
    assert found.texts([1])[1].startswith("{")


def test_lines_that_begin_with_an_object_of_objects_are_lines():
    _, lines, bad = read('{"A":{"date":"2024-01-02","c":1},"n":1}\n{"A":{"c":2},"n":2}\n{"n":3}\n')
    assert len(lines) + len(bad) == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"caps":[[17,9]],"prices":[[18,1]]}', r"'caps' and 'prices' are all arrays of rows"),
        ('{"r":[{"c":[1,2],"t":[1,2]},{"c":[3],"t":[3]}]}', r"'c' is the name of several arrays"),
    ],
)
def test_where_several_arrays_could_be_the_rows_the_file_is_refused(text, sentence):
    with pytest.raises(Refusal, match=r"p\.json: " + sentence):
        sheet(text)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ('{"Meta":{"2. Symbol":"IBM"},"Daily":{"2024-01-02":{"4. close":"1"}}}', "IBM"),
        ('{"chart":{"meta":{"symbol":"A"},"t":[1,2],"close":[1,2]}}', "A"),
        ('{"ticker":"A","results":[{"t":1,"c":2}],"instrument":"EQUITY"}', "A"),
        ('{"symbol":"A","rows":[{"symbol":"B","c":2}]}', None),
        ('{"symbol":"A","more":{"symbol":"B"},"rows":[{"c":2}]}', None),
        ('{"note":"\\"symbol\\": \\"A\\"","rows":[{"c":2}]}', None),
    ],
)
def test_the_one_symbol_that_a_file_says_beside_its_rows_is_known(text, symbol):
    assert sheet(text).symbol == symbol
    assert sheet(text).settings == ({"symbol": symbol} if symbol else {})


def test_arrays_of_objects_under_their_symbols_are_rows_with_these():
    text = '{"AAPL":[{"date":"2024-01-02","c":1}],"MSFT":[{"date":"2024-01-02","c":2.50}]}'
    for whole in (text, f'{{"next":null,"bars":{text}}}'):
        columns, _, bad = read(whole)
        assert columns == {
            "symbol": ["AAPL", "MSFT"],
            "date": ["2024-01-02"] * 2,
            "c": ["1", "2.50"],
        }
        assert bad == []
    for changed in (text.replace("AAPL", "prices"), text.replace('"c":1', '"amount":1')):
        with pytest.raises(Refusal, match="are both arrays of objects"):
            sheet(changed)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('{"columns":["a","b"],"index":["x"],"data":[[1,2]]}', {"date": "x", "a": "1", "b": "2"}),
        ('{"columns":["a","b"],"index":[0],"data":[[1,2]]}', {"a": "1", "b": "2"}),
        ('{"set":{"names":["a","b"],"limit":null,"rows":[[1,null]]}}', {"a": "1", "b": None}),
        ('{"names":["a","b"],"widths":[8,9],"rows":[[1,2]]}', {"a": "1", "b": "2"}),
        ('{"names":["a"],"rows":[[1,2]]}', {"column 1": "1", "column 2": "2"}),
    ],
)
def test_an_array_beside_the_rows_names_their_columns(text, columns):
    assert read(text)[0] == {title: [cell] for title, cell in columns.items()}


def test_what_an_object_in_a_record_says_is_a_column_of_its_own():
    text = '[{"v":1,"of":{"symbol":"A","n":2,"deep":{"x":1}}},{"v":2},{"of":{"n":null}}]'
    (block,) = (make() for make in sheet(text).blocks(["v"]))
    assert block.bad == []
    assert {title: cells.to_pylist() for title, cells in block.columns.items()} == {
        "v": ["1", "2", None],
        "of.symbol": ["A", None, None],
        "of.n": ["2", None, None],
    }
    assert sheet(text).symbol is None
    many = ",".join(f'"{n}":1' for n in range(99))
    text = '[{"v":1,"o":{"a":1},"o.a":2,"s":{"k":"\\ud800"},"many":{' + many + "}}]"
    assert sheet(text).titles == ("v", "o.a")


def test_what_mongodb_exports_is_the_value_that_it_says():
    columns, _, bad = read(
        '{"d":{"$date":"2024-01-02T00:00:00Z"},"c":{"$numberDecimal":"1.10"}'
        ',"n":{"$numberLong":"7"}}\n'
        '{"d":{"$date":{"$numberLong":"1704153600000"}},"c":{"$numberDouble":"NaN"},"n":7}\n'
    )
    assert bad == []
    assert columns["d"] == ["2024-01-02T00:00:00Z", "1704153600000"]
    assert (columns["c"], columns["n"]) == (["1.10", "NaN"], ["7", "7"])


@pytest.mark.parametrize(
    "text",
    [
        '{"A":{"meta":{"n":1},"values":[{"d":1},{"d":2}]},"B":{"values":[{"d":3}],"status":"ok"}}',
        '[{"symbol":"A","values":[{"d":1},{"d":2}]},{"symbol":"B","values":[{"d":3}]}]',
        '{"n":0,"data":[{"symbol":"A","v":[{"d":1},{"d":2}]},{"symbol":"B","v":[{"d":3}]}]}',
    ],
)
def test_rows_in_an_array_of_each_of_several_objects_have_what_these_say(text):
    columns, _, bad = read(text)
    assert bad == []
    assert (columns["d"], columns["symbol"]) == (["1", "2", "3"], ["A", "A", "B"])


def test_arrays_of_arrays_under_symbols_are_the_rows_of_each():
    text = '{"error":[],"result":{"XBT":[[1,"7.5"]],"ETH":[[1,"2.5"],[2,"3"]],"last":9}}'
    columns, _, _ = read(text)
    assert columns["symbol"] == ["XBT", "ETH", "ETH"]
    assert columns["column 2"] == ["7.5", "2.5", "3"]


def test_an_object_with_a_value_alone_is_that_value_under_the_fields_name():
    rows = '[{"d":"2024-01-02","FX":{"v":"1.33"},"CB":{"v":null}},{"d":"2024-01-03","FX":{"v":2}}]'
    for text in (rows, f'{{"terms":{{"url":"x"}},"observations":{rows}}}'):
        sheet = JsonSheet(text.encode(), "p.json")
        assert list(sheet.titles) == ["d", "FX", "CB"]
        assert next(sheet.blocks())().columns["FX"].to_pylist() == ["1.33", "2"]


def test_what_else_an_object_holds_keeps_its_names_and_may_make_a_row_bad():
    text = b'[{"d":1,"a":{"v":1,"w":2},"i":{"symbol":"A"},"b":{"v":"\\ud800"},"c":{"v":[1]}}]'
    sheet = JsonSheet(text, "p.json")
    assert list(sheet.titles) == ["d", "a.v", "a.w", "i.symbol"]
    assert [row.reason for row in next(sheet.blocks(["c"]))().bad] == ["not-flat"]


def test_numbers_listed_in_a_row_are_columns_that_can_be_named():
    text = b'[{"d":"2024-01-02","v":[1.5,2,null]},{"d":"2024-01-03","v":[3,4]},{"d":1,"v":["x"]}]'
    sheet = JsonSheet(text, "p.json")
    assert list(sheet.titles) == ["d", "v.1", "v.2", "v.3"]
    block = next(sheet.blocks(["d", "v.1", "v.2"]))()
    assert block.columns["v.2"].to_pylist() == ["2", "4", None]
    assert [row.reason for row in next(sheet.blocks(["v"]))().bad] == ["not-flat"] * 3


def test_the_one_array_of_rows_in_an_object_of_the_file_is_read():
    table = '"symbol":"BTCUSDT","list":[["1706572800000","183.78"],["1706486400000","179.62"]]'
    sheet = JsonSheet(f'{{"code":0,"result":{{{table}}},"more":{{}}}}'.encode(), "p.json")
    assert (sheet.symbol, list(sheet.titles)) == ("BTCUSDT", ["column 1", "column 2"])
    two = f'{{"a":{{{table}}},"b":{{{table}}}}}'.encode()
    with pytest.raises(Refusal, match="there are several tables of arrays; deliver one array"):
        JsonSheet(two, "p.json")
