"""An MQTT broker, 3.1.1 or 5: each message once at least (QoS 1), a Last Will, and what Home Assistant asks for."""

import hashlib
import re
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from types import ModuleType
from typing import Any, Literal

import msgspec

from lepton_edge_runtime.errors import SinkError, SinkRefusedError, not_imported
from lepton_edge_runtime.events.event import Event, decode_event
from lepton_edge_runtime.urls import Url

_KEEPALIVE_SECONDS = 30
_TOO_LARGE = 0x95  # MQTT 5, reason codes of PUBACK and DISCONNECT: another try fares no better
_FIRST_FAILURE = 0x80
_LEVEL_MAX = 200
_FORBIDDEN = str.maketrans("/+#\0", "____")


@dataclass(frozen=True, slots=True)
class Announced:
    """A rule on a camera, as Home Assistant is told of it.

    Attributes:
        camera, rule: Their names.
        kind: Of the rule.
    """

    camera: str
    rule: str
    kind: str


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """How to reach a broker, and what to tell it.

    Attributes:
        url: ``mqtt://`` or ``mqtts://`` (TLS), with user and password if it wants them; never shown whole.
        prefix: Topics are ``PREFIX/events/CAMERA/RULE``, ``PREFIX/state/CAMERA/RULE`` and ``PREFIX/available``: of
            each device another one, such as ``lepton-edge/yard``.
        client: Its name for the broker, which allows one connection a name; the broker gives one if empty.
        version: Of the protocol.
        authorities: A file with the certificates to trust, instead of the system's.
        discovery: Home Assistant's prefix, usually ``homeassistant``; nothing is announced if not given.
        announced: What is announced there.
        going_on: Returns the events that have begun and not ended, an outbox's ``open_events``: the states after a
            new connection are theirs.
        timeout_seconds: Longest to connect, and longest until the broker has a message.
    """

    url: Url
    prefix: str
    client: str = ""
    version: Literal["3.1.1", "5"] = "5"
    authorities: Path | None = None
    discovery: str | None = None
    announced: Sequence[Announced] = ()
    going_on: Callable[[], Sequence[Event]] | None = None
    timeout_seconds: float = 10.0


@dataclass(slots=True)
class _Answers:
    """What the broker has said, written by the client's thread."""

    connected: Flag = field(default_factory=Flag)
    refusal: str | None = None
    acknowledged: dict[int, int] = field(default_factory=dict)
    lost: bool = False
    farewell: int = 0


class MqttSink:
    """Publishes each message, and waits until the broker has it.

    ``PREFIX/available`` is ``online``, retained, while it is connected, and ``offline`` once the connection is gone,
    which the broker says itself if the process dies (Last Will). ``PREFIX/state/CAMERA/RULE`` is ``ON``, retained,
    while anything of the rule goes on, else ``OFF``.

    Raises:
        MissingExtraError: paho-mqtt is not installed.
        SinkError: The broker cannot be reached, or refuses.
    """

    def __init__(self, options: MqttOptions) -> None:
        url = options.url
        if url.scheme not in ("mqtt", "mqtts") or not url.host:
            raise SinkError(f"a broker is an address of mqtt:// or mqtts://, not {url}")
        self._options = options
        self._answers = _Answers()
        self._going_on: dict[tuple[str, str], set[str]] = {}
        try:
            self._client = self._made()
        except (OSError, ValueError) as problem:  # certificates that cannot be read
            raise SinkError(f"{url} cannot be reached: {problem}") from problem
        try:
            self._connect()
            self._announce()
        except (OSError, ValueError) as problem:
            self.close()
            raise SinkError(f"{url} cannot be reached: {problem}") from problem
        except SinkError:
            self.close()
            raise

    def send(self, message: bytes) -> None:
        """Publish a message, and what it changes of its rule's state."""
        try:
            event = decode_event(message)
        except msgspec.DecodeError as problem:
            raise SinkRefusedError(f"what is kept is no event: {problem}") from problem
        place = f"{_level(event.camera)}/{_level(event.rule)}"
        self._publish(f"{self._options.prefix}/events/{place}", message)
        if event.kind != "crossing":
            self._publish(f"{self._options.prefix}/state/{place}", self._state(event), retain=True)

    def check(self) -> None:
        """Raise SinkError if the broker is gone."""
        if self._answers.lost or not self._client.is_connected():
            raise SinkError(f"{self._options.url} has closed the connection")

    def close(self) -> None:
        """Say that it is offline, and end the connection and its thread."""
        if self._client.is_connected():
            with suppress(RuntimeError, ValueError):  # it may go at this very moment
                self._client.publish(self._available, b"offline", qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def _available(self) -> str:
        return f"{self._options.prefix}/available"

    def _made(self) -> Any:
        mqtt, options = _paho(), self._options
        five = options.version == "5"
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=options.client,
            protocol=mqtt.MQTTv5 if five else mqtt.MQTTv311,
            reconnect_on_failure=False,  # whoever sends decides when to try again
        )
        user, password = options.url.credentials
        if user:
            client.username_pw_set(user, password)
        if options.url.scheme == "mqtts":
            authorities = None if options.authorities is None else str(options.authorities)
            client.tls_set_context(ssl.create_default_context(cafile=authorities))
        client.will_set(self._available, b"offline", qos=1, retain=True)
        client.connect_timeout = options.timeout_seconds
        client.on_connect = self._connected
        client.on_publish = self._published
        client.on_disconnect = self._disconnected
        return client

    def _connect(self) -> None:
        url, seconds = self._options.url, self._options.timeout_seconds
        self._client.connect(url.host, url.port, keepalive=_KEEPALIVE_SECONDS)
        self._client.loop_start()
        if not self._answers.connected.wait(seconds):
            raise SinkError(f"{url} did not answer for {seconds:g} s")
        if self._answers.refusal is not None:
            raise SinkError(f"{url} refused the connection: {self._answers.refusal}")

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        del client, userdata, flags, properties
        self._answers.refusal = str(reason) if reason.is_failure else None
        self._answers.connected.set()

    def _published(self, client: Any, userdata: Any, number: int, reason: Any, properties: Any) -> None:
        del client, userdata, properties
        self._answers.acknowledged[number] = int(reason.value)

    def _disconnected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        del client, userdata, flags, properties
        self._answers.farewell = int(reason.value)
        self._answers.lost = True

    def _publish(self, topic: str, content: bytes, *, retain: bool = False) -> None:
        """Return once the broker has acknowledged."""
        url = self._options.url
        try:
            sent = self._client.publish(topic, content, qos=1, retain=retain)
            sent.wait_for_publish(self._options.timeout_seconds)
        except ValueError as problem:
            raise SinkRefusedError(f"a message for {topic!r} cannot be sent: {problem}") from problem
        except RuntimeError as problem:
            raise SinkError(f"{url} is gone: {problem}") from problem
        if self._answers.lost and self._answers.farewell == _TOO_LARGE:
            raise SinkRefusedError(f"{url} refused a message of {len(content)} bytes as too large")
        if not sent.is_published() or self._answers.lost:
            raise SinkError(f"{url} did not acknowledge a message within {self._options.timeout_seconds:g} s")
        reason = self._answers.acknowledged.pop(sent.mid, 0)
        if reason == _TOO_LARGE:
            raise SinkRefusedError(f"{url} refused a message of {len(content)} bytes as too large")
        if reason >= _FIRST_FAILURE:
            raise SinkError(f"{url} refused a message for {topic}: reason code {reason}")

    def _state(self, event: Event) -> bytes:
        going_on = self._going_on.setdefault((event.camera, event.rule), set())
        if event.state == "end":
            going_on.discard(event.id)
        else:
            going_on.add(event.id)
        return b"ON" if going_on else b"OFF"

    def _announce(self) -> None:
        options = self._options
        self._publish(self._available, b"online", retain=True)
        if options.discovery is not None:
            for one in options.announced:
                kind, config = _discovered(options.prefix, one)
                topic = f"{options.discovery}/{kind}/{config['unique_id']}/config"
                self._publish(topic, msgspec.json.encode(config), retain=True)
        for event in options.going_on() if options.going_on else ():
            self._going_on.setdefault((event.camera, event.rule), set()).add(event.id)
        places = {(one.camera, one.rule) for one in options.announced if one.kind != "crossing"} | set(self._going_on)
        for camera, rule in sorted(places):
            state = b"ON" if self._going_on.get((camera, rule)) else b"OFF"
            self._publish(f"{options.prefix}/state/{_level(camera)}/{_level(rule)}", state, retain=True)


def _discovered(prefix: str, one: Announced) -> tuple[str, dict[str, Any]]:
    """Return what Home Assistant is told of a rule: the kind of entity, and its configuration (MQTT discovery)."""
    camera, rule = _level(one.camera), _level(one.rule)
    node = _level(prefix)
    about: dict[str, Any] = {
        "name": one.rule,
        "unique_id": _plain_id(f"{node}_{camera}_{rule}", prefix, one.camera, one.rule),
        "availability_topic": f"{prefix}/available",
        "device": {
            "identifiers": [_plain_id(f"{node}_{camera}", prefix, one.camera)],
            "name": one.camera,
            "manufacturer": "Lepton Edge",
        },
    }
    if one.kind == "crossing":
        # An empty answer is no event: a crossing that ends has been told already.
        template = "{{ {'event_type': 'crossing'} | to_json if value_json.state == 'new' else '' }}"
        topic = f"{prefix}/events/{camera}/{rule}"
        return "event", {**about, "state_topic": topic, "event_types": ["crossing"], "value_template": template}
    state = {"state_topic": f"{prefix}/state/{camera}/{rule}", "payload_on": "ON", "payload_off": "OFF"}
    return "binary_sensor", {**about, **state, "device_class": "occupancy"}


def _level(name: str) -> str:
    """Return a name as one level of a topic: brokers close the connection over control characters."""
    return "".join(letter if letter.isprintable() else "_" for letter in name.translate(_FORBIDDEN))[:_LEVEL_MAX] or "_"


def _plain_id(text: str, *names: str) -> str:
    """Return an id of the letters that discovery takes; where some had to go, with what tells two names apart."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", text)
    if plain == text and "/" not in "".join(names):
        return plain
    return f"{plain}_{hashlib.sha256(repr(names).encode()).hexdigest()[:8]}"


def _paho() -> ModuleType:
    try:
        import paho  # noqa: F401, PLC0415 - by itself, so that its absence is told from a broken part
        from paho.mqtt import client  # noqa: PLC0415 - imported where a broker is first wanted
    except ImportError as problem:
        raise not_imported(
            problem, "the MQTT sink (paho-mqtt)", package="paho", extra="mqtt", remedy="install paho-mqtt again"
        ) from problem
    module: ModuleType = client
    return module
