# Requires what the five steps made, and people who signed for it. Gives a release in production.
# Nothing of that is an output: what people decided and what was released no run may delete. Nor is
# it an input: what people signed is released as it is, or not at all; no step makes it anew.
# So it runs each time it is asked for, and is not tried again by itself.
rule production:
    log:
        "logs/production.log",
    localrule: True
    conda:
        "../envs/steps.yaml"
    params:
        options=lambda wildcards: {
            "config": config,
            "configfile": CONFIG_FILES,
            "project": project_folder(rules),
        },
        code=code_used(
            SCRIPTS / "production.py",
            [
                SCHEMAS / f"{name}.schema.yaml"
                for name in ("model", "release", "signoff")
            ],
        ),
    script:
        "../scripts/production.py"
