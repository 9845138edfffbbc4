"""Tables of prices, in memory and as JSON or Parquet, in shards; options, and JSON Schemas.
The same content makes the same bytes.
May use files.
"""
