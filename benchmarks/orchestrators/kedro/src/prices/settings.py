"""Settings of the project: one environment of configuration."""

CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "base"}
