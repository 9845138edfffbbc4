import zipfile
from pathlib import Path

import orjson
import pytest

from pricewright.files.disk import sha256
from pricewright.files.errors import Refusal
from pricewright.intake.members import with_members
from pricewright.intake.reading.dialect import Limits
from pricewright.intake.sources.items import local_files
from step_functions import ingest

CSV = "Date,Close\n2024-01-02,{}\n"


@pytest.fixture
def packed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def packed(files):
        with zipfile.ZipFile("prices.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)

    return packed


def places():
    return [item.place for item in with_members(local_files("prices.zip"), Limits())]


def test_an_archive_of_several_files_is_a_folder_of_deliveries(packed):
    files = {"AAPL": CSV.format(1), "data/MSFT": CSV.format(2), "README": "x", "__MACOSX/AAPL": "x"}
    packed(files)
    assert places() == ["prices.zip/AAPL", "prices.zip/data/MSFT"]
    ingest("prices.zip", "raw.json", quarantine="quarantine.json", symbol="{file}")
    assert orjson.loads(Path("raw.json").read_bytes()) == [
        {"date": "2024-01-02", "symbol": "AAPL", "close": 1.0},
        {"date": "2024-01-02", "symbol": "MSFT", "close": 2.0},
    ]
    first = Path("prices.zip").read_bytes()
    packed(files | {"AAPL": CSV.format(3)})
    ingest("prices.zip", "raw.json", restatements="restatements.json", symbol="{file}")
    (restated,) = orjson.loads(Path("restatements.json").read_bytes())
    assert (restated["symbol"], restated["old"], restated["new"]) == ("AAPL", 1.0, 3.0)
    for content, came in ((first, 2), (Path("prices.zip").read_bytes(), 1)):
        digest = sha256(content)
        assert Path("data/received", digest).read_bytes() == content
        said = [path.read_text() for path in Path("data/received").glob("prices-zip-*/*.json")]
        assert sum(text.count(f'"packed_in": "{digest}"') for text in said) == came


def test_what_lies_beside_the_prices_in_an_archive_does_not_count(packed):
    packed({"AAPL": CSV.format(1)})
    assert places() == ["prices.zip"]
    packed({"AAPL": CSV.format(1), "README": "read me", "empty": ""})
    assert places() == ["prices.zip/AAPL"]
    packed({"_SUCCESS": "x", "README": "read me"})
    with pytest.raises(Refusal, match=r"^prices\.zip: the zip file holds no file of prices"):
        places()


def test_an_office_document_is_one_delivery(packed):
    packed({"[Content_Types].xml": "x", "xl/workbook.xml": "x"})
    assert places() == ["prices.zip"]


def test_an_archive_that_climbs_out_of_its_folder_is_refused(packed):
    packed({"a": CSV, "../b": CSV})
    with pytest.raises(Refusal, match=r"prices\.zip.*points outside its folder"):
        places()
