# Entry point, so that `snakemake --cores 1` works from here. The workflow is in workflow/.
include: "workflow/Snakefile"


workflow.default_target = "all"
