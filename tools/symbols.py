"""
Numbers that are not known yet: what is reckoned with them becomes an expression of Helm's templates.

A ``Symbol`` stands where a number stands.  Arithmetic gives another one, and text that it is put into holds a mark,
which ``fill`` replaces with the expression.  So the code that makes rules out of numbers makes templates of rules too,
and there is no second copy of any rule.
"""

import re
from typing import Any

from tools.slos import MOST, at_most

#: A mark in a text: plain ASCII, so that no writer of YAML quotes or breaks it.
MARK = re.compile(r"@@(\d+)@@")
#: How a number is written: specification of Python -> of Go.  Without one a number is written as it is.
FORMS = {":g": "%.6g", ":.0%": "%.0f%%", ":.1%": "%.1f%%"}
#: Expression -> the number of its mark.
_MARKS: dict[str, int] = {}


class Symbol:
    """A number with a value for now, and the expression that gives it later; whole numbers stay whole."""

    def __init__(self, value: float, expression: str) -> None:
        self.value = value
        self.expression = expression

    def __repr__(self) -> str:
        return f"Symbol({self.value!r}, {self.expression!r})"

    # ── arithmetic

    def _with(self, value: float, function: str, *operands: object) -> "Symbol":
        words = " ".join(told.expression if isinstance(told, Symbol) else repr(told) for told in operands)
        return Symbol(value, f"({function} {words})")

    def __mul__(self, other: float) -> "Symbol":
        is_whole = isinstance(self.value, int) and isinstance(other, int)
        return self._with(self.value * other, "mul" if is_whole else "mulf", self, other)

    __rmul__ = __mul__

    def __rsub__(self, other: float) -> "Symbol":
        return self._with(other - self.value, "subf", other, self)

    def __floordiv__(self, other: int) -> "Symbol":
        return self._with(self.value // other, "div", self, other)

    # ── what is asked of a default has to hold for every value that the schema of the chart allows

    def __lt__(self, other: float) -> bool:
        return self.value < other

    def __gt__(self, other: float) -> bool:
        return self.value > other

    # ── text

    def __format__(self, form: str) -> str:
        return self._mark(f":{form}" if form else "")

    def __str__(self) -> str:
        return self._mark("")

    def _mark(self, form: str) -> str:
        if form:
            number = f"(mulf {self.expression} 100)" if form.endswith("%") else f"(float64 {self.expression})"
            expression = f'{{{{ printf "{FORMS[form]}" {number} }}}}'
        elif isinstance(self.value, int):
            expression = f"{{{{ int64 {self.expression} }}}}"
        else:
            expression = f"{{{{ {self.expression} }}}}"
        return f"@@{_MARKS.setdefault(expression, len(_MARKS))}@@"


@at_most.register
def _(share: Symbol) -> Any:
    return Symbol(at_most(share.value), f"(round (minf {share.expression} {MOST}) 6)")


def fill(text: str) -> str:
    """The template: marks become expressions, and braces that were there stay as they are."""
    expressions = list(_MARKS)
    return MARK.sub(lambda found: expressions[int(found[1])], text.replace("{{", '{{ "{{" }}'))
