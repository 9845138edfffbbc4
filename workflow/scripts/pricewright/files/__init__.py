"""Files that are whole or not there, digests, JSON, secrets, the clock, the error for people.
What every other room stands on.
May use no other room.
"""
