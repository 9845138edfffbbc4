# Requires the results of the five steps and the signatures of people. Gives a release in production.
# The rule has no output, because no run may delete decisions or releases. It has no input, because
# the signed files are released as they are or not at all; no step may make them again.
# So it runs each time it is requested, and is not retried automatically.
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
