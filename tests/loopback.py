"""A server of a test, on loopback, in this process, on a free port."""

import threading


class Loopback:
    """Serves from when ``serve`` is called until ``close``; its sessions find it as ``server.camera``."""

    def serve(self, server, scheme, path):
        server.camera = self
        server.daemon_threads = False  # closing waits for the sessions
        self.server = server
        self.port = server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}{path}"
        self.closed = threading.Event()
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def break_connections(self):
        """Have the sessions end that would not by ``closed`` alone."""

    def close(self):
        """Die as a camera without power does."""
        if not self.closed.is_set():
            self.closed.set()
            self.server.shutdown()
            self.break_connections()
            self.server.server_close()
            self._thread.join()
