"""The report on a model, as text and as a page with charts, and the verdict in words.
Each is a function of the model, its back-test and the flags alone.
May use training, evaluation and below.
"""
