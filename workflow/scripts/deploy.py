"""Deploy: put the reported model into staging, where others read it."""

from pathlib import Path

from running import step

from pricewright.evaluation.acceptance import failed
from pricewright.files.disk import read_whole, sha256, write_whole
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import named_model, read_model
from pricewright.signoffs.candidate import write_candidate
from pricewright.signoffs.signed_files import read_covered
from pricewright.steplog.log import say
from pricewright.steplog.retries import retry


def deploy(
    input: Path,
    output: Path,
    *,
    model: Path | None = None,
    allow_unaccepted: bool = False,
    project: Path | None = None,
) -> None:
    """Copy the reported model, byte for byte, to its place in staging, if it is accepted.

    Parameters
    ----------
    input
        The report, which names the model's path and SHA-256.
    output
        Where to put the model; it is written as a whole or left unchanged.
    model
        The model, if it is not at the path that the report names.
    allow_unaccepted
        Deploy the model even if it is not accepted.
    project
        The project in whose `production/candidate` to keep a trained model with all the files that
        people sign; if not given, they sign those in `results/`.
    """
    say("start", input=input)
    path, reported = named_model(read_whole(input).decode(errors="replace"), str(input))
    model = model or Path(path)
    document, read = read_model(model)
    content = read_whole(model)
    found = sha256(content)
    if not read == found == reported:  # the bytes that were judged are those that are copied
        raise Refusal(
            f"{model}: is not the model that {input} reports (sha256 {found[:12]}…, "
            f"reported {reported[:12]}…); run the report again and read it."
        )
    acceptance = document["acceptance"]
    if not acceptance["accepted"] and not allow_unaccepted:
        page = Path(input).with_suffix(".html")
        raise Refusal(
            f"{model}: is not accepted, so it is not deployed: {failed(acceptance)}; read "
            f"{page if page.exists() else input}, then change the model, or adjust accept.* in "
            "the config, or set accept.allow_unaccepted: true."
        )
    place(output, content)
    if project is not None and document["mode"] == "train":
        laid = write_candidate(Path(project, "production"), read_covered(Path(project)))
        say("candidate", folder=laid)
    say("end", deployed=output, sha256=reported)


@retry(n_tries=3, delay=0.2, of=lambda output, content: output)
def place(output: Path, content: bytes) -> None:
    """Write the deployed model; retried, because storage may fail briefly."""
    write_whole(output, content)


if __name__ == "__main__":
    step.run(deploy)
