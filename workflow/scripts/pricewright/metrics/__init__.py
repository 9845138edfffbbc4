"""How good forecasts are: errors, scores, back-tests, and whether a difference is only luck."""
