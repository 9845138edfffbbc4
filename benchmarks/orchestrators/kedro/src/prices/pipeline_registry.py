"""Five nodes: `kedro run`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.pipeline import Node, Pipeline
from steps import READ, WRITTEN, call


def register_pipelines() -> dict[str, Pipeline]:
    return {"__default__": Pipeline([node(name) for name in READ])}


def node(name: str) -> Node:
    """A step: its options and what it reads go in, what it writes comes out."""
    read, written = datasets(READ[name]), datasets(WRITTEN[name])

    def work(options: Mapping[str, Any], *_: Path) -> list[str]:
        call(name, options)
        return written

    work.__name__ = name
    return Node(work, [f"params:{name}", *read], written, name=name)


def datasets(files: Mapping[str, Any]) -> list[str]:
    """The names of files in the catalog."""
    listed = [[path] if isinstance(path, str) else path for path in files.values()]
    return [Path(path).name.replace(".", "_") for paths in listed for path in paths]
