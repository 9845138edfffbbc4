"""What people decide: gates, policy, signers, statements and their signatures, the ledger.
A sign-off holds for exact bytes, and is void if any of them changes.
May use reporting and below.
"""
