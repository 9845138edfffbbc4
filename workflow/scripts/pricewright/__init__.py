"""The domain of Pricewright: prices, models and the decisions about them.
Every line lives in a room. A room uses only the rooms below it, which its first lines name.
Nothing in here knows Snakemake.
"""
