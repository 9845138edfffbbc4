"""Tables of prices, in memory and as JSON or Parquet files, with shards; options; JSON Schemas.
The same content always makes the same bytes.
May use files.
"""
