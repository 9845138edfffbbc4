"""From clean prices to a model document: choose the symbols, split into shards, train, evaluate.
It combines forecasting and evaluation.
May use evaluation and below.
"""
