# Requires what the five steps made, and people who signed for it. Gives a release in production.
# Nothing of that is an output: what people decided and what was released no run may delete. So it
# has none, runs each time it is asked for, and is not tried again by itself.
rule production:
    input:
        rules.deploy.output,
        rules.report.output,
        rules.train_or_score.output,
        rules.clean.output,
        rules.ingest.output,
    log:
        "logs/production.log",
    localrule: True
    conda:
        "../envs/steps.yaml"
    params:
        options={"config": config, "configfile": CONFIG_FILES},
        code=code_used(
            SCRIPTS / "production.py",
            [
                SCHEMAS / f"{name}.schema.yaml"
                for name in ("model", "release", "signoff")
            ],
        ),
    script:
        "../scripts/production.py"
