# Requires records as delivered. Gives them without duplicates and missing values, in order.
rule clean:
    input:
        "results/prices_raw.json",
    output:
        "results/prices_clean.json",
        receipt=report(
            "results/clean.json",
            caption="../report/clean.rst",
            category="Data",
            labels={"checkpoint": "prices_clean.json"},
        ),
    log:
        "logs/clean.log",
    retries: config["retries"]["times"]
    conda:
        "../envs/steps.yaml"
    resources:
        attempt=attempt_number,
        backoff=linear_backoff(config["retries"]["delay"]),
        mem_mb=more_memory(1000),
    params:
        options={
            "missing_price": config["missing"]["price"],
            "missing_volume": config["missing"]["volume"],
        },
        code=code_used(SCRIPTS / "clean.py"),
    script:
        "../scripts/clean.py"
