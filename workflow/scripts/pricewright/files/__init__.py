"""Files that are whole or not there, digests, JSON, secrets, the clock, the machine, the code.
What every other room stands on.
May use no other room.
"""
