"""Files for the tests of `pricewright describe`, and how a run reads what it writes of them."""

import numpy as np
import yaml

from deliveries import rows
from pricewright.configuration.config import complete, ingest_options
from pricewright.intake.description import describe_file
from pricewright.intake.findings import as_yaml
from pricewright.intake.reading.content import recognise
from pricewright.intake.reading.delivery import read_delivery
from pricewright.intake.reading.dialect import Dialect
from pricewright.tables.options import make


def described(folder, content, name="AAPL.csv"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path, describe_file(path, name)


def as_written(path, found, **changes):
    """The prices that a run reads with the config that was written, and with what people choose."""
    config = yaml.safe_load(as_yaml(path.name, found))
    config["source"].update(changes)
    complete(config)
    dialect = make(Dialect, ingest_options(config))
    content = recognise(path, path.name, encoding=dialect.encoding)
    return rows(read_delivery(content, dialect).prices)


DAYS = [("2024-01-15", 1234.5), ("2024-01-16", 1235.25)]


def dated(*closes):
    days = np.datetime64("2024-01-01") + np.arange(len(closes))
    return "Date,Close\n" + "".join(
        f"{day},{close}\n" for day, close in zip(days, closes, strict=True)
    )
