"""Cleaning of prices: duplicates, missing values, declared corrections, and flags for oddities.
A flag changes nothing.
May use tables, steplog and files.
"""
