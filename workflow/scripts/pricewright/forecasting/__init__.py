"""Location, volatility and distribution of prices some days ahead, for many symbols at once;
the walk-forward that judges them, and the document of a model.
May use tables, steplog and files.
"""
