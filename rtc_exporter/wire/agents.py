"""
What clients say of the browser and the system that they run in, without the header that says it best.
"""

import re

from rtc_exporter.wire.decoder import items, mapping

_BRAND = re.compile(r"[\w .+-]{1,32}", re.ASCII)
_GREASE = re.compile(r"not.{0,3}a?.{0,3}brand", re.I)
_VERSION = re.compile(r"\d{1,5}(\.\d{1,6}){0,3}", re.ASCII)


def agent(data: object) -> dict[str, str]:
    """
    Attributes from a ``NavigatorUAData`` (its JSON, or Chrome's bare list of brands).

    Browsers add a brand that does not exist, so that nobody relies on the list ("Not:A-Brand"), and
    ``Chromium`` beside the name of the product.
    """
    told = data if isinstance(data, dict) else {"brands": data}
    rows = [mapping(row) for row in items(told.get("brands")) if _is_brand(row)]
    real = {str(row["brand"]): str(row.get("version")) for row in rows}
    name = next((name for name in real if name != "Chromium"), next(iter(real), ""))
    found = {"user_agent.name": name}
    if _VERSION.fullmatch(real.get(name, "")):
        found["user_agent.version"] = real[name]
    platform = told.get("platform")
    if isinstance(platform, str) and _BRAND.fullmatch(platform):
        found["user_agent.os.name"] = platform
    return {attribute: value for attribute, value in found.items() if value}


def agent_of(parsed: object) -> dict[str, str]:
    """Attributes from what a parser of user agents made of one at the client: ``{browser, os}`` with names."""
    browser, system = mapping(mapping(parsed).get("browser")), mapping(mapping(parsed).get("os"))
    told = (
        ("user_agent.name", browser.get("name"), _BRAND),
        ("user_agent.version", browser.get("version"), _VERSION),
        ("user_agent.os.name", system.get("name"), _BRAND),
    )
    return {name: value for name, value, shape in told if isinstance(value, str) and shape.fullmatch(value)}


def _is_brand(row: object) -> bool:
    brand = mapping(row).get("brand")
    return isinstance(brand, str) and _BRAND.fullmatch(brand) is not None and _GREASE.search(brand) is None
