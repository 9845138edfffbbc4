"""A Slurm for the tests here, and the projects that run on it."""

from cluster import slurm

__all__ = ["slurm"]
