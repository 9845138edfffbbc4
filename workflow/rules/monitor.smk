# Requires clean prices and a release in production. Gives the findings of the watch over it, and
# records the day's forecasts. That record is no output, because no run can make it again.
rule monitor:
    input:
        f"results/prices_clean.{config['format']}",
        receipts=[
            "results/ingest.json",
            "results/clean.json",
            "results/data_quality.json",
        ],
    output:
        report(
            "results/monitor.json",
            caption="../report/monitor.rst",
            category="Watch",
            labels={"watch": "monitor.json"},
        ),
        html=report(
            "results/monitor.html",
            caption="../report/monitor.rst",
            category="Watch",
            labels={"watch": "page"},
        ),
    log:
        "logs/monitor.log",
    retries: retries_here(workflow, config["retries"]["times"])
    conda:
        "../envs/steps.yaml"
    resources:
        mem_mb=memory(300, per_mb=8),
        runtime=minutes(10, per_mb=0.02),
    params:
        options=lambda wildcards: monitor_options(config, project_folder(rules)),
        release=lambda wildcards: release_in_production(project_folder(rules)),
        retry=retrying(workflow, config["retries"]),
        code=code_used(
            SCRIPTS / "monitor.py",
            [SCHEMAS / "model.schema.yaml", *HERE.glob("page/*")],
        ),
    script:
        "../scripts/monitor.py"
