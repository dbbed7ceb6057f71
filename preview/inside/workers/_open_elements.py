"""The elements that are open at a place of the document, as far as a stream can tell. Used by `_rewriter`.

An element ends at its end tag; one without an end tag where an element around it ends, or the document. That is Cloudflare's
rule as well, and differs from a browser's: the second `<li>` of `<li>a<li>b` is in the first. An end tag without an element
ends nothing. Namespaces follow the standard ("the rules for parsing tokens in foreign content"), as what is a comment and
what is raw text depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ._html_element import Ending
from ._html_tokens import StartTag, lowered

MAX_OPEN = 200_000
"""Elements that may be open at once: some 30 MB of memory."""

_VOID = frozenset(
    ["area", "base", "basefont", "bgsound", "br", "col", "embed", "hr", "img", "input", "keygen", "link", "meta", "param",
     "source", "track", "wbr"]
)  # fmt: skip
RAW_TEXT = frozenset(
    ["iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "textarea", "title", "xmp"]
)
"""Elements of HTML whose content is text. `noscript` is one, as in browsers that run scripts, and as on Cloudflare."""
_BACK_TO_HTML = frozenset([
    "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed", "h1", "h2", "h3", "h4",
    "h5", "h6", "head", "hr", "i", "img", "li", "listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small",
    "span", "strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var",
])  # fmt: skip
_HTML_INSIDE = {
    "svg": frozenset(["desc", "foreignobject", "title"]),
    "math": frozenset(["mi", "mo", "mn", "ms", "mtext"]),
}


class Open:
    """An open element."""

    __slots__ = (
        "children",
        "ending",
        "inside",
        "matched",
        "name",
        "namespace",
        "reach",
        "steps",
        "types",
        "without_content",
    )

    def __init__(self, name: str, namespace: str, inside: str) -> None:
        self.name, self.namespace, self.inside = name, namespace, inside
        self.children = 0
        self.types: dict[str, int] | None = None
        self.steps = self.reach = 0
        """Steps of selectors that it takes itself, and that it or an ancestor of it takes."""
        self.matched: tuple[int, ...] = ()
        self.ending: Ending | None = None
        self.without_content = False


class OpenElements:
    """The stack of open elements, above the document itself."""

    def __init__(self) -> None:
        self._stack = [Open("", "html", "html")]
        self._count: dict[str, int] = {}

    @property
    def innermost(self) -> Open:
        """The element that what comes next is in."""
        return self._stack[-1]

    def push(self, element: Open) -> None:
        """Opens an element. Raises ValueError for more than MAX_OPEN at once."""
        if len(self._stack) > MAX_OPEN:
            raise ValueError(f"HTMLRewriter: more than {MAX_OPEN} elements are open at once")
        self._stack.append(element)
        self._count[element.name] = self._count.get(element.name, 0) + 1

    def pop(self) -> Open:
        """Ends the innermost element."""
        element = self._stack.pop()
        left = self._count[element.name] - 1
        if left:
            self._count[element.name] = left
        else:
            del self._count[element.name]
        return element

    def all(self) -> Iterator[Open]:
        """Ends all of them, the innermost first."""
        while len(self._stack) > 1:
            yield self.pop()

    def up_to(self, name: str) -> Iterator[Open]:
        """Ends the innermost element of that name, and those in it first; none where there is no such element."""
        if name not in self._count:
            return
        while True:
            element = self.pop()
            yield element
            if element.name == name:
                return

    def ended_by(self, tag: StartTag) -> Iterator[Open]:
        """Ends the foreign elements that this start tag cannot be in, such as an `<svg>` at a `<p>`."""
        if self.innermost.inside == "html":
            return
        if tag.name in _BACK_TO_HTML or (tag.name == "font" and tag.attributes.keys() & {"color", "face", "size"}):
            yield from self.foreign()

    def foreign(self) -> Iterator[Open]:
        """Ends elements until what comes next is HTML."""
        while self.innermost.inside != "html":
            yield self.pop()

    def made(self, tag: StartTag) -> Open:
        """The element of a start tag, not yet open."""
        name, parent = tag.name, self.innermost
        namespace = name if parent.inside == "html" and name in ("svg", "math") else parent.inside
        if name == "svg" and parent.name == "annotation-xml":
            namespace = "svg"
        inside = namespace
        if name in _HTML_INSIDE.get(namespace, ()):
            inside = "html"
        elif namespace == "math" and name == "annotation-xml":
            html = lowered(tag.attributes.get("encoding", "")) in ("text/html", "application/xhtml+xml")
            inside = "html" if html else "math"
        return Open(name, namespace, inside)


def has_content(element: Open, tag: StartTag) -> bool:
    """Whether anything can be in it: not in a void element of HTML, nor in one of SVG or MathML that ends with `/>`."""
    return element.name not in _VOID if element.namespace == "html" else not tag.self_closing
