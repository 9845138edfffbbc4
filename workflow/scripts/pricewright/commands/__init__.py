"""What people type: `pricewright sign`, `status`, `history`, `predict` and the rest.
One module per command, and the app that joins them.
May use every room below, and the steps.
"""
