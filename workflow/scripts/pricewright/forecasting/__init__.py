"""Forecasts of location, volatility and distribution over several days, for many symbols at once;
the walk-forward that tests them, and the model document.
May use tables, steplog and files.
"""
