"""From the bytes of a delivery to rows that can be believed, and the others, each with a reason.
CSV, JSON, Parquet, Feather and Excel, plain or packed: the content decides.
May use tables, steplog and files.
"""
