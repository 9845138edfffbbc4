"""What people decide: who may, what they signed, and whether it still holds for these bytes."""
