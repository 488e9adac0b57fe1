import copy
import json
import pickle
from pathlib import Path

import msgspec
import pytest

from lepton_edge_runtime.errors import SourceError, SourceNotFoundError
from lepton_edge_runtime.sources.address import CsiAddress, parse_address
from lepton_edge_runtime.urls import Url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.7:554/stream1", "rtsp://***@10.0.0.7:554/stream1"),
        ("rtsp://s3cret@host/1", "rtsp://***@host/1"),
        ("rtsp://u:p@s3cret@host/1", "rtsp://***@host/1"),
        ("rtsp://u:s3cret/more@host/1", "rtsp://***@host/1"),
        ("http://u:s3cret?x#y@host/1", "http://***@host/1"),
        ("http://host/cam?user=u&password=s3cret&channel=2", "http://host/cam?user=u&password=***&channel=2"),
        ("http://host/cam?pwd=s3cret", "http://host/cam?pwd=***"),
        ("http://host/cam?pwd=a/s3cret_channel=1&x=2", "http://host/cam?pwd=***&x=2"),
        ("rtsp://host/Password=a_s3cret_channel=1.sdp", "rtsp://host/Password=***_channel=1.sdp"),
        ("http://host/cam?access_token=s3cret", "http://host/cam?access_token=***"),
        ("rtsp://host/user=u_password=s3cret_channel=1_stream=0.sdp", None),
        ("rtsp://host:8554/plain?channel=1", "rtsp://host:8554/plain?channel=1"),
    ],
)
def test_a_url_shows_no_password(text, shown):
    url = Url(text)
    shown = shown or "rtsp://host/user=u_password=***_channel=1_stream=0.sdp"
    assert str(url) == f"{url}" == shown
    assert repr(url) == f"Url({shown!r})"
    assert repr([url, {"source": url}]).count("s3cret") == 0
    assert url.reveal() == text


def test_a_url_writes_no_password_into_json():
    url = Url("rtsp://u:s3cret@host/1")
    assert "s3cret" not in json.dumps({"source": url}, default=str)
    with pytest.raises(TypeError):
        msgspec.json.encode({"source": url})


def test_a_url_is_a_value_that_cannot_change():
    url = Url("rtsp://u:p@host/1")
    assert url == Url("rtsp://u:p@host/1") != Url("rtsp://u:q@host/1")
    assert len({url, copy.copy(url), pickle.loads(pickle.dumps(url))}) == 1
    with pytest.raises(AttributeError):
        url._text = "rtsp://other"


@pytest.mark.parametrize(
    ("text", "host", "port", "target"),
    [
        ("rtsp://u:p@Camera.local/a/b?c=1", "camera.local", 554, "/a/b?c=1"),
        ("http://10.0.0.7:8080", "10.0.0.7", 8080, "/"),
        ("rtsps://[fe80::1]:322/x", "fe80::1", 322, "/x"),
        ("HTTPS://host/", "host", 443, "/"),
    ],
)
def test_a_url_knows_where_it_leads(text, host, port, target):
    url = parse_address(text)
    assert (url.host, url.port, url.target) == (host, port, target)
    assert url.scheme == text.partition(":")[0].lower()


@pytest.mark.parametrize(
    "text", ["rtsp://", "rtsp:///path", "rtsp://u:s3cret/x@host:port/1", "http://host:99999/s3cret="]
)
def test_a_url_without_a_host_and_port_is_refused_without_its_password(text):
    with pytest.raises(SourceNotFoundError, match=r"is no address: there is no host and port in it") as raised:
        parse_address(text)
    assert "u:s3cret" not in str(raised.value)


def test_numbers_and_paths_are_told_apart():
    assert parse_address(0) == parse_address("0") == 0
    assert parse_address("film.mp4") == Path("film.mp4")
    assert parse_address(Path("3")) == Path("3")


def test_a_link_to_a_device_file_is_the_cameras_number(tmp_path):
    link = tmp_path / "usb-Webcam-index0"
    link.symlink_to("/dev/video7")
    assert parse_address(link) == parse_address(str(link)) == parse_address("/dev/video7") == 7


def test_a_raspberry_pi_camera_has_size_and_rate():
    assert parse_address("csi:0") == CsiAddress(0, (1280, 720), 30.0)
    assert parse_address("csi:1?size=640x480&fps=12.5") == CsiAddress(1, (640, 480), 12.5)
    assert str(parse_address("csi:1?fps=5")) == "csi:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("csi:", r"csi: is no Raspberry Pi camera; one is named csi:0"),
        ("csi:x", r"csi:x is no Raspberry Pi camera"),
        ("csi:0?width=3", r"there is no option 'width'; there are: size, fps"),
        ("csi:0?size=640", r"size is given like size=1280x720"),
        ("csi:0?size=0x480", r"size is given like"),
        ("csi:0?fps=0", r"fps is given like"),
        ("csi:0?fps=", r"fps is given like"),
        ("csi:0?fps=0.0", r"fps is given like"),
    ],
)
def test_a_raspberry_pi_camera_that_is_misnamed_says_how_it_is_named(text, message):
    with pytest.raises(SourceError, match=message):
        parse_address(text)
