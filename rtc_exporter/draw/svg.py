"""Elements of HTML and SVG as text: the one place where anything is escaped."""

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

#: Of an attribute; None leaves it out, True gives it without a value.
Value: TypeAlias = str | int | float | bool | None

#: Characters that XML and HTML have no place for; whoever sends them means harm.
_GONE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), "�")
#: Those that turn the direction of what follows, and so of what is not theirs (Unicode 9, bidirectional controls).
_GONE |= dict.fromkeys((*range(8234, 8239), *range(8294, 8298)), "�")
#: Elements without a content or an end.
_VOID = frozenset(("meta", "link", "br", "wbr"))


class Markup(str):
    """Text that is markup already; everything else is escaped."""

    __slots__ = ()


def text(words: str) -> Markup:
    """Somebody's words, as text and never as markup."""
    return Markup(escape(words.translate(_GONE), quote=True))


def number(value: float) -> str:
    """A coordinate: two digits after the point are a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def share(value: float) -> str:
    """A place between the left (0) and the right (1)."""
    return f"{number(100 * min(max(value, 0.0), 1.0))}%"


def tag(name: str, /, *content: str, **attributes: Value) -> Markup:
    """
    An element.

    An underscore stands for a hyphen in the names of attributes, and one at the end is left out (``class_``).
    """
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{join(content)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """Several pieces, those that are not markup escaped."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    # The names of SVG have capitals, and those of HTML and ARIA hyphens.
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    written = number(value) if isinstance(value, float) else str(value)
    return f' {name}="{text(written)}"'
