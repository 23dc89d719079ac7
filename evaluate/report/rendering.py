"""Templates → HTML and Markdown. Every value that a template writes is escaped, unless it is `Markup`, so that text
from files can't become markup.

HTML is escaped by Jinja2's autoescape, Markdown by `markdown.escape`, to which the environment passes each value.
"""

import base64
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from ...output import printable
from ...runtime import dependencies
from . import markdown
from .formatting import asked, counted, identification_limits, interval, of_origin, percent, points

if TYPE_CHECKING:
    from jinja2 import Environment


def render_html(template: str, **values: Any) -> str:
    """A page. Raises DependencyError without Jinja2."""
    return _html().get_template(template).render(values)


def render_markdown(template: str, **values: Any) -> str:
    """A Markdown document. Raises DependencyError without Jinja2."""
    return _markdown().get_template(template).render(values)


def cosine(similarity: float, decimals: int = 3) -> str:
    """A similarity or a threshold of similarity, with a real minus sign."""
    return f"{similarity:.{decimals}f}".replace("-", "−")


@cache
def _html() -> "Environment":
    environment = _environment()

    from markupsafe import Markup, escape

    def breakable(text: str) -> Markup:
        """A name in running text, which may go on in the next line after a mark of punctuation."""
        return Markup(re.sub(r"(?<=[_.\-/])(?=\w)", "<wbr>", escape(printable(text))))

    def labelled(svg: str, label: str) -> Markup:
        """A picture with words for those who don't see it."""
        start = Markup('<svg role="img" aria-label="{}"').format(printable(label))
        return Markup(svg.replace("<svg", start, 1))

    environment.finalize = lambda value: printable(value) if _is_text(value) else value
    environment.filters |= {
        "base64": lambda data: base64.b64encode(data).decode(),
        "breakable": breakable,
        "cosine": cosine,
        "labelled": labelled,
        "points": lambda change: points(change).replace("-", "−"),
    }
    return environment


@cache
def _markdown() -> "Environment":
    environment = _environment()

    from markupsafe import Markup

    environment.finalize = lambda value: Markup(markdown.escape(value)) if _is_text(value) else value
    environment.filters |= {"limits": identification_limits, "points": points, "printable": printable}
    environment.globals |= {"code_block": lambda *arguments: Markup(markdown.code_block(*arguments))}
    return environment


def _environment() -> "Environment":
    """With what both kinds of template use."""
    jinja2 = dependencies.require("jinja2", "eval")
    environment: Environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"asked": asked, "counted": counted, "of_origin": of_origin, "percent": percent}
    environment.globals |= {"interval": interval}
    return environment


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not hasattr(value, "__html__")
