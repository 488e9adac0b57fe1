"""The MQTT sink against a real broker: acknowledged, kept through its absence, refused aloud; a Last Will."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import mqtt_broker
import msgspec
import pytest
from made_events import event
from mqtt_broker import Broker, Listener

from lepton_edge_runtime.errors import MissingExtraError, SinkError, SinkRefusedError
from lepton_edge_runtime.events import Delivery, Outbox, decode_event
from lepton_edge_runtime.events import delivery as delivery_module
from lepton_edge_runtime.events.sinks.mqtt import Announced, MqttOptions, MqttSink
from lepton_edge_runtime.urls import Url

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
needs_broker = pytest.mark.skipif(mqtt_broker.MOSQUITTO is None, reason="mosquitto is not installed")


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker") as running:
        yield running


def options(broker, **more):
    return MqttOptions(
        Url(f"mqtt://127.0.0.1:{broker.port}"), **{"prefix": "lepton-edge", "timeout_seconds": 5, **more}
    )


@needs_broker
@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_message_arrives_with_its_rules_state_around_it(broker, version):
    with Listener(broker.port) as listener:
        sink = MqttSink(options(broker, version=version))
        for one in (event("a"), event("b"), event("a", 1, "end"), event("b", 1, "end")):
            sink.send(one.encode())
        got = [decode_event(payload) for payload in listener.of("lepton-edge/events/door/yard", 4)]
        assert [(one.id, one.state) for one in got] == [("a", "new"), ("b", "new"), ("a", "end"), ("b", "end")]
        assert listener.of("lepton-edge/state/door/yard", 4) == [b"ON", b"ON", b"ON", b"OFF"]
        sink.close()
        assert listener.of("lepton-edge/available", 2) == [b"online", b"offline"]


DIGESTS = [hashlib.sha256(repr(("site", "front door", rule)).encode()).hexdigest()[:8] for rule in ("yard", "gate/in")]


@needs_broker
def test_states_are_right_after_a_new_connection(broker):
    announced = (Announced("door", "yard", "inside"), Announced("door", "gate", "inside"))
    with Listener(broker.port, "lepton-edge/state/#") as listener:
        sink = MqttSink(options(broker, announced=announced, going_on=lambda: [event("a"), event("b")]))
        assert listener.of("lepton-edge/state/door/yard", 1) == [b"ON"]
        assert listener.of("lepton-edge/state/door/gate", 1) == [b"OFF"]
        sink.send(event("a", 1, "end").encode())
        assert listener.of("lepton-edge/state/door/yard", 2)[-1] == b"ON"
        sink.send(event("b", 1, "end").encode())
        assert listener.of("lepton-edge/state/door/yard", 3)[-1] == b"OFF"
        sink.close()


@needs_broker
def test_the_broker_is_met_before_the_first_event_and_again_after_it_was_away(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(delivery_module, "_IDLE_SECONDS", 0.1)
    with (
        Outbox(tmp_path / "events.db", ("mqtt",)) as outbox,
        Delivery(outbox, "mqtt", lambda: MqttSink(options(broker)), first_pause=0.05, longest_pause=0.2),
    ):
        for _ in range(2):
            with Listener(broker.port, "lepton-edge/available") as listener:
                while b"online" not in [payload for _, payload in listener.got]:
                    listener.of("lepton-edge/available", len(listener.got) + 1)
            broker.stop()
            broker.start()


@needs_broker
def test_a_name_that_no_topic_has_holds_up_no_other(broker):
    sink = MqttSink(options(broker))
    with Listener(broker.port, "lepton-edge/events/#") as listener:
        for camera in ("front\ndoor", "x" * 70_000, "a/b+c#d\0", ""):
            sink.send(msgspec.structs.replace(event("a"), camera=camera).encode())
        for name in ("front_door", "x" * 200, "a_b_c_d_", "_"):
            listener.of(f"lepton-edge/events/{name}/yard", 1)
    with pytest.raises(SinkRefusedError, match="no event"):
        sink.send(b"{}")
    sink.close()


@needs_broker
def test_what_home_assistant_asks_for_is_kept_at_the_broker(broker):
    announced = (Announced("front door", "yard", "inside"), Announced("front door", "gate/in", "crossing"))
    sink = MqttSink(options(broker, discovery="homeassistant", announced=announced, prefix="site"))
    with Listener(broker.port, "homeassistant/#") as listener:
        (sensor,) = listener.of("homeassistant/binary_sensor/site_front_door_yard_" + DIGESTS[0] + "/config", 1)
        (pulse,) = listener.of("homeassistant/event/site_front_door_gate_in_" + DIGESTS[1] + "/config", 1)
    sink.close()
    told = json.loads(sensor)
    assert told["state_topic"] == "site/state/front door/yard"
    assert (told["availability_topic"], told["payload_on"], told["payload_off"]) == ("site/available", "ON", "OFF")
    assert told["device"]["name"] == "front door"
    assert json.loads(pulse)["state_topic"] == "site/events/front door/gate_in"


_PUBLISHING = """
import sys, time
from lepton_edge_runtime.events.sinks.mqtt import MqttOptions, MqttSink
from lepton_edge_runtime.urls import Url
sink = MqttSink(MqttOptions(Url(sys.argv[1]), "lepton-edge"))
print("connected", flush=True)
time.sleep(600)
"""


@needs_broker
def test_the_broker_says_offline_for_one_that_was_killed(broker):
    with Listener(broker.port) as listener:
        command = [sys.executable, "-c", _PUBLISHING, f"mqtt://127.0.0.1:{broker.port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "connected\n"
            os.kill(process.pid, signal.SIGKILL)
        assert listener.of("lepton-edge/available", 2) == [b"online", b"offline"]


@needs_broker
def test_a_broker_that_goes_away_gets_all_when_it_is_back(broker, tmp_path):
    before = set(threading.enumerate())
    with Outbox(tmp_path / "events.db", ("mqtt",)) as outbox:
        with Delivery(
            outbox, "mqtt", lambda: MqttSink(options(broker)), first_pause=0.05, longest_pause=0.2
        ) as delivery:
            with Listener(broker.port, "lepton-edge/events/#") as listener:
                outbox.put(event("before"))
                listener.of("lepton-edge/events/door/yard", 1)
            broker.stop()
            for number in range(20):
                outbox.put(event(f"away{number}"))
            for _ in range(1000):
                if delivery.trouble is not None:
                    break
                threading.Event().wait(0.01)
            assert "127.0.0.1" in delivery.trouble
            broker.start()
            # Whoever subscribes late gets what is sent from then on: the first may be gone by.
            for _ in range(3000):
                if outbox.counts()["mqtt"] == (0, 0):
                    break
                threading.Event().wait(0.01)
        assert outbox.counts() == {"mqtt": (0, 0)}
        assert delivery.sent >= 21
        assert delivery.trouble is None
    assert set(threading.enumerate()) == before


@needs_broker
def test_a_wrong_password_is_said_and_hidden(tmp_path):
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker", password=("cam", "s3cret@word")) as broker:
        right = Url(f"mqtt://cam:s3cret%40word@127.0.0.1:{broker.port}")
        MqttSink(MqttOptions(right, "lepton-edge")).close()
        for version in ("3.1.1", "5"):
            wrong = Url(f"mqtt://cam:wr0ng@127.0.0.1:{broker.port}")
            with pytest.raises(
                SinkError, match=r"\*\*\*@127.0.0.1:\d+ refused the connection: .*[Nn]ot authori"
            ) as raised:
                MqttSink(MqttOptions(wrong, "lepton-edge", version=version))
            assert "wr0ng" not in str(raised.value)


# paho leaves the socket of a handshake that failed to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@needs_broker
def test_tls_trusts_whom_it_is_told_to_and_nobody_else(tmp_path):
    (tmp_path / "broker").mkdir()
    certificate = tmp_path / "broker" / "own.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(certificate.with_suffix(".key")), "-out",
         str(certificate)], capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    with Broker(tmp_path / "broker", certificate=certificate) as broker:
        url = Url(f"mqtts://127.0.0.1:{broker.port}")
        sink = MqttSink(MqttOptions(url, "lepton-edge", authorities=certificate, timeout_seconds=5))
        sink.send(event("a").encode())
        sink.close()
        with pytest.raises(SinkError, match="cannot be reached: .*certificate verify failed"):
            MqttSink(MqttOptions(url, "lepton-edge", timeout_seconds=5))


def test_certificates_that_cannot_be_read_are_said_and_so_is_half_a_password():
    with pytest.raises(SinkError, match="cannot be reached"):
        MqttSink(MqttOptions(Url("mqtts://127.0.0.1:1"), "x", authorities=Path("/nope.pem")))
    for text in ("mqtt://cam:s3c#ret@10.0.0.1", "mqtt://cam:s3c/ret@10.0.0.1"):
        with pytest.raises(SinkError, match="in a password, write / as %2F") as raised:
            MqttSink(MqttOptions(Url(text), "x"))
        assert "s3c" not in str(raised.value)


def test_where_nobody_listens_is_said():
    with pytest.raises(SinkError, match="mqtt://127.0.0.1:1 cannot be reached"):
        MqttSink(MqttOptions(Url("mqtt://127.0.0.1:1"), "lepton-edge"))
    with pytest.raises(SinkError, match="a broker is an address of mqtt://"):
        MqttSink(MqttOptions(Url("http://127.0.0.1:1"), "lepton-edge"))


def test_without_the_package_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("paho")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "paho", None)
    with pytest.raises(MissingExtraError, match=r"\[mqtt\]"):
        MqttSink(MqttOptions(Url("mqtt://127.0.0.1:1"), "lepton-edge"))
