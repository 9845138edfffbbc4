"""From the bytes of a delivery to typed rows, and the rows that cannot be believed."""
