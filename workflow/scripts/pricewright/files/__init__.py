"""Atomic file writes, digests, JSON, YAML, secrets, the clock, the machine and code digests.
Every other room builds on this one.
May use no other room.
"""
