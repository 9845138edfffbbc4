# Requires clean records, and in mode score a model. Gives a model with its evaluation, and tables of
# forecasts beside outcomes: a compact one for the pictures, and two complete ones.
rule train_or_score:
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
        shards=branch(
            config["shards"] > 1,
            then=gather.shards("results/shards/{scatteritem}.done.safetensors"),
            otherwise=[],
        ),
    output:
        report(
            "results/model.json",
            caption="../report/model.rst",
            category="Model",
            labels={"checkpoint": "model.json"},
        ),
        backtest="results/backtest.parquet",
        forecasts="results/forecasts.parquet",
        daily_forecasts="results/daily_forecasts.parquet",
    log:
        "logs/train_or_score.log",
    retries: retries_here(workflow, config["retries"]["times"])
    conda:
        "../envs/steps.yaml"
    threads: cores_here(workflow, 4)
    resources:
        mem_mb=memory(600, per_mb=8, parquet=1.0),
        runtime=minutes(15, per_mb=0.05),
    params:
        options=lambda wildcards: training_options(
            config, deployed_model(rules), project_folder(rules)
        ),
        record=training_record(workflow, config, CONFIG_FILES),
        retry=retrying(workflow, config["retries"]),
        code=code_used(
            SCRIPTS / "train_or_score.py",
            [SCHEMAS / "model.schema.yaml"],
            asked_for=[config["model"]["location"]],
        ),
    script:
        "../scripts/train_or_score.py"


if config["shards"] > 1:

    include: "shards.smk"
