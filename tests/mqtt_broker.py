"""A real broker, mosquitto, on loopback: started, killed, with passwords and with TLS; and a listener."""

import os
import shutil
import socket
import subprocess
import time
from threading import Condition

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class Broker:
    """Runs in a folder; what it has been told to keep outlives a restart."""

    def __init__(self, folder, *, password=None, certificate=None):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        lines = [f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {folder}/",
                 "autosave_interval 1"]  # fmt: skip
        if password is None:
            lines.append("allow_anonymous true")
        else:
            user, word = password
            passwords = folder / "passwords"
            subprocess.run(
                ["mosquitto_passwd", "-b", "-c", str(passwords), user, word], check=True, capture_output=True
            )
            passwords.chmod(0o644)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        if certificate is not None:
            lines += [f"certfile {certificate}", f"keyfile {certificate.with_suffix('.key')}"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it steps down, and may not read its own folder
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self.process = None
        self.start()

    def start(self):
        command = [MOSQUITTO, "-c", str(self.folder / "mosquitto.conf")]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.stop()


class Listener:
    """Collects what is published, by topic."""

    def __init__(self, port, topic="#"):
        from paho.mqtt import client as mqtt

        self.got = []
        self._changed = Condition()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_message = self._take
        self._client.on_subscribe = lambda *_: self._note()
        self._subscribed = False
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        with self._changed:
            assert self._changed.wait_for(lambda: self._subscribed, 20)

    def _note(self):
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _take(self, client, userdata, message):
        with self._changed:
            self.got.append((message.topic, message.payload))
            self._changed.notify_all()

    def of(self, topic, count, seconds=30):
        """Return the first so many messages of a topic, waiting for them."""
        with self._changed:
            found = lambda: [payload for name, payload in self.got if name == topic]
            assert self._changed.wait_for(lambda: len(found()) >= count, seconds), (topic, self.got)
            return found()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._client.disconnect()
        self._client.loop_stop()
