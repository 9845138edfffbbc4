import re

import pytest

from run_report import harmless

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
