"""Production: releases that people signed for, the link to the current one, rollback, evidence for
auditors, and rebuilding the model from the kept bytes.
May use configuration, signoffs and below.
"""
