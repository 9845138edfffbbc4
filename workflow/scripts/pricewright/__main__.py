"""`python workflow/scripts/pricewright …`: the command, also where it is not installed.

`predict` goes on with numpy alone, so that this folder can be copied next to a model.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])


def main() -> None:
    """Run the command; without the environment it needs, say in a sentence how to get that."""
    try:
        if sys.argv[1:2] == ["predict"]:
            from pricewright.commands import predict

            sys.exit(predict.main(sys.argv[2:]))
        from pricewright.commands import app

        app.main()
    except ModuleNotFoundError as error:
        sys.exit(
            f"pricewright: {sys.executable} has no module {error.name!r}; get the environment with "
            "`make run`, and then `source .venv/bin/activate`."
        )


if __name__ == "__main__":
    main()
