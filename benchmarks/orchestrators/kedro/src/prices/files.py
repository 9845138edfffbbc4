"""The catalog's kind of data: a file that the step itself reads or writes."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset


class File(AbstractDataset[None, Path]):
    """A file: what is loaded is its path, and to save it there is nothing left to do."""

    def __init__(self, filepath: str) -> None:
        self._filepath = Path(filepath)

    def load(self) -> Path:
        return self._filepath

    def save(self, data: None) -> None:
        """The step has written it."""

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
