"""What people type: `pricewright sign | status | verify | rollback | predict`.
A module a command, and the app that they are the parts of.
May use every room below: configuration, releases and all that these use.
"""
