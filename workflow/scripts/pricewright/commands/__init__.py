"""What people type: `pricewright sign | status | verify | rollback | describe | predict`.
A module a command, and the app that they are the parts of.
May use every room below, and the steps.
"""
