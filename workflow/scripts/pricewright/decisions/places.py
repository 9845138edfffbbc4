"""Where decisions are kept, under the working directory."""

SIGNERS = "config/signers"
REVOKED = "config/revoked"
SIGNOFFS = "signoffs"
LEDGER = "ledger"
