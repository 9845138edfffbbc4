import re
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from running.run_report import FEW, MOST, harmless, lighten

PAGE = """<html>
<head>
    <meta charset="utf-8">
    <script>if (1 < 2) { "</head>" }</script>
</head>
<body>
    <script id="results">
    var results = {"a": "</script><script>alert(1)</script>", "b": "<!-- \\u2028"};
    </script>
    <script>
    var workflow_desc = "<p>Prices</p>";
    </script>
    <script>
    var rules = {};
    </script>
</body>
</html>
"""


def test_in_the_data_of_a_report_no_tag_begins_and_its_meaning_is_the_same():
    page = harmless(PAGE)
    [results] = re.findall(r"var results = (.*);", page)
    assert "<" not in results
    assert results.replace("\\u003c", "<") in PAGE
    assert 'if (1 < 2) { "' in page


def test_no_request_leaves_a_report_and_the_rule_stands_before_all_that_it_rules():
    page = harmless(PAGE)
    policy = page.index("Content-Security-Policy")
    assert policy < page.index("<script>")
    assert "default-src 'none'" in page[policy : policy + 100]
    assert page.count("Content-Security-Policy") == 1


@pytest.mark.parametrize("part", ["var results = ", '<meta charset="utf-8">', "    var rules"])
def test_a_page_of_another_build_is_refused(part):
    with pytest.raises(RuntimeError, match="has another structure"):
        harmless(PAGE.replace(part, "something else"))


def result(path: Path, size: int) -> SimpleNamespace:
    path.write_bytes(b"{" + b" " * (size - 2) + b"}")
    return SimpleNamespace(path=path, size=size, mime="application/json")


def test_a_result_too_large_for_the_page_is_named_in_it_and_stays_as_it_is(tmp_path):
    small = result(tmp_path / "clean.json", MOST)
    large = result(tmp_path / "model.json", MOST + 1)
    model = large.path
    folder = tmp_path / "words"
    folder.mkdir()
    lighten({"Data": {"": [small]}, "Model": {"": [large]}}, folder)
    assert small.path == tmp_path / "clean.json"
    assert large.path == folder / "model.json.txt"
    words = large.path.read_text()
    assert words.startswith(f"{model} has 1.0 MB, too large for this page")
    assert sha256(model.read_bytes()).hexdigest() in words
    assert (large.size, large.mime) == (len(words), "text/plain")
    assert model.stat().st_size == MOST + 1


def test_what_is_in_a_report_already_is_named_there_and_not_held_twice(tmp_path):
    names = ("quarantine.json", "restatements.json", "model.json", "deployed_model.json")
    sizes = (3, 3, FEW + 1, FEW + 1)
    results = [result(tmp_path / name, size) for name, size in zip(names, sizes, strict=True)]
    lighten({"Data": {"": results[:2]}, "Model": {"": results[2:]}}, tmp_path / "words")
    assert [result.path.name for result in results] == [*names[:3], "deployed_model.json.txt"]
    same = f"deployed_model.json has the same bytes as {tmp_path / 'model.json'}, which is in"
    assert same in results[3].path.read_text()
