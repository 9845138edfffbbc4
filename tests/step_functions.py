"""The steps' functions, with flat options as on the command line."""

import clean as _clean
import ingest as _ingest
import train_or_score as _train_or_score
from pricewright.tables.options import by_name

ingest = by_name(_ingest.ingest)
clean = by_name(_clean.clean)
train_or_score = by_name(_train_or_score.train_or_score)
