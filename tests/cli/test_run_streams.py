"""``lepton-edge run`` on streams, as it is run: a process of its own, stopped by Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from importlib import import_module

import pytest
import rpicam_stand_in
from mjpeg_camera import MjpegCamera
from rtsp_camera import RtspCamera

from lepton_edge.cli import execute
from lepton_edge_runtime.camera import Camera

# Ctrl-C may be switched off in what started the tests.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom lepton_edge.cli import main; main()"
)


class Run:
    """The command, started; ``lines`` are those it printed so far."""

    def __init__(self, *arguments, environment=None):
        command = [sys.executable, "-c", START, "run", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment or os.environ
        )
        self.lines, self.changed = [], threading.Condition()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def wait_for_lines(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.lines) >= count, 60), self.lines

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """Return exit status and what it said on standard error."""
        said = self.process.stderr.read()
        status = self.process.wait(60)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return status, said


@pytest.fixture
def start():
    started = []

    def starting(*arguments, environment=None):
        started.append(Run(*arguments, environment=environment))
        return started[-1]

    yield starting
    for run in started:
        run.process.kill()
        run.process.wait()
        run.reader.join()


def totals_of(run):
    return json.loads(run.lines[-1])["totals"]


def balanced(totals):
    return totals["captured"] == totals["answered"] + sum(totals["dropped"].values())


@pytest.mark.parametrize("kind", [RtspCamera, MjpegCamera])
def test_a_server_that_dies_and_returns_is_a_line_and_a_count(kind, start, bundle):
    server = kind()
    run = start(bundle, "--camera", server.url.replace("://", "://user:hunter2@"), "--json")
    run.wait_for_lines(5)
    server.close()
    with kind(port=server.port):
        run.wait_for_lines(len(run.lines) + 20)
        run.interrupt()
        status, said = run.end()
    assert status == 0
    assert "is back" in said
    assert "hunter2" not in said + "".join(run.lines)
    assert totals_of(run)["reopened"] == 1
    assert balanced(totals_of(run))


def test_ctrl_c_leaves_a_film_that_is_whole(start, bundle, tmp_path):
    film = tmp_path / "films" / "film.mp4"
    film.parent.mkdir()
    with MjpegCamera() as server:
        run = start(bundle, "--camera", server.url, "--json", "--save", film)
        run.wait_for_lines(10)
        run.interrupt()
        status, said = run.end()
    assert (status, said) == (0, "")
    assert balanced(totals_of(run))
    assert list(film.parent.iterdir()) == [film]
    with Camera(film) as camera:
        frames = len(list(camera))
    assert frames >= totals_of(run)["answered"] - totals_of(run)["unsaved"] - 1
    assert frames > 1


def test_ctrl_c_in_the_middle_of_a_stall_ends_with_the_totals(start, bundle):
    with RtspCamera() as server:
        run = start(bundle, "--camera", server.url, "--json")
        run.wait_for_lines(5)
        server.fault = "stall"
        sent = server.sent
        run.interrupt()
        status, said = run.end()
    assert (status, said) == (0, "")
    assert balanced(totals_of(run))
    assert totals_of(run)["captured"] <= sent


def test_a_stream_that_is_gone_for_good_ends_with_the_totals_and_the_error(bundle, capfd, monkeypatch):
    server = MjpegCamera()
    # By the module's full name: the package has a function called run, too.
    monkeypatch.setattr(import_module("lepton_edge.cli.run"), "Camera", partial(Camera, timeout_seconds=1))
    closing = threading.Timer(0.5, server.close)
    closing.start()
    status = execute(["run", str(bundle), "--camera", server.url])
    closing.join()
    assert status == 1
    *_, totals, error = capfd.readouterr().err.splitlines()
    assert " frames in = " in totals
    assert error.startswith("lepton-edge: no frame for 1 s: nothing listens at http://127.0.0.1:")


def test_a_raspberry_pi_camera_runs_until_ctrl_c_and_leaves_no_process(start, bundle, tmp_path):
    rpicam_stand_in.install(tmp_path, "good")
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    run = start(bundle, "--camera", "csi:0?size=320x240&fps=20", environment=environment)
    run.wait_for_lines(5)
    run.interrupt()
    status, said = run.end()
    assert status == 0
    assert " frames in = " in said
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text()}")  # noqa: PTH110 - beside the number it is made of


def test_a_raspberry_pi_camera_that_dies_ends_with_what_its_program_said(start, bundle, tmp_path):
    rpicam_stand_in.install(tmp_path, "dies")
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    run = start(bundle, "--camera", "csi:0", "--json", environment=environment)
    status, said = run.end()
    assert status == 1
    assert (
        "lepton-edge: rpicam-vid for csi:0 ended with status 255; it said: ERROR: *** failed to start camera ***"
        in said
    )
    assert totals_of(run)["captured"] == 5
    assert balanced(totals_of(run))
