"""
What it costs to look sessions up, and to remember what can be looked up: processor time, in process.

As many sessions as are kept have ended, and ``--sessions`` are live, two participants each, with half a minute of a
call that goes badly.  The same reports go through a pipeline that nobody listens to, for comparison.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from statistics import median

import orjson
from rich.console import Console
from rich.table import Table

from rtc_exporter.choices import Keep
from rtc_exporter.history import Archive
from rtc_exporter.lookup import Lookup
from rtc_exporter.model import Left, ParticipantKey, Record
from rtc_exporter.pages import api, listing, views
from rtc_exporter.pages.listing import Asked
from rtc_exporter.pages.shell import Links
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.wire.rtcstats import Decoder
from tests.captures import Frame, frames

#: Seconds of the recording that are played: the first twenty with packets lost are in it.
PLAYED = 30.0
#: Seconds of processor time that a list of 2,000 live participants may take.
GOAL = 0.15
#: Sessions that have ended: as many as are kept by default.
ENDED = Keep().sessions


def recorded(name: str) -> list[Frame]:
    """The beginning of a recording."""
    whole = frames(name)
    return [frame for frame in whole if frame.time - whole[0].time < PLAYED]


RECORDINGS = {"ann": recorded("degraded-cr.p1.frames"), "bob": recorded("degraded-cr.p2.frames")}


def told(session: str, participant: str, recording: Iterable[Frame]) -> list[tuple[float, Record]]:
    """What one client tells, and when."""
    decoder = Decoder(ParticipantKey(session, participant))
    return [(frame.time, record) for frame in recording for record in decoder.receive(frame.text, frame.time)]


def play(pipelines: Iterable[Pipeline], sessions: Iterable[str], *, leave: bool = False) -> list[float]:
    """A call in each session, into each pipeline; processor seconds of each, decoding left out."""
    spent = [0.0 for _ in pipelines]
    for session in sessions:
        for participant, recording in RECORDINGS.items():
            for place, pipeline in enumerate(pipelines):
                records = told(session, participant, recording)
                began = time.process_time()
                for at, record in records:
                    pipeline.feed(record, at)
                spent[place] += time.process_time() - began
                if leave:
                    pipeline.feed(Left(ParticipantKey(session, participant), records[-1][0], "closed"), records[-1][0])
    return spent


def took(what: Callable[[], object]) -> float:
    """Median processor time of a few."""
    times = []
    for _ in range(7):
        began = time.process_time()
        what()
        times.append(time.process_time() - began)
    return median(times)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure what it costs to look sessions up, and to remember them.")
    parser.add_argument("--sessions", type=int, default=1000, help="live sessions of two (default: %(default)s)")
    args = parser.parse_args()
    began = min(recording[0].time for recording in RECORDINGS.values())
    archive = Archive(Keep())
    listened, alone = (
        Pipeline(PipelineSettings(), began, listener) for listener in (archive.listener(), None)
    )  # fmt: skip
    play([listened], [f"ended-{number}" for number in range(ENDED)], leave=True)
    spent = play([listened, alone], [f"live-{number}" for number in range(args.sessions)])
    now = max(recording[-1].time for recording in RECORDINGS.values())
    archive.tick({"": listened.sessions}, now)
    lookup = Lookup(archive, lambda: {"": listened.sessions})

    def listed(state: str) -> object:
        return listing.render(lookup.rows(now, state=state), Asked(state=state), now)

    def view() -> object:
        found = lookup.view("", "live-0", now)
        assert found is not None
        return views.session(found, Links(), now)

    def person() -> object:
        found = lookup.view("", "live-0", now)
        assert found is not None
        return views.participant(found, "ann", Links(), now)

    table = Table(title=f"{2 * args.sessions} live participants, {archive.ended} sessions that ended")
    for head in ("what", "processor time", "goal"):
        table.add_column(head)
    for name, what in (
        ("list of live sessions, page", lambda: listed("live")),
        ("list of all sessions, page", lambda: listed("all")),
        ("the same as JSON", lambda: orjson.dumps(api.listing(lookup.rows(now), Asked()))),
        ("a session, page", view), ("a participant, page", person),
    ):  # fmt: skip
        table.add_row(name, f"{took(what) * 1000:.1f} ms", f"{GOAL * 1000:.0f} ms" if "list" in name else "")
    table.add_row("remembering, of the pipeline's time", f"{100 * (spent[0] / spent[1] - 1):+.1f} %", "")
    table.add_row("remembered", f"{archive.held / 2**20:.1f} MiB", f"{archive.keep.memory / 2**20:.0f} MiB")
    Console().print(table)


if __name__ == "__main__":
    main()
