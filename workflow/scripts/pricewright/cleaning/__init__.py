"""Clean prices: duplicates, what is missing, declared corrections, flags for what is odd.
A flag changes nothing.
May use tables, steplog and files.
"""
