"""Tables as pandas DataFrames, for the few tables that are out of order or have corrections.

Importing this module loads pandas, which takes a quarter of a second.
"""

import pandas as pd
import pyarrow as pa

from pricewright.tables.records import with_dates


def as_frame(table: pa.Table) -> pd.DataFrame:
    """A table as a DataFrame: dates as ISO text, whole numbers as nullable integers."""
    nullable = {pa.int64(): pd.Int64Dtype()}
    if "symbol" in table.column_names:
        at = table.column_names.index("symbol")
        table = table.set_column(at, "symbol", table["symbol"].cast(pa.string()))
    frame: pd.DataFrame = with_dates(table, pa.string()).to_pandas(types_mapper=nullable.get)
    return frame


def as_table(frame: pd.DataFrame, date: pa.DataType | None = None) -> pa.Table:
    """A DataFrame as a table, with dates of the type `date` if one is given."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    fields = [
        field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field
        for field in table.schema
    ]
    table = table.cast(pa.schema(fields))
    return with_dates(table, date) if date else table
