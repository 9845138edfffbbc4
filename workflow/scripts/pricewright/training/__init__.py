"""From clean prices to a model document: which symbols are modelled, the shards, the whole.
It puts forecasting and evaluation together.
May use evaluation and below.
"""
