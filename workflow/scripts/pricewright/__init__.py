"""The domain of Pricewright: prices, models and the decisions about them.
Every line lives in a room; a room uses the rooms below it, as each one's first lines say.
Nothing in here knows Snakemake.
"""
