"""Markdown that shows a stranger's text as it is: none of it becomes markup, HTML, a link or a line of its own."""

import re

from ...output import printable

LONGEST = 300  # characters of a value

# A backslash is enough for what Markdown has always known; what its dialects have added is written as HTML's entities,
# as no dialect takes one for markup: tables, strike-through, formulas, mentions, addresses that become links.
_SPECIAL = re.compile(r"([\\`*_\[\]#!])|[&<>|~$@]|:(?=//)|(?<=www)\.")


def escape(text: str) -> str:
    """`text`, cut after LONGEST characters, for a place within a line."""
    line = printable(text)
    line = line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
    return _SPECIAL.sub(lambda match: f"\\{match[0]}" if match[1] else f"&#{ord(match[0])};", line)


def code_block(code: str, language: str) -> str:
    """A block of code, which may hold backticks."""
    longest = max(map(len, re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"
