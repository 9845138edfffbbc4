"""Automatic runs: an exchange's sessions, a timer that starts after each one, and the due runs.
This room knows nothing about what a run does.
May use tables, steplog and files.
"""
