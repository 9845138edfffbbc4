# Requires the tables of a step. Gives the result of each shard of symbols, computed in parallel;
# `clean` and `train_or_score` combine them. Only used with more than one shard.
rule clean_shard:
    input:
        f"results/prices_raw.{config['format']}",
        corrections=config["corrections"]["file"] or [],
    output:
        temp("results/shards/{scatteritem}.prices.parquet"),
        receipt=temp("results/shards/{scatteritem}.prices.json"),
    log:
        "logs/clean_shard/{scatteritem}.log",
    retries: retries_here(workflow, config["retries"]["times"])
    conda:
        "../envs/steps.yaml"
    resources:
        mem_mb=memory(200, per_mb=8, shards=config["shards"], parquet=0.4),
        runtime=minutes(10, per_mb=0.02),
    params:
        options=lambda wildcards: {"shard": wildcards.scatteritem},
        retry=retrying(workflow, config["retries"]),
        code=code_used(
            SCRIPTS / "clean_shard.py", [SCHEMAS / "corrections.schema.yaml"]
        ),
    script:
        "../scripts/clean_shard.py"


use rule train_or_score as plan_shards with:
    input:
        f"results/prices_clean.{config['format']}",
        receipts=["results/ingest.json", "results/clean.json"],
        model=branch(
            config["mode"] == "score", then=config["score"]["model"], otherwise=[]
        ),
        watch=branch(
            config["mode"] == "auto",
            then=ancient("results/monitor.json"),
            otherwise=[],
        ),
    output:
        tasks=temp(scatter.shards("results/shards/{scatteritem}.task.safetensors")),
    log:
        "logs/plan_shards.log",


rule train_or_score_shard:
    input:
        "results/shards/{scatteritem}.task.safetensors",
    output:
        temp("results/shards/{scatteritem}.done.safetensors"),
    log:
        "logs/train_or_score_shard/{scatteritem}.log",
    retries: retries_here(workflow, config["retries"]["times"])
    conda:
        "../envs/steps.yaml"
    resources:
        mem_mb=memory(600, per_mb=20),
        runtime=minutes(15, per_mb=0.5),
    params:
        retry=retrying(workflow, config["retries"]),
        code=code_used(SCRIPTS / "train_or_score_shard.py"),
    script:
        "../scripts/train_or_score_shard.py"
