import orjson
import pytest

from pricewright.files.errors import Refusal
from pricewright.tables.records import parse_records, write_table


def written(path, content):
    table = parse_records(content, "a.json")
    write_table(path, table.schema, [table])
    return path.read_bytes()


def test_numbers_and_dates_come_back_as_they_were_written(tmp_path):
    records = [
        {"date": "2024-01-01", "symbol": "NA", "close": 0.1 + 0.2, "volume": 2**60},
        {"date": "2024-01-02", "symbol": "0700", "close": None, "volume": None},
    ]
    assert orjson.loads(written(tmp_path / "a.json", orjson.dumps(records))) == records


def test_records_are_indented_by_two(tmp_path):
    content = written(tmp_path / "a.json", b'[{"close":1.5}]')
    assert content == b'[\n  {\n    "close": 1.5\n  }\n]\n'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'[\n{"close": 1},\n{"close": ]', r"a\.json:3: not JSON"),
        (b'{"close": 1}', r"a\.json:1: the JSON is not an array; give an array"),
        (b"[1]", r"record 1 is 1; it must be an object"),
        (b'[{"close": 1}, {"close": "x"}]', r'record 2 has close = "x", unlike'),
        (b'[{"close": true}]', r"record 1 has close = true"),
        (b'[{"close": [1]}]', r"record 1 has close = \[1\]"),
        (b'[{"close": NaN}]', r"a\.json:1: not JSON"),
        (b'[{"date": "2024-01-01"}, {"date": "01/02/2024"}]', r'record 2 has date = "01/02/2024"'),
        (b'[{"date": 1704067200}]', r"record 1 has date = 1704067200"),
        (b'[{"date": "2023-02-30"}]', r'record 1 has date = "2023-02-30"'),
        (b'[{"date": "7023-02-03"}]', r'record 1 has date = "7023-02-03"'),
    ],
)
def test_what_is_not_a_table_of_prices_is_refused_in_a_sentence(content, sentence):
    with pytest.raises(Refusal, match=sentence):
        parse_records(content, "a.json")
