# Requires a model, its back-test and the flags of its data. Gives the report that people read
# before they sign, as text and as a page with pictures, and the table of all symbols.
rule report:
    input:
        "results/model.json",
        backtest="results/backtest.parquet",
        quality="results/data_quality.json",
    output:
        report(
            "results/report.txt",
            caption="../report/report.rst",
            category="Model",
            labels={"checkpoint": "report.txt"},
        ),
        html="results/report.html",
        table="results/report_symbols.csv",
        coverage=report(
            "results/figures/coverage.svg",
            caption="../report/coverage.rst",
            category="Plots",
            labels={"plot": "interval coverage by horizon"},
        ),
        skill=report(
            "results/figures/skill.svg",
            caption="../report/skill.rst",
            category="Plots",
            labels={"plot": "error beside the random walk"},
        ),
    log:
        "logs/report.log",
    retries: retries_here(workflow, config["retries"]["times"])
    conda:
        "../envs/steps.yaml"
    resources:
        mem_mb=memory(100, per_mb=8),
        runtime=minutes(10, per_mb=0.02),
    params:
        options=report_options(config),
        record=ledger_record(workflow, config),
        retry=retrying(workflow, config["retries"]),
        code=code_used(
            SCRIPTS / "report.py",
            [SCHEMAS / "model.schema.yaml", *HERE.glob("page/*")],
        ),
    script:
        "../scripts/report.py"
