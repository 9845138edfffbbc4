"""The report on a model, as text and as a page with charts, and the verdict in words.
Each depends only on the model, its back-test and the flags.
May use training, evaluation and below.
"""
