"""
SIGTERM with many clients that go on sending, one request that never ends, a balancer that asks and a scraper (R14).

Every report that a client wrote before it heard of the close is counted, all are told to come back (1012), and the
process ends with status 0.
"""

import contextlib
import http.client
import signal
import socket
import threading
import time

from benchmarks import children
from benchmarks.load import Client, Load, recorded
from tests.hostile.kit import Exporter, Ledger, accepted, drops, exporter, main, parse, total

#: Seconds that are promised: not ready, all closed, gone.
UNREADY, CLOSED, GONE = 1.0, 15.0, 25.0
#: Reports of each client a second.
RATE = 0.5


class Crowd(Load):
    """Clients that send until they are told to go."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.codes: dict[int, int] = {}
        self.last_close = 0.0

    def send_until_closed(self, seconds: float, began: threading.Event) -> None:
        """Each sends at its rate, hears what the server says, and answers a close with a close."""
        pace = len(self._clients) * RATE
        start = time.monotonic()
        sent = 0
        open_clients = list(self._clients)
        until = start + seconds
        while open_clients and time.monotonic() < until:
            for fd, _ in self._poll.poll(0.005, 1024):
                client = self._by_socket[fd]
                if not client.hear():
                    self._leave(client)
            open_clients = [client for client in open_clients if client.socket.fileno() >= 0]
            while open_clients and sent < (time.monotonic() - start) * pace:
                client = open_clients[sent % len(open_clients)]
                sent += 1
                if client.pending:
                    client.flush()
                elif client.next < len(self._recording.reports):
                    client.report()
                    self.reports += 1
            if sent > pace:
                began.set()
        for client in open_clients:
            self._leave(client)

    def _leave(self, client: Client) -> None:
        self.codes[client.close_code] = self.codes.get(client.close_code, 0) + 1
        self.last_close = time.monotonic()
        self._poll.unregister(client.socket)
        with contextlib.suppress(OSError):
            client.socket.setblocking(True)
            client.socket.settimeout(5)
            # What did not fit yet was written before the close was heard of.
            client.socket.sendall(bytes(client.pending) + b"\x88\x82\0\0\0\0\x03\xf4")
        client.socket.close()


class Onlooker(threading.Thread):
    """A balancer and a scraper: asks until nobody answers."""

    def __init__(self, running: Exporter) -> None:
        super().__init__(daemon=True)
        self._running = running
        self.unready = 0.0
        self.last: dict[str, float] = {}

    def run(self) -> None:
        next_scrape = 0.0
        while True:
            try:
                connection = http.client.HTTPConnection(*self._running.admin, timeout=30)
                connection.request("GET", "/-/ready")
                if connection.getresponse().status == 503 and not self.unready:
                    self.unready = time.monotonic()
                connection.close()
                if time.monotonic() >= next_scrape:
                    self.last = parse(children.scrape(self._running.admin, children.TEXT).body.decode())
                    next_scrape = time.monotonic() + 1.0
            except (OSError, http.client.HTTPException):
                return
            time.sleep(0.1)


def run(is_long: bool = False) -> Ledger:
    """2,000 clients, as the goal has it; in CI 500."""
    ledger = Ledger("drain: SIGTERM while clients send")
    number = 2000 if is_long else 500
    with exporter() as running, Crowd(running.ingest, number, recorded()) as crowd:
        crowd.open()
        crowd.begin()
        stuck = socket.create_connection(running.ingest)
        stuck.sendall(b"POST /v1/reports HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{")
        onlooker = Onlooker(running)
        onlooker.start()
        under_way = threading.Event()
        sender = threading.Thread(target=crowd.send_until_closed, args=(40.0, under_way))
        sender.start()
        under_way.wait(20)
        began = time.monotonic()
        running.kill(signal.SIGTERM)
        sender.join()
        status = running.process.wait(60)
        gone = time.monotonic() - began
        onlooker.join()
        stuck.close()
        log = running.log
    dropped = drops(onlooker.last)
    ledger.account("reports", crowd.reports, counted=accepted(onlooker.last), **dropped)
    ledger.claim("all were closed with 1012", crowd.codes == {1012: number}, crowd.codes)
    ledger.claim("it said that it is not ready", began < onlooker.unready)
    ledger.measure("not ready", onlooker.unready - began, UNREADY, "s")
    ledger.measure("all closed", crowd.last_close - began, CLOSED, "s")
    ledger.measure("gone, with a request that never ends", gone, GONE, "s")
    ledger.claim("status 0", status == 0, status)
    left = total(onlooker.last, "rtc_participant_leaves_total")
    ledger.claim("everybody has left and was counted", left == number, left)
    ledger.claim("the log has no fault", "internal error" not in log and "Traceback" not in log)
    return ledger


if __name__ == "__main__":
    main(run)
