"""Where prices come from: files, http(s), S3, SQLite, PostgreSQL.
Each is a list of items; an item is a delivery that can be asked for.
May use tables and files.
"""
