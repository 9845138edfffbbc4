"""How good a model would have been: its scores, whether it is accepted, who was better."""
