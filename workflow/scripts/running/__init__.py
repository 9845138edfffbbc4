"""Snakemake and the steps: how a function is filled from a job or a command line, what a job
asks for and when it is tried again, what a run shows and leaves behind.
The only room that imports Snakemake. May use configuration, notices, signoffs, reporting and below.
"""
