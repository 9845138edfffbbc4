"""Pricewright's domain: prices, models and their checkpoints. Nothing in here knows Snakemake."""
