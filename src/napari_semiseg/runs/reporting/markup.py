"""HTML in which nothing but what this package writes itself is markup.

Names of projects, images and classes come from strangers: a plain `str` is always
escaped, only a `Markup` is not.
"""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem;
  border-bottom: 1px solid #8888; }
table { border-collapse: collapse; margin: .6rem 0; }
th, td { text-align: left; vertical-align: top; padding: .15rem .9rem .15rem 0;
  border-bottom: 1px solid #8883; }
figure { display: inline-block; margin: .3rem .6rem .3rem 0; vertical-align: top; }
figcaption { font-size: .85rem; max-width: 192px; }
img.panel { width: 192px; image-rendering: pixelated; background: #000; }
img.plot { max-width: 100%; background: #fff; }
.verdict { border-left: 4px solid #1b7f79; padding-left: .8rem; }
.doubt { border-left: 4px solid #c77700; padding-left: .8rem; }
small, .quiet { opacity: .75; }
"""
# The page may neither run scripts nor load anything, even if escaping ever failed.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def markup(content: object) -> Markup:
    """Content as HTML: escaped, unless it is markup."""
    return content if isinstance(content, Markup) else Markup(html.escape(str(content)))


def tag(name: str, *content: object, **attributes: str) -> Markup:
    """An element; a ``_`` behind the name of an attribute is left out (``class_``)."""
    words = "".join(
        f' {key.rstrip("_")}="{html.escape(value)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{words}>{''.join(map(markup, content))}</{name}>")


def join(parts: Iterable[object]) -> Markup:
    """Several pieces behind one another."""
    return Markup("\n".join(map(markup, parts)))


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """A table; nothing without rows."""
    lines = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    if not lines:
        return Markup("")
    first = [tag("tr", *(tag("th", cell) for cell in head))] if head else []
    return tag("table", *first, *lines)


def image(png: bytes, alt: str, kind: str = "plot") -> Markup:
    """A picture that lies in the page itself; ``kind`` is ``plot`` or ``panel``."""
    code = base64.b64encode(png).decode()
    words = f'class="{kind}" alt="{html.escape(alt)}"'
    return Markup(f'<img {words} src="data:image/png;base64,{code}">')


def page(title: str, parts: Iterable[object]) -> str:
    """A whole HTML document that needs nothing else."""
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>"
    )
    body = join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )
