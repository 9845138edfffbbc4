"""Location, variance and distribution of a price some days ahead, for many symbols at once."""
