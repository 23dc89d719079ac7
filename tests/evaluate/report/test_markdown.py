"""Markdown that shows a stranger's words as they are."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sface.evaluate.report.markdown import code_block, escape


@given(st.text(st.one_of(st.characters(), st.sampled_from("\\`*_[]#!&<>|~$@:/w.")), max_size=60))
def test_what_is_escaped_reads_as_it_was(text: str) -> None:
    """As CommonMark reads it: a backslash before punctuation is taken away, a numbered entity is its character."""
    escaped, marked = escape(text), re.compile(r"\\([!-/:-@\[-`{-~])|&#(\d+);")
    shown = marked.sub(lambda match: match[1] or chr(int(match[2])), escaped)
    assert shown == "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    assert not re.search(r"[\\`*_\[\]#!&<>|~$@]|://|www\.", marked.sub("-", escaped))


def test_escape_cuts_what_is_long() -> None:
    assert escape("a" * 301) == "a" * 300 + "…"
    assert escape("a" * 300) == "a" * 300


def test_code() -> None:
    assert code_block("x", "sh") == "```sh\nx\n```"
    assert code_block("a ```` b", "sh") == "`````sh\na ```` b\n`````"
