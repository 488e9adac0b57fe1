"""An MJPEG camera on loopback: numbered JPEG pictures over HTTP, one after the other."""

from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numbered
from loopback import Loopback


class MjpegCamera(Loopback):
    """``fault`` is ``stall`` or ``garbage`` or None; ``silent`` takes requests and never answers them.

    With a ``film``, its bytes are sent instead of pictures: as a file, or, ``endless``, as the beginning of a stream
    that then freezes.
    """

    def __init__(self, *, fps=25, port=0, path="/cam.mjpg", password=None, film=None, endless=False):
        self.fps, self.path, self.film, self.endless = fps, path, film, endless
        self.wanted = f"Basic {b64encode(password.encode()).decode()}" if password else None
        self.fault, self.silent, self.sent = None, False, 0
        self.serve(ThreadingHTTPServer(("127.0.0.1", port), _Request), "http", path)


class _Request(BaseHTTPRequestHandler):
    def do_GET(self):
        camera = self.server.camera
        if camera.silent:
            camera.closed.wait(60)
        elif camera.wanted and self.headers.get("Authorization") != camera.wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
        elif self.path != camera.path:
            self.send_error(404)
        elif camera.film:
            self._film(camera)
        else:
            self._stream(camera)

    def _film(self, camera):
        self.send_response(200)
        if not camera.endless:
            self.send_header("Content-Length", str(len(camera.film)))
        self.end_headers()
        try:
            self.wfile.write(camera.film)
        except OSError:
            return  # whoever looked has seen enough
        if camera.endless:
            camera.closed.wait(60)

    def _stream(self, camera):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        try:
            while not camera.closed.wait(1 / camera.fps):
                if camera.fault == "stall":
                    continue
                content = numbered.jpeg(camera.sent % 1024)
                camera.sent += 1
                if camera.fault == "garbage":
                    content = bytes((position * 197) & 255 for position in range(len(content)))
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                self.wfile.write(head.encode() + content + b"\r\n")
        except OSError:
            pass  # whoever looked has gone

    def log_message(self, *words):
        pass
