"""Events: kept through crashes, full disks and damage, and handed over to each sink until it has them."""

import base64
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import numpy as np
import pytest
from made_events import event

from lepton_edge_runtime.errors import MissingExtraError, OutboxError, SinkError, SinkRefusedError
from lepton_edge_runtime.events import Delivery, Outbox, Thing, decode_event, new_id
from lepton_edge_runtime.events.sinks.callback import CallbackSink
from lepton_edge_runtime.events.sinks.lines import LinesSink
from lepton_edge_runtime.events.sinks.webhook import SIGNATURE_HEADER, WebhookSink, is_signed, sign
from lepton_edge_runtime.urls import Url

BAD_THING = Thing(track_id=1, label="person", score=float("nan"), box=(0.0, 0.0, 1.0, 1.0))


def ids(messages):
    return [decode_event(message.content).id for message in messages]


def test_ids_sort_by_their_time_and_are_all_different():
    made = [new_id(milliseconds) for milliseconds in range(1_700_000_000_000, 1_700_000_000_500)]
    assert sorted(made) == made
    assert len({new_id(1_700_000_000_000) for _ in range(1000)}) == 1000
    assert all(re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", one) for one in made)
    # The time part of the specification's example, 01ARZ3NDEKTSV4RRFFQ69G5FAV.
    assert new_id(1469922850259)[:10] == "01ARZ3NDEK"


def test_a_message_is_what_was_put():
    told = event("a", 2, "update")
    assert decode_event(told.encode()) == told
    assert json.loads(told.encode())["things"][0]["box"] == [1.0, 2.0, 3.0, 4.0]


def test_each_sink_has_a_place_of_its_own(tmp_path):
    with Outbox(tmp_path / "events.db", ("one", "other")) as outbox:
        for name in "abc":
            outbox.put(event(name))
        assert ids(outbox.pending("one")) == ids(outbox.pending("other")) == ["a", "b", "c"]
        outbox.delivered("one", outbox.pending("one")[1].place)
        assert ids(outbox.pending("one")) == ["c"]
        assert ids(outbox.pending("other", most=2)) == ["a", "b"]
        assert outbox.counts() == {"one": (1, 0), "other": (3, 0)}


def test_places_outlive_the_process_and_new_sinks_begin_with_the_next(tmp_path):
    path = tmp_path / "events.db"
    with Outbox(path, ("one",)) as outbox:
        outbox.put(event("a"))
        outbox.put(event("b"))
        outbox.delivered("one", outbox.pending("one")[0].place)
    with Outbox(path, ("one", "new")) as outbox:
        assert ids(outbox.pending("one")) == ["b"]
        assert outbox.pending("new") == []
        outbox.put(event("c"))
        assert ids(outbox.pending("new")) == ["c"]
    with Outbox(path, ("new",)) as outbox:
        assert outbox.counts() == {"new": (1, 0)}


def test_the_same_message_is_kept_once(tmp_path):
    with Outbox(tmp_path / "events.db", ("one",)) as outbox:
        for _ in range(3):
            outbox.put(event("a"))
        assert ids(outbox.pending("one")) == ["a"]


def test_what_every_sink_has_goes_but_for_what_is_needed_to_end_an_event(tmp_path):
    with Outbox(tmp_path / "events.db", ("one", "other")) as outbox:
        for one in (event("a"), event("a", 1, "end"), event("b"), event("b", 1, "update")):
            outbox.put(one)
        for sink in ("one", "other"):
            assert outbox.sweep() == 0
            outbox.delivered(sink, outbox.pending(sink)[-1].place)
        assert outbox.sweep() == 3
        assert [(one.id, one.serial) for one in outbox.open_events()] == [("b", 1)]


def test_too_much_and_too_old_go_and_are_counted_for_those_who_miss_them(tmp_path):
    length = len(event("a").encode())
    with Outbox(tmp_path / "events.db", ("one", "other"), megabytes=3.5 * length / (1 << 20)) as outbox:
        for name in "abcdef":
            outbox.put(event(name))
        outbox.delivered("one", outbox.pending("one")[4].place)
        assert outbox.sweep() == 3
        assert outbox.counts() == {"one": (1, 0), "other": (3, 3)}
        assert ids(outbox.pending("other")) == ["d", "e", "f"]
    with Outbox(tmp_path / "old.db", ("one",), days=1) as outbox:
        outbox.put(event("a", state="end", at=datetime.now(UTC) - timedelta(days=2)))
        outbox.put(event("b"))
        assert outbox.sweep() == 1
        assert (ids(outbox.pending("one")), outbox.counts()) == (["b"], {"one": (1, 1)})


def test_a_clock_that_was_not_set_makes_nothing_old_and_what_goes_on_is_kept(tmp_path):
    with Outbox(tmp_path / "old.db", ("one",), days=1) as outbox:
        outbox.put(event("a", state="end"))
        outbox.put(event("b", state="end", at=datetime.fromtimestamp(60, UTC)))
        outbox.put(event("c", state="end"))
        outbox.put(event("parked", at=datetime.now(UTC) - timedelta(days=30)))
        assert outbox.sweep() == 0
        outbox.delivered("one", outbox.pending("one")[-1].place)
        assert outbox.sweep() == 3
        assert [one.id for one in outbox.open_events()] == ["parked"]


@pytest.mark.parametrize("what", [{"camera": "\ud800"}, {"serial": np.int64(3)}, {"things": (BAD_THING,)}])
def test_an_event_that_cannot_be_told_holds_up_no_other(tmp_path, what):
    with Outbox(tmp_path / "events.db", ("one",)) as outbox:
        with pytest.raises((ValueError, TypeError)):
            outbox.put(msgspec.structs.replace(event("bad"), **what))
        outbox.put(event("good"))
        assert ids(outbox.pending("one")) == ["good"]


def test_an_outbox_is_open_once_and_knows_its_sinks(tmp_path):
    with Outbox(tmp_path / "events.db", ("one",)) as outbox:
        with pytest.raises(OutboxError, match="is open already"):
            Outbox(tmp_path / "events.db", ("other",))
        with pytest.raises(ValueError, match="no sink 'onw'; it has: one"):
            outbox.pending("onw")
    Outbox(tmp_path / "events.db", ("other",)).close()


def test_what_waits_in_memory_goes_when_there_is_room_or_is_counted(tmp_path, caplog):
    outbox = Outbox(tmp_path / "events.db", ("one",))
    outbox.put(event("a"))
    full = outbox._base.execute("PRAGMA page_count").fetchone()[0]
    outbox._base.execute(f"PRAGMA max_page_count = {full}")
    refused = 0
    for number in range(60):
        try:
            outbox.put(event(f"n{number}"))
        except OutboxError:
            refused += 1
    assert refused > 0
    outbox._base.execute("PRAGMA max_page_count = 100000")
    outbox.sweep()
    assert len(outbox.pending("one", 100)) == 61
    full = outbox._base.execute("PRAGMA page_count").fetchone()[0]
    outbox._base.execute(f"PRAGMA max_page_count = {full}")
    for number in range(60):
        with suppress(OutboxError):
            outbox.put(event(f"m{number}"))
    outbox.close()
    assert outbox.kept_out > 0
    assert "found no place on the disk" in caplog.text


def test_a_full_disk_is_said_and_what_waits_goes_first_once_there_is_room(tmp_path):
    with Outbox(tmp_path / "events.db", ("one",)) as outbox:
        outbox.put(event("a"))
        pages = outbox._base.execute("PRAGMA page_count").fetchone()[0]
        outbox._base.execute(f"PRAGMA max_page_count = {pages}")
        refused = []
        for number in range(200):
            try:
                outbox.put(event(f"n{number}"))
            except OutboxError as problem:
                refused.append(str(problem))
        assert "full" in refused[0]
        outbox._base.execute("PRAGMA max_page_count = 1000000")
        outbox.put(event("last"))
        assert ids(outbox.pending("one", most=1000)) == ["a", *(f"n{number}" for number in range(200)), "last"]
        assert outbox.kept_out == 0


def test_a_broken_file_is_put_aside_and_a_new_one_begun(tmp_path, caplog):
    path = tmp_path / "events.db"
    path.write_bytes(b"no database at all" * 500)
    with Outbox(path, ("one",)) as outbox:
        outbox.put(event("a"))
        assert ids(outbox.pending("one")) == ["a"]
    aside = next(tmp_path.glob("events.db.broken-*"))
    assert aside.read_bytes().startswith(b"no database")
    assert "is broken" in caplog.text


def test_where_nothing_can_be_written_is_said(tmp_path):
    with pytest.raises(OutboxError, match="cannot open the outbox"):
        Outbox(tmp_path / "nowhere" / "events.db", ("one",))


_PUTTING = """
import sys
from datetime import UTC, datetime
from lepton_edge_runtime.events import Event, Outbox
with Outbox(sys.argv[1], ("one",)) as outbox:
    begin = int(sys.argv[2])
    for number in range(begin, begin + 100_000):
        now = datetime.now(UTC)
        outbox.put(Event(id=f"n{number}", serial=0, state="new", camera="c", rule="r", kind="k", began=now, at=now))
        print(number, flush=True)
"""


def test_what_put_returned_from_outlives_sigkill(tmp_path):
    path = tmp_path / "events.db"
    chance = random.Random(0)
    told = []
    for _ in range(8):
        command = [sys.executable, "-c", _PUTTING, str(path), str(len(told) and told[-1] + 2)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            told += [int(process.stdout.readline()) for _ in range(chance.randint(1, 40))]
            os.kill(process.pid, signal.SIGKILL)
            told += map(int, process.stdout.read().split())
    with Outbox(path, ("one",)) as outbox:
        kept = ids(outbox.pending("one", most=10_000))
    assert len(kept) == len(set(kept))
    missing = {f"n{number}" for number in told} - set(kept)
    assert not missing


class Receiver:
    """An HTTP server that answers as it is told, in turn; the last answer stays."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.got = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                if status < 300:
                    receiver.got.append((self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path="/hook?token=tell-nobody"):
        return Url(f"http://127.0.0.1:{self.server.server_port}{path}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()


def test_a_webhook_gets_signed_messages(tmp_path):
    message = event("a").encode()
    with Receiver(204) as receiver:
        WebhookSink(receiver.url(), secret=b"shared", headers={"Authorization": "Bearer x"}).send(message)
        path, headers, body = receiver.got[0]
    assert (path, body) == ("/hook?token=tell-nobody", message)
    assert (headers["Content-Type"], headers["Authorization"]) == ("application/json", "Bearer x")
    assert is_signed(b"shared", body, headers[SIGNATURE_HEADER])
    assert not is_signed(b"other", body, headers[SIGNATURE_HEADER])
    assert not is_signed(b"shared", body + b" ", headers[SIGNATURE_HEADER])


def test_a_signature_is_hmac_sha256_and_grows_old():
    # RFC 4231, test case 2, over "t." and the message: recomputed with OpenSSL.
    header = sign(b"Jefe", b"what do ya want for nothing?", 1_700_000_000)
    openssl = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "Jefe"],
        input=b"1700000000.what do ya want for nothing?", capture_output=True, check=False,
    )  # fmt: skip
    if openssl.returncode == 0:
        assert header == f"t=1700000000,v1={openssl.stdout.split()[-1].decode()}"
    assert is_signed(b"Jefe", b"what do ya want for nothing?", header, now=1_700_000_200)
    assert not is_signed(b"Jefe", b"what do ya want for nothing?", header, now=1_700_000_400)
    for broken in ("", "t=,v1=", "t=x,v1=0", "v1=0", header.replace("t=", "t=0"), header + ",v1=0"):
        assert not is_signed(b"Jefe", b"what do ya want for nothing?", broken, now=1_700_000_000)


@pytest.mark.parametrize(
    ("status", "error"), [(400, SinkRefusedError), (413, SinkRefusedError), (401, SinkError), (404, SinkError),
                          (302, SinkError), (503, SinkError)]
)  # fmt: skip
def test_answers_of_a_webhook(status, error):
    with Receiver(status) as receiver, pytest.raises(error, match=str(status)) as raised:
        WebhookSink(receiver.url()).send(b"{}")
    assert type(raised.value) is error
    assert "tell-nobody" not in str(raised.value)


def test_a_webhook_that_is_not_there_says_so_without_its_secrets():
    with pytest.raises(SinkError, match="^http://127.0.0.1 does not answer: ConnectionRefusedError"):
        WebhookSink(Url("http://user:word@127.0.0.1:1/x")).send(b"{}")
    with pytest.raises(SinkError, match="a webhook is an address of http"):
        WebhookSink(Url("ftp://10.0.0.1/x"))


def test_a_webhook_takes_user_and_password_and_refuses_what_is_no_header():
    with Receiver(200) as receiver:
        url = Url(receiver.url().reveal().replace("http://", "http://cam:w%40rd@"))
        WebhookSink(url).send(b"{}")
        assert receiver.got[0][1]["Authorization"] == "Basic " + base64.b64encode(b"cam:w@rd").decode()
    with pytest.raises(SinkError, match="line break"):
        WebhookSink(Url("http://127.0.0.1:1/x"), headers={"X-A": "b\r\nX-C: d"})
    with pytest.raises(SinkError, match="no address has"):
        WebhookSink(Url("http://127.0.0.1:1/a b"))


def test_a_server_that_lets_bytes_drip_holds_nobody_up():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection, suppress(OSError):
                for letter in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1000:
                    connection.sendall(bytes([letter]))
                    time.sleep(0.05)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        sink = WebhookSink(Url(f"http://127.0.0.1:{server.getsockname()[1]}/"), timeout_seconds=0.4)
        with pytest.raises(SinkError, match="does not answer"):
            sink.send(b"{}")
        thread.join(20)
        assert not thread.is_alive()


def test_lines_are_appended_and_half_a_line_is_cut_off(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"whole": 1}\n{"half": ')
    sink = LinesSink(path)
    sink.send(b'{"next": 2}')
    sink.send(b'{"next": 3}')
    assert path.read_bytes() == b'{"whole": 1}\n{"next": 2}\n{"next": 3}\n'
    path.write_bytes(b"x" * 10_000)
    LinesSink(path).send(b"{}")
    assert path.read_bytes() == b"{}\n"


def test_lines_turn_over(tmp_path):
    path = tmp_path / "events.jsonl"
    sink = LinesSink(path, megabytes=10 / (1 << 20), files=2)
    for number in range(7):
        sink.send(f'"{number:03}"'.encode())  # six bytes with the end of the line
    kept = {one.name: one.read_text().split() for one in tmp_path.iterdir()}
    assert kept == {"events.jsonl": ['"006"'], "events.jsonl.1": ['"005"'], "events.jsonl.2": ['"004"']}


def test_lines_that_cannot_be_written_are_said(tmp_path):
    with pytest.raises(SinkError, match="cannot append to"):
        LinesSink(tmp_path / "nowhere" / "x.jsonl").send(b"{}")
    if Path("/dev/full").exists():
        with pytest.raises(SinkError, match="No space left"):
            LinesSink("/dev/full").send(b"{}")


def delivered(outbox, make_sink, count, **options):
    """Run a delivery until so many messages are gone, and return it."""
    with Delivery(outbox, "one", make_sink, first_pause=0.01, longest_pause=0.05, **options) as delivery:
        for _ in range(2000):
            if delivery.sent + delivery.refused >= count:
                break
            threading.Event().wait(0.01)
    return delivery


def test_messages_arrive_in_order_whatever_fails_between(tmp_path):
    got, failures = [], iter([True, False, True, True, False, False, True, False, False])

    def function(one):
        if next(failures, False):
            raise RuntimeError("away")
        got.append(one.id)

    with Outbox(tmp_path / "events.db", ("one",)) as outbox:
        for name in "abcd":
            outbox.put(event(name))
        delivery = delivered(outbox, lambda: CallbackSink(function), 4)
        assert (got, delivery.sent, delivery.trouble) == (["a", "b", "c", "d"], 4, None)
        assert outbox.counts() == {"one": (0, 0)}


def test_a_message_that_nobody_will_take_holds_up_no_other(tmp_path, caplog):
    with Receiver(200, 400, 200) as receiver, Outbox(tmp_path / "events.db", ("one",)) as outbox:
        for name in "abc":
            outbox.put(event(name))
        delivery = delivered(outbox, lambda: WebhookSink(receiver.url()), 3)
        assert [decode_event(body).id for _, _, body in receiver.got] == ["a", "c"]
        assert (delivery.sent, delivery.refused) == (2, 1)
    assert "a message is passed over" in caplog.text


def test_a_receiver_that_was_away_gets_all_when_it_is_back(tmp_path):
    with Receiver(503, 503, 503, 503, 200) as receiver, Outbox(tmp_path / "events.db", ("one",)) as outbox:
        for number in range(250):
            outbox.put(event(f"n{number}"))
        delivered(outbox, lambda: WebhookSink(receiver.url()), 250)
        assert [decode_event(body).id for _, _, body in receiver.got] == [f"n{number}" for number in range(250)]


def test_what_comes_later_is_sent_at_once_and_closing_leaves_no_thread(tmp_path):
    got = []
    arrived = threading.Event()

    def function(one):
        got.append(one.id)
        arrived.set()

    before = set(threading.enumerate())
    with Outbox(tmp_path / "events.db", ("one",)) as outbox:
        with Delivery(outbox, "one", lambda: CallbackSink(function)):
            outbox.put(event("a"))
            assert arrived.wait(20)
        outbox.put(event("b"))
        assert got == ["a"]
        assert ids(outbox.pending("one")) == ["b"]
    assert set(threading.enumerate()) == before


class Failing:
    """A sink that raises as it is told."""

    def __init__(self, problem):
        self.problem = problem

    def check(self):
        """Nothing to look after."""

    def send(self, message):
        raise self.problem

    def close(self):
        raise self.problem


def test_nothing_that_a_sink_raises_ends_its_delivery(tmp_path):
    got, made = [], iter([OSError("no file"), ValueError("no address"), MissingExtraError("x", "mqtt")])

    def make_sink():
        problem = next(made, None)
        if problem is None:
            return CallbackSink(lambda one: got.append(one.id))
        if isinstance(problem, OSError):
            return Failing(problem)
        raise problem

    with Outbox(tmp_path / "events.db", ("one",)) as outbox:
        outbox.put(event("a"))
        delivery = delivered(outbox, make_sink, 1)
    assert got == ["a"]
    assert delivery.trouble is None


def test_a_message_is_not_sent_again_because_the_disk_is_full(tmp_path, monkeypatch, caplog):
    got = []
    with Outbox(tmp_path / "events.db", ("one",)) as outbox:
        for name in "abc":
            outbox.put(event(name))

        def full(*_):
            raise OutboxError("the disk is full")

        monkeypatch.setattr(outbox, "delivered", full)
        delivery = delivered(outbox, lambda: CallbackSink(lambda one: got.append(one.id)), 3)
    assert got == ["a", "b", "c"]
    assert delivery.trouble is None
    assert caplog.text.count("sent again after a restart: the disk is full") == 1
