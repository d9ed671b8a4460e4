"""
What a User-Agent header says about browser and system.

ua-parser knows the headers; this module picks the names that make good label values: few, and without
what another attribute says already.  Chrome on Android is ``Chrome`` on ``Android``; on iOS every browser
is WebKit inside, so there the name keeps the system: ``Chrome iOS``.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from ua_parser import parse as read

#: Real headers end at about 250 characters; regular expressions do not get to see more than this.
LENGTH = 512

#: ua-parser's family -> our name.  What is not listed keeps its name, without "Mobile".
BROWSERS = {
    "HeadlessChrome": "Chrome",
    "Chromium": "Chrome",
    "Chrome Mobile iOS": "Chrome iOS",
    "Chrome Mobile WebView": "Chrome WebView",
    "Mobile Safari UI/WKWebView": "WKWebView",
}
#: Brands of the Client Hints (``navigator.userAgentData``) -> the names that the header gives.
BRANDS = {"Google Chrome": "Chrome", "Chromium": "Chrome", "HeadlessChrome": "Chrome", "Microsoft Edge": "Edge"}
SYSTEMS = {"Mac OS X": "macOS", "Ubuntu": "Linux", "Debian": "Linux", "Fedora": "Linux", "Red Hat": "Linux"}


def parse(user_agent: str) -> dict[str, str]:
    """The attributes that the header names; none for a client that is no browser we know."""
    return dict(_parse(user_agent[:LENGTH]))


def refine(attributes: Mapping[str, str]) -> dict[str, str]:
    """What a client told about itself, in the names of this module; a header says more than Client Hints."""
    found = {**attributes, **parse(attributes.get("user_agent.original", ""))}
    for name, names in (("user_agent.name", BRANDS), ("user_agent.os.name", SYSTEMS)):
        if name in found:
            found[name] = names.get(found[name], found[name])
    return found


@lru_cache(maxsize=1024)
def _parse(user_agent: str) -> tuple[tuple[str, str], ...]:
    result = read(user_agent)
    attributes = []
    if browser := result.user_agent:
        attributes.append(("user_agent.name", _name(browser.family)))
        if browser.major:
            attributes.append(("user_agent.version", browser.major))
    if system := result.os:
        attributes.append(("user_agent.os.name", SYSTEMS.get(system.family, system.family)))
    return tuple(attributes)


def _name(family: str) -> str:
    return BROWSERS.get(family) or re.sub(r"^Mobile | Mobile\b", "", family)
