"""Production: releases that people signed for, the link that says which one counts, rollback,
evidence for auditors, and the model made again from the kept bytes.
May use configuration, signoffs and below.
"""
