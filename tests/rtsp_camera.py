"""An RTSP camera on loopback, with the faults of real ones: JPEG over RTP (RFC 2435) inside the RTSP connection."""

import contextlib
import socket
import socketserver
import struct
import threading
import time
from typing import NamedTuple

import numbered
from loopback import Loopback

FAULTS = ("stall", "garbage", "truncated", "reset")
_PACKET_BYTES = 1300
_CLOCK = 90_000  # RTP's for video, ticks a second


class Jpeg(NamedTuple):
    width: int
    height: int
    subsampling: int
    tables: bytes
    scan: bytes


class RtspCamera(Loopback):
    """Numbered pictures at ``fps``, the same count for whoever connects.

    ``fault`` is one of FAULTS or None, and may be changed at any time; ``silent`` takes connections and never
    answers; ``describe_seconds`` is how long it thinks about DESCRIBE; ``password`` is wanted as Basic.
    """

    def __init__(self, *, fps=25, port=0, path="/cam", password=None):
        self.fps, self.path, self.password = fps, path, password
        self.fault, self.silent, self.describe_seconds = None, False, 0.0
        self.sent = 0
        self._connections = set()
        self._lock = threading.Lock()
        self.serve(_Server(("127.0.0.1", port), _Session), "rtsp", path)

    def next_number(self):
        with self._lock:
            self.sent += 1
            return self.sent - 1

    def pause(self, seconds):
        return self.closed.wait(seconds)

    def joined(self, connection):
        self._connections.add(connection)

    def left(self, connection):
        self._connections.discard(connection)

    def break_connections(self):
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.camera = self.server.camera
        self.player = None
        self.gone = threading.Event()
        self.sending = threading.Lock()
        self.camera.joined(self.connection)
        try:
            while (request := self._request()) is not None:
                if self.camera.silent:
                    self.camera.pause(60)
                    return
                self._answer(*request)
        except (OSError, ValueError):
            pass  # whoever was connected has gone
        finally:
            self.gone.set()
            if self.player:
                self.player.join()
            self.camera.left(self.connection)

    def _request(self):
        line = self.rfile.readline()
        while line[:1] == b"$":  # the client's own reports, inside the connection
            head = line if len(line) >= 4 else line + self.rfile.read(4 - len(line))
            self.rfile.read(max(0, struct.unpack(">H", head[2:4])[0] - len(head) + 4))
            line = self.rfile.readline()
        if not line:
            return None
        method, url = line.decode("latin1").split()[:2]
        headers = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin1").partition(":")
            headers[name.lower()] = value.strip()
        return method, url, headers

    def _answer(self, method, url, headers):
        camera = self.camera
        status, extra, body = "200 OK", [], ""
        if method == "OPTIONS":
            extra = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"]
        elif camera.password and headers.get("authorization") != f"Basic {camera.password}":
            status, extra = "401 Unauthorized", ['WWW-Authenticate: Basic realm="camera"']
        elif not url.split("?")[0].endswith(camera.path) and method == "DESCRIBE":
            status = "404 Not Found"
        elif method == "DESCRIBE":
            camera.pause(camera.describe_seconds)
            body = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                f"m=video 0 RTP/AVP 26\r\na=framerate:{camera.fps}\r\na=control:track0\r\n"
            )
            extra = ["Content-Type: application/sdp", f"Content-Base: {camera.url}/"]
        elif method == "SETUP" and "TCP" not in headers.get("transport", ""):
            status = "461 Unsupported Transport"
        elif method == "SETUP":
            extra = ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1;timeout=60"]
        elif method == "PLAY":
            extra = ["Session: 1", "Range: npt=0-"]
        head = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', 0)}", *extra, f"Content-Length: {len(body)}"]
        self._send(("\r\n".join(head) + "\r\n\r\n" + body).encode())
        if method == "PLAY" and self.player is None:
            self.player = threading.Thread(target=self._play)
            self.player.start()

    def _send(self, piece):
        with self.sending:
            self.connection.sendall(piece)

    def _play(self):
        sequence, begin, shown = 0, time.monotonic(), 0
        with contextlib.suppress(OSError, ValueError):
            while not self.gone.is_set():
                if self.camera.pause(max(0.0, begin + shown / self.camera.fps - time.monotonic())):
                    return
                fault = self.camera.fault
                if fault == "stall":
                    begin += 1 / self.camera.fps
                    continue
                if fault == "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                ticks = shown * _CLOCK // self.camera.fps
                for packet in packets(self.camera.next_number(), ticks, sequence, fault):
                    self._send(b"$\0" + struct.pack(">H", len(packet)) + packet)
                    sequence += 1
                shown += 1


def packets(number, ticks, sequence, fault):
    """Yield the RTP packets of a picture, spoilt as ``fault`` says."""
    jpeg = parse(numbered.jpeg(number % 1024))
    scan = jpeg.scan
    if fault == "truncated":
        scan = scan[: len(scan) // 3]
    if fault == "garbage":
        scan = bytes((position * 197 + number) & 255 for position in range(len(scan)))
    for offset in range(0, len(scan), _PACKET_BYTES):
        piece = scan[offset : offset + _PACKET_BYTES]
        last = 0x80 if offset + len(piece) == len(scan) else 0
        head = struct.pack(">BBHII", 0x80, 26 | last, sequence & 0xFFFF, ticks & 0xFFFFFFFF, 0x1234)
        head += struct.pack(">IBBBB", offset, jpeg.subsampling, 255, jpeg.width // 8, jpeg.height // 8)
        if offset == 0:
            head += struct.pack(">BBH", 0, 0, len(jpeg.tables)) + jpeg.tables
        yield head + piece
        sequence += 1


def parse(content):
    """Return what RFC 2435 sends of a baseline JPEG: its size, its quantization tables, its scan."""
    tables, width, height, subsampling, at = {}, 0, 0, 0, 2
    while True:
        marker, length = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])[0]
        segment = content[at + 4 : at + 2 + length]
        if marker == 0xDB:
            while segment:
                tables[segment[0] & 15], segment = segment[1:65], segment[65:]
        elif marker == 0xC0:
            height, width = struct.unpack(">HH", segment[1:5])
            subsampling = 1 if segment[7] == 0x22 else 0
        elif marker == 0xDA:
            scan = content[at + 2 + length : content.rfind(b"\xff\xd9")]
            return Jpeg(width, height, subsampling, tables[0] + tables.get(1, tables[0]), scan)
        at += 2 + length
