"""The log of a step: written and read back, with attempts and progress; the last run; retries.
Only the module `log` knows the format of a line.
May use files.
"""
