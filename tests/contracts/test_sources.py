"""What every source keeps to, whatever it reads."""

import threading

import pytest
import rpicam_stand_in
from mjpeg_camera import MjpegCamera
from rtsp_camera import RtspCamera

from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.sources import SOURCES, Patience, open_source
from lepton_edge_runtime.sources.address import parse_address

ADDRESSES = {"csi": ["csi"], "network": ["rtsp", "http"], "folder": ["folder", "picture"], "video": ["video"]}
"""By row of SOURCES. A device is hardware: it has its own test, on the kernel's test camera."""


@pytest.fixture(params=[address for addresses in ADDRESSES.values() for address in addresses])
def address(request, tmp_path, monkeypatch, folder, video):
    """An address of each kind, where something answers."""
    if request.param == "csi":
        rpicam_stand_in.install(tmp_path, "good")
        monkeypatch.setenv("PATH", str(tmp_path))
        yield "csi:0?size=320x240&fps=50"
    elif request.param in {"rtsp", "http"}:
        with {"rtsp": RtspCamera, "http": MjpegCamera}[request.param](fps=50) as server:
            yield server.url
    else:
        yield {"folder": folder, "picture": folder / "0.png", "video": video}[request.param]


def test_every_row_is_tried_here():
    assert {*ADDRESSES, "device"} == set(SOURCES)


def test_an_address_belongs_to_the_row_that_says_so(address):
    parsed = parse_address(address)
    assert next(name for name, kind in SOURCES.items() if kind.takes(parsed)) in ADDRESSES


def test_a_source_gives_pictures_until_it_is_stopped_and_closed(address):
    source = open_source(address, Patience(20, 5))
    picture = source.read()
    assert picture.image.ndim == 3
    assert picture.image.dtype == "uint8"
    assert picture.position_seconds >= 0
    assert (source.reopened, source.trouble) == (0, None)
    assert source.fps >= 0
    source.stop()
    source.stop()
    while source.live and source.read() is not None:
        pass
    source.close()


def test_a_camera_of_any_kind_balances_and_leaves_no_thread(address):
    with Camera(address, open_timeout_seconds=20) as camera:
        assert camera.live == ("csi" in str(address) or "://" in str(address))
        next(iter(camera))
    counts = camera.counts
    assert counts.captured == counts.delivered + sum(counts.dropped.values())
    assert counts.waiting == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("camera")]
