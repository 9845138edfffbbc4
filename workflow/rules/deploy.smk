# Requires the report and the model that it names. Gives that model, deployed to staging.
rule deploy:
    input:
        "results/report.txt",
        model="results/model.json",
    output:
        report(
            update("results/deployed_model.json"),
            caption="../report/deployed_model.rst",
            category="Model",
            labels={"checkpoint": "deployed_model.json"},
        ),
    log:
        "logs/deploy.log",
    retries: retries_here(workflow, config["retries"]["times"])
    conda:
        "../envs/steps.yaml"
    resources:
        mem_mb=memory(100, per_mb=8),
        runtime=minutes(10, per_mb=0.02),
    params:
        options=lambda wildcards: {
            "allow_unaccepted": config["accept"]["allow_unaccepted"],
            "project": project_folder(rules) if config["mode"] == "auto" else None,
        },
        retry=retrying(workflow, config["retries"]),
        code=code_used(SCRIPTS / "deploy.py", [SCHEMAS / "model.schema.yaml"]),
    script:
        "../scripts/deploy.py"
