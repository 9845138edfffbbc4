"""Turn the bytes of a delivery into valid rows and quarantined rows, each with a reason.
Reads CSV, JSON, Parquet, Feather and Excel, plain or packed; the content decides which.
May use tables, steplog and files.
"""
