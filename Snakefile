# The door: `snakemake --cores 1` works from here; everything is in workflow/.
include: "workflow/Snakefile"


workflow.default_target = "all"
