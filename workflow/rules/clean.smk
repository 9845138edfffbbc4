# Requires the delivered prices, and the results of the shards, if there are any. Gives corrected
# prices with nothing missing, and the flags of suspicious values.
scattergather:
    shards=config["shards"],


rule clean:
    input:
        f"results/prices_raw.{config['format']}",
        corrections=config["corrections"]["file"] or [],
        parts=branch(
            config["shards"] > 1,
            then=gather.shards("results/shards/{scatteritem}.prices.parquet"),
            otherwise=[],
        ),
        part_receipts=branch(
            config["shards"] > 1,
            then=gather.shards("results/shards/{scatteritem}.prices.json"),
            otherwise=[],
        ),
    output:
        f"results/prices_clean.{config['format']}",
        receipt=report(
            "results/clean.json",
            caption="../report/clean.rst",
            category="Data",
            labels={"table": "prices_clean"},
        ),
        quality=report(
            "results/data_quality.json",
            caption="../report/data_quality.rst",
            category="Data",
            labels={"table": "data_quality"},
        ),
    log:
        "logs/clean.log",
    retries: retries_here(workflow, config["retries"]["times"])
    conda:
        "../envs/steps.yaml"
    resources:
        mem_mb=memory(200, per_mb=8, parquet=0.4),
        runtime=minutes(10, per_mb=0.02),
    params:
        options=clean_options(config),
        format=config["format"],
        retry=retrying(workflow, config["retries"]),
        code=code_used(SCRIPTS / "clean.py", [SCHEMAS / "corrections.schema.yaml"]),
    script:
        "../scripts/clean.py"
