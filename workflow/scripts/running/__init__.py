"""Snakemake and the steps: filling a function's arguments from a job or a command line, a job's
resources and retries, and what a run shows and leaves behind.
The only room that imports Snakemake. May use monitoring, releases and below.
"""
