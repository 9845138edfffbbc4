"""Where prices come from: files, HTTP(S), S3, SQLite and PostgreSQL.
Each source is a list of items; an item can be asked for its delivery.
May use tables and files.
"""
