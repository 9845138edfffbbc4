"""Five tasks: `luigi --module flow Deploy --local-scheduler`, with --isolated a process each."""

import subprocess
from pathlib import Path

import luigi
from steps import WRITTEN, call


class Step(luigi.Task):
    """A step, done when the files that it writes are there."""

    isolated = luigi.BoolParameter()
    name: str
    after: type["Step"] | None = None

    def requires(self) -> list[luigi.Task]:
        return [self.after(isolated=self.isolated)] if self.after else []

    def output(self) -> list[luigi.LocalTarget]:
        return [luigi.LocalTarget(path) for path in WRITTEN[self.name].values()]

    def run(self) -> None:
        if self.isolated:
            with Path(f"logs/{self.name}.log").open("w") as log:
                subprocess.run(
                    ["python", "steps.py", self.name], stdout=log, stderr=log, check=True
                )
        else:
            call(self.name)


class Ingest(Step):
    name = "ingest"


class Clean(Step):
    name, after = "clean", Ingest


class TrainOrScore(Step):
    name, after = "train_or_score", Clean


class Report(Step):
    name, after = "report", TrainOrScore


class Deploy(Step):
    name, after = "deploy", Report
