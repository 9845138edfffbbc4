"""Production: releases that people signed for, and the link that says which of them counts.

    production/current               a link to releases/<digest>, swapped whole
    production/releases/<digest>/    read-only; <digest> is what sha256sum says of its manifest.json

What is in production is what the ledger says is. A release or a rollback is a line there before
it is a link here, and a second line when it has passed its smoke test; whoever comes next finds
by these two what was begun and not ended.
"""
