# Requires the source in config. Gives its prices as records, and the receipt of what came.
rule ingest:
    input:
        source_file(config, HERE.parent),
    output:
        "results/prices_raw.json",
        receipt=report(
            "results/ingest.json",
            caption="../report/ingest.rst",
            category="Data",
            labels={"checkpoint": "prices_raw.json"},
        ),
    log:
        "logs/ingest.log",
    retries: config["retries"]["times"]
    conda:
        "../envs/steps.yaml"
    resources:
        attempt=attempt_number,
        backoff=linear_backoff(config["retries"]["delay"]),
        mem_mb=more_memory(1000),
    params:
        options={**config["source"], "columns": named_columns(config)},
        code=code_used(SCRIPTS / "ingest.py"),
    script:
        "../scripts/ingest.py"
