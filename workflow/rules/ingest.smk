# Requires the source in the config. Gives its prices and an account of every delivered row.
rule ingest:
    input:
        local(SOURCE_FILES),
    output:
        f"results/prices_raw.{config['format']}",
        receipt=report(
            "results/ingest.json",
            caption="../report/ingest.rst",
            category="Data",
            labels={"table": "prices_raw"},
        ),
        quarantine=report(
            "results/quarantine.json",
            caption="../report/quarantine.rst",
            category="Data",
            labels={"table": "quarantine"},
        ),
        restatements=report(
            "results/restatements.json",
            caption="../report/restatements.rst",
            category="Data",
            labels={"table": "restatements"},
        ),
    log:
        "logs/ingest.log",
    retries: retries_here(workflow, config["retries"]["times"])
    conda:
        "../envs/steps.yaml"
    threads: cores_here(workflow, 4)
    resources:
        mem_mb=memory(400, per_mb=6),
        runtime=minutes(30, per_mb=0.02),
        disk_mb=disk(1000, per_mb=6),
    params:
        options=lambda wildcards: ingest_options(config, project_folder(rules)),
        version=source_now(config, rules, SOURCE_FILES + ODDLY_NAMED),
        format=config["format"],
        record=ledger_record(workflow, config),
        retry=retrying(workflow, config["retries"]),
        code=code_used(SCRIPTS / "ingest.py"),
    script:
        "../scripts/ingest.py"
