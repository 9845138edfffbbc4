"""The log of a step: written and read back, its attempts and progress, the last run, retries.
One module knows what a line looks like.
May use files.
"""
