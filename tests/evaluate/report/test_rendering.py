"""What templates write is escaped: for HTML by Jinja2, for Markdown by a filter in its place."""

import sys

import pytest
from markupsafe import Markup

from sface.errors import DependencyError
from sface.evaluate.report import rendering
from sface.evaluate.report.rendering import cosine

HOSTILE = "<b>a|b</b> *c* & \x1b[2J\n# d"


def test_html() -> None:
    template = rendering._html().from_string("{{ text }} {{ text|breakable }} {{ markup }} {{ 0.25|cosine }}")
    text = r"&lt;b&gt;a|b&lt;/b&gt; *c* &amp; \x1b[2J\n# d"
    breakable = text.replace("&lt;/b", "&lt;/<wbr>b")
    assert template.render(text=HOSTILE, markup=Markup("<i>")) == f"{text} {breakable} <i> 0.250"
    labelled = rendering._html().from_string("{{ svg|labelled(label) }}")
    assert labelled.render(svg="<svg>", label='"x"<') == '<svg role="img" aria-label="&#34;x&#34;&lt;">'


def test_markdown() -> None:
    template = rendering._markdown().from_string("{% macro row(name) %}{{ name }} |{% endmacro %}| {{ row(text) }}")
    assert template.render(text=HOSTILE) == (
        r"| &#60;b&#62;a&#124;b&#60;/b&#62; \*c\* &#38; " + "\\\\x1b\\[2J\\\\n\\# d |"
    )
    assert rendering._markdown().from_string("{{ code_block(text, 'sh') }}").render(text="`a`") == "```sh\n`a`\n```"


def test_a_name_that_is_not_there_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        rendering._html().from_string("{{ nothing }}").render()


def test_cosines_have_a_minus_sign() -> None:
    assert (cosine(-0.5), cosine(0.12345, 4)) == ("−0.500", "0.1235")


def test_without_jinja2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(DependencyError, match=r"jinja2 is not installed: pip install 'sface\[eval\]'"):
        rendering._environment()
