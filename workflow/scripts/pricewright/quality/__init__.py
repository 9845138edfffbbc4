"""What in a table of prices is suspicious but possible: flagged for a person, never changed."""
