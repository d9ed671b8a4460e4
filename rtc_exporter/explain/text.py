"""The verdict in plain sentences, for a terminal, a ticket or a mail; and the sentences for other pages."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rtc_exporter.draw.axes import NEAR, clock, length, written
from rtc_exporter.explain import words
from rtc_exporter.explain.findings import Finding, Story
from rtc_exporter.quality import CLASSES
from rtc_exporter.recorder import Found
from rtc_exporter.rules import NO_MEDIA, RULES
from rtc_exporter.rules.rule import INFO
from rtc_exporter.summary import ConnectionSummary
from rtc_exporter.verdict import GRAVITY

#: Columns; and those of the bar of classes.
WIDTH, BAR = 100, 60
#: Class -> how high it stands in the bar: the worse, the higher.
RISES = {"good": "▁", "fair": "▃", "poor": "▅", "bad": "█", "unclassified": "·"}
#: An issue that begins or ends this far from the edges of its story is told with its own times.
INSIDE = 8.0
#: Pieces of advice in one paragraph.
ADVICE = 2
#: Issues that somebody notices; of the others nobody asks whether they could have been seen.
_NOTICED = frozenset(rule.name for rule in RULES if rule.severity != INFO)


def render(findings: Sequence[Finding], day: str = "") -> str:
    """All of it, session by session; ``day`` says when, where that is known."""
    sessions: dict[str, list[Finding]] = {}
    for finding in findings:
        sessions.setdefault(finding.summary.session, []).append(finding)
    lines = "\n\n".join("\n".join(_session(name, several, day)) for name, several in sessions.items())
    return lines.replace(NEAR, " ")


def title(name: str, findings: Sequence[Finding], day: str = "") -> str:
    """Which session, when, for how long, and who."""
    begin, end = min(one.summary.start for one in findings), max(one.end for one in findings)
    names = {one.summary.participant for one in findings}
    when = f"{day} {clock(begin)} to {clock(end)} UTC ({length(end - begin)})".lstrip()
    if len(names) == 1:
        return f"session {words.plain(name)}, participant {words.plain(*names)}: {when}"
    return f"session {words.plain(name)}: {when}, participants: {len(names)}"


def _session(name: str, findings: Sequence[Finding], day: str) -> Iterator[str]:
    yield from _wrapped(title(name, findings, day), "", "  ")
    for finding in findings:
        yield ""
        yield from _participant(finding)


def _participant(finding: Finding) -> Iterator[str]:
    summary = finding.summary
    stay = f"{clock(summary.start)} to {clock(finding.end)}"
    head = f"{words.plain(summary.participant)}: {verdict(finding)}"
    yield from _wrapped(head, "", "  ")
    yield from _wrapped(f"{client(finding)}, here from {stay}", "  ", "    ")
    for connection in summary.peer_connections:
        yield from _wrapped(connected(connection), "  ", "    ")
    if finding.stretches:
        yield f"  {bar(finding, BAR)}".rstrip()
        yield f"  {spent(finding)}"
    for story in finding.stories:
        when = f"{clock(story.begin)} to {clock(story.end)}" if story.end - story.begin >= 1 else clock(story.begin)
        yield ""
        yield f"  {when}  {story.side}, {story.severity}"
        yield from _wrapped(told(story), "    ", "    ")
        for piece in advice(story):
            yield from _wrapped(f"> {piece}", "    ", "      ")
    rest = [line for line in (errors(finding), noted(finding), unknown(finding)) if line]
    if rest:
        yield ""
        for line in rest:
            yield from _wrapped(line, "  ", "    ")


# ── sentences


def verdict(finding: Finding) -> str:
    """Class, score and the gravest story, in a line."""
    score = "" if finding.score is None else f", score {finding.score:.1f}"
    worst = min(finding.stories, key=lambda story: (-GRAVITY[story.severity], story.begin), default=None)
    if finding.outcome:
        why = words.upper(words.OUTCOMES[finding.outcome]) + "."
    elif not finding.summary.peer_connections:
        why = "No call was made."
    elif worst is not None:
        lasted = f"for {length(worst.end - worst.begin)} from" if worst.end - worst.begin >= 1 else "at"
        causes = [found.episode for found in worst.found if not words.is_symptom(found.episode)]
        first = min(causes or [found.episode for found in worst.found], key=lambda one: -GRAVITY[one.severity])
        why = f"{words.upper(_who(worst.side))} {lasted} {clock(worst.begin)}: {words.said(first)}."
    else:
        weakest = words.PARTS.get(finding.weakest, "") if finding.quality in ("fair", "poor", "bad") else ""
        why = words.CLASSES[finding.quality] + (f" The weakest was {weakest}." if weakest else "")
        why += " But something failed." if finding.summary.errors else ""
    return f"{finding.quality.upper()}{score}. {why}"


def _who(side: str) -> str:
    """Whose trouble it is."""
    return {
        "device": "trouble with the device", "network": "trouble with the network", "user": "a choice of the user",
        "infrastructure": "trouble with the infrastructure", "application": "trouble with the application",
        "peer": "trouble on the other side",
    }.get(side, "trouble whose reason is not known")  # fmt: skip


def client(finding: Finding) -> str:
    """Browser and system, application, country and network, as far as they are known."""
    about = finding.about
    app = " ".join(about[name] for name in ("rtc.app.name", "rtc.app.version") if name in about)
    where = (about.get(name, "") for name in ("geo.country.iso_code", "rtc.client.as", "network.connection.type"))
    parts = (finding.summary.client or "unknown client", app, *where)
    return ", ".join(words.plain(part) for part in parts if part and part != "unknown")


def codecs(connection: ConnectionSummary) -> str:
    """What it received and sent; empty where nobody knows."""
    several = (("received", connection.codecs_in), ("sent", connection.codecs_out))
    told = [f"{what} {words.listed(list(names))}" for what, names in several if names]
    return ", ".join(told)


def connected(connection: ConnectionSummary) -> str:
    """A peer connection: what became of it, over which path."""
    outcome = connection.outcome or ""
    said = words.OUTCOMES.get(outcome, f"state {connection.state}")
    if connection.path:
        said += f" over {connection.path}"
    if outcome == "connected" and connection.state not in ("connected", "closed"):
        said += f", then {connection.state}"
    return f"{words.plain(connection.peer_connection)} {said}"


def bar(finding: Finding, width: int) -> str:
    """The classes over time as a line of letters: the worst in each piece of it."""
    start, seconds = finding.summary.start, max(finding.summary.duration, 1e-3)
    drawn = [" "] * width
    order = " ·▁▃▅█"
    for stretch in finding.stretches:
        left = int((stretch.begin - start) / seconds * width)
        right = max(left + 1, round((stretch.end - start) / seconds * width))
        for place in range(max(left, 0), min(right, width)):
            drawn[place] = max(drawn[place], RISES[stretch.quality], key=order.index)
    return "".join(drawn)


def spent(finding: Finding) -> str:
    """Seconds of each class."""
    seconds = dict.fromkeys(CLASSES, 0.0)
    for stretch in finding.stretches:
        seconds[stretch.quality] += stretch.end - stretch.begin
    return ", ".join(f"{name} {length(amount)}" for name, amount in seconds.items() if amount >= 0.5)


def told(story: Story) -> str:
    """What happened, causes first: ``Packets were lost on the way here (audio up to 12 %), so video stood still.``"""
    causes = _phrases([found for found in story.found if not words.is_symptom(found.episode)], story)
    symptoms = _phrases([found for found in story.found if words.is_symptom(found.episode)], story)
    worst = _worst(story)
    if causes and symptoms:
        return words.upper(f"{words.listed(causes)}; so {words.listed(symptoms)}.{worst}")
    names = {found.episode.rule.name for found in story.found}
    why = sorted(
        {words.because(found.episode.cause) for found in story.found if found.episode.cause not in names} - {""}
    )
    end = f", while {words.listed(why)}" if why else ""
    return words.upper(f"{words.listed(causes or symptoms)}{end}.{worst}")


def _worst(story: Story) -> str:
    """When it was worst: the measured issue that was furthest above its bound."""
    measured = [found for found in story.found if words.value(found.episode) and found.episode.rule.on > 0]
    if not measured or story.end - story.begin < INSIDE:
        return ""
    worst = max(measured, key=lambda found: found.episode.worst / found.episode.rule.on)
    return f" It was worst at {clock(worst.worst_time)}."


def _phrases(several: Sequence[Found], story: Story) -> list[str]:
    """One phrase for each thing that happened, with the worst of it."""
    grouped: dict[str, list[Found]] = {}
    for found in several:
        grouped.setdefault(words.said(found.episode), []).append(found)
    phrases = []
    for said, group in grouped.items():
        parts: dict[str, Found] = {}
        for found in group:
            kind = found.episode.rule.kind
            if kind not in parts or found.episode.worst > parts[kind].episode.worst:
                parts[kind] = found
        values = [
            f"{kind} {value}" if kind and len(parts) > 1 else value
            for kind, found in parts.items()
            if (value := words.value(found.episode))
        ]
        begin, end = min(found.begin for found in group), max(found.end for found in group)
        if begin - story.begin > INSIDE or story.end - end > INSIDE:
            values.append(f"{clock(begin)} to {clock(end)}" if end - begin >= 1 else f"at {clock(begin)}")
        phrases.append(f"{said} ({', '.join(values)})" if values else said)
    return phrases


def advice(story: Story) -> list[str]:
    """What to do, of the gravest of the issues that are causes; the longest first."""
    causes = [found for found in story.found if not words.is_symptom(found.episode)] or list(story.found)
    most = max(GRAVITY[found.episode.severity] for found in causes)
    causes = [found for found in causes if GRAVITY[found.episode.severity] == most]
    causes.sort(key=lambda found: found.begin - found.end)
    return list(dict.fromkeys(found.episode.rule.issue.advice for found in causes))[:ADVICE]


def errors(finding: Finding) -> str:
    """What failed, in the words of the API."""
    failed = [f"{words.plain(text)} ×{number}" if number > 1 else words.plain(text)
              for text, number in finding.summary.errors.items()]  # fmt: skip
    return f"Failed: {', '.join(failed)}." if failed else ""


def noted(finding: Finding) -> str:
    """What is worth knowing, in a few words each."""
    grouped: dict[tuple[str, str], list[Found]] = {}
    for found in finding.notes:
        grouped.setdefault((words.said(found.episode), found.episode.side), []).append(found)
    parts = []
    for (said, side), group in grouped.items():
        when = clock(group[0].begin) + (f" and {len(group) - 1} more" if len(group) > 1 else "")
        parts.append(f"{said} ({side}, {when})")
    return f"Also: {', '.join(parts)}." if parts else ""


def unknown(finding: Finding) -> str:
    """What nobody could have seen, which is not the same as well."""
    if not finding.cannot_judge or finding.outcome:
        return ""
    names = ", ".join(name.replace("_", " ") for name in finding.cannot_judge if name in _NOTICED)
    return f"Not enough was reported to judge: {names}." if names else ""


def facts(found: Found) -> str:
    """Worst value beside its bound, and what was measured beside it, for a table."""
    episode, rule = found.episode, found.episode.rule
    value = words.value(episode)
    parts = [f"{value}, counts from {written(rule.on, rule.unit)}"] if value else []
    if episode.cause and rule.name != NO_MEDIA.name:
        parts.append(words.because(episode.cause))
    return "; ".join(parts) or rule.help.removesuffix(".")


def _wrapped(line: str, first: str, later: str) -> list[str]:
    return wrap(line, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
