"""The config: read, merged, completed and checked before anything runs.
It knows the options of every step.
May use notices and below.
"""
