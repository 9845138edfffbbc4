"""Tables of prices: as columns in memory, as JSON or Parquet in files, in shards; JSON Schemas.
The same content makes the same bytes.
May use files.
"""
