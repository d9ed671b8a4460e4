"""
More than fits: memory runs short, less is taken, and everything comes back by itself (R24).

The exporter is given a limit that is not far above what it takes empty.  Then come more clients than fit, with calls
and events among their reports.  New ones are refused, reports are dropped and events are counted; when the
crowd has gone everything is taken again, without anybody doing anything.
"""

import contextlib
import time

from benchmarks.load import Client, Recording, masked, recorded
from tests.hostile.kit import Exporter, Ledger, accepted, drops, exporter, main, total

#: An event that counts one.
EVENT = masked('["navigator.mediaDevices.ondevicechange",null,null,1]')
#: Seconds after which all must be as before.
BACK = 30.0
#: Room above what is taken by the empty process, in bytes.
ROOM = 60 << 20
#: Clients that connect, and then all begin to tell of their calls.
CROWD = 1500


class Guest(Client):
    """A client that knows what it has sent."""

    reports = 0
    events = 0
    #: Reports and events that the server has certainly read.
    known = (0, 0)


def come(running: Exporter, number: int, recording: Recording) -> Guest | None:
    """One client that has said nothing yet; None when it is refused."""
    guest = Guest(running.ingest, 0, recording.reports)
    guest.socket.setblocking(True)
    guest.socket.settimeout(30)
    lines = (
        f"GET /?session=s{number // 4}&participant=p{number} HTTP/1.1", "Host: a", "Connection: Upgrade",
        "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: rtcstats#5.0", "", "",
    )  # fmt: skip
    guest.socket.sendall("\r\n".join(lines).encode())
    with contextlib.suppress(OSError):
        while not guest.is_open:
            if not guest.hear():
                break
        if exchange(guest, 0, 0):
            return guest
    guest.socket.close()
    return None


def exchange(guest: Guest, reports: int, events: int) -> bool:
    """Send, and wait until the server has read it; False when it has closed meanwhile."""
    try:
        for _ in range(reports):
            if guest.next >= len(guest._frames):
                break  # the call is over, and its client stays
            guest.socket.sendall(guest._frames[guest.next])
            guest.next += 1
            guest.reports += 1
        for _ in range(events):
            guest.socket.sendall(EVENT)
            guest.events += 1
        guest.awaits_pong = True
        guest.socket.sendall(b"\x89\x80\0\0\0\0")
        while guest.awaits_pong:
            if not guest.hear():
                return False
    except OSError:
        return False
    guest.known = (guest.reports, guest.events)
    return True


def run(is_long: bool = False) -> Ledger:
    """A minute of it, as the goal has it; in CI twenty seconds."""
    ledger = Ledger("overload: memory runs short, and comes back")
    recording = recorded("healthy-cr.p1")
    with exporter() as empty:
        time.sleep(2)
        limit = int((empty.child.resident + ROOM) / 0.85)
    with exporter("--memory.limit", str(limit)) as running:
        seconds = 60.0 if is_long else 25.0
        guests: list[Guest] = []
        gone: list[Guest] = []
        stages: set[int] = set()
        refused = number = 0
        end = time.monotonic() + seconds
        base = total(running.metrics(), "rtc_device_changes_total")
        for number in range(CROWD):
            guest = come(running, number, recording)
            assert guest is not None, "there is room as long as nobody says anything"
            guests.append(guest)
        waiting = list(guests)
        while time.monotonic() < end:
            for guest in waiting[:100]:
                with contextlib.suppress(OSError):
                    guest.socket.sendall(b"".join(recording.events))
            waiting = waiting[100:]
            for guest in list(guests):
                if guest not in waiting and not exchange(guest, 1, 1):
                    guests.remove(guest)
                    gone.append(guest)
            number += 1
            stranger = come(running, number, recording)
            refused += stranger is None
            if stranger is not None:
                guests.append(stranger)
            stages.add(int(running.metrics("self")["rtc_exporter_memory_stage"]))
        full = running.metrics()
        for guest in list(guests):
            if not exchange(guest, 0, 0):
                guests.remove(guest)
                gone.append(guest)
        for guest in guests:
            guest.socket.close()
        left = time.monotonic()
        while int(running.metrics("self")["rtc_exporter_memory_stage"]) and time.monotonic() - left < 2 * BACK:
            time.sleep(0.5)
        back = time.monotonic() - left
        again = come(running, number + 1, recording)
        fine = again is not None
        after = running.metrics()
    everybody = [*guests, *gone, *([again] if again else [])]
    for guest in everybody:
        guest.socket.close()
    sent = sum(guest.reports for guest in everybody)
    dropped = drops(after)
    shed = int(total(after, "rtc_exporter_memory_shed_total", '"report"'))
    closed = int(total(after, "rtc_exporter_memory_shed_total", '"heaviest"'))
    turned_away = int(total(after, "rtc_exporter_memory_shed_total", '"connection"'))
    others = sum(count for name, count in dropped.items() if name in ("duplicate", "out_of_order"))
    # What a client wrote to a connection that was being closed was not read.
    unread = sum(guest.reports - guest.known[0] for guest in gone)
    counted = accepted(after)
    missing = sent - counted - shed - others
    ledger.account(
        "reports", sent, counted=counted, shed=shed, dropped_otherwise=others, to_a_closed_connection=missing
    )
    ledger.claim(
        "what is missing was on its way to clients that were closed", 0 <= missing <= unread, f"{missing} of {unread}"
    )
    events = sum(guest.events for guest in everybody)
    unread_events = sum(guest.events - guest.known[1] for guest in gone)
    found = int(total(after, "rtc_device_changes_total") - base)
    ledger.account("events", events, counted=found, to_a_closed_connection=events - found)
    ledger.claim("no event was shed", 0 <= events - found <= unread_events, f"{events - found} of {unread_events}")
    ledger.account("clients that are refused", refused, refused=turned_away)
    # Who is so many that this program comes back to it after 40 s only has not answered a ping, and is cut off as dead.
    silent = sum(guest.close_code != 1013 for guest in gone)
    ledger.account("clients that are gone", len(gone), closed=closed, silent=silent)
    ledger.claim("reports were shed", shed > 0, shed)
    ledger.claim("new clients were refused", refused > 0, refused)
    ledger.claim("the stages are shown", len(stages) > 1, sorted(stages))
    used = full["rtc_exporter_memory_usage_bytes"]
    ledger.claim("memory stayed below the limit", used < limit, f"{used / 2**20:.0f} of {limit / 2**20:.0f} MiB")
    ledger.claim("all is taken again", fine and not int(after["rtc_exporter_memory_stage"]))
    ledger.measure("until all is taken again", back, BACK, "s")
    return ledger


if __name__ == "__main__":
    main(run)
