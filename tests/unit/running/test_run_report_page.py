import re
from hashlib import sha256
from types import SimpleNamespace

import pytest

from running.run_report import MOST, harmless, lighten

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
    with pytest.raises(RuntimeError, match="not built as it was"):
        harmless(PAGE.replace(part, "something else"))


def test_a_result_too_large_for_the_page_is_named_in_it_and_stays_as_it_is(tmp_path):
    def result(name: str, size: int) -> SimpleNamespace:
        path = tmp_path / name
        path.write_bytes(b"{" + b" " * (size - 2) + b"}")
        return SimpleNamespace(path=path, size=size, mime="application/json")

    small, large = result("clean.json", MOST), result("model.json", MOST + 1)
    model = large.path
    folder = tmp_path / "words"
    folder.mkdir()
    lighten({"Data": {"": [small]}, "Model": {"": [large]}}, folder)
    assert small.path == tmp_path / "clean.json"
    assert large.path == folder / "model.json.txt"
    words = large.path.read_text()
    assert words.startswith(f"{model} has 10 MB")
    assert sha256(model.read_bytes()).hexdigest() in words
    assert (large.size, large.mime) == (len(words), "text/plain")
    assert model.stat().st_size == MOST + 1
