import numbered
import pytest

from lepton_edge_runtime.sources import mjpeg
from lepton_edge_runtime.sources.mjpeg import JpegSplitter

PICTURES = [numbered.jpeg(i) for i in range(4)]


def split(content, step):
    splitter = JpegSplitter()
    pieces = (content[i : i + step] for i in range(0, len(content), step))
    return [picture for piece in pieces for picture in splitter.feed(piece)], splitter.skipped


@pytest.mark.parametrize("step", [1, 2, 7, 1000, 65536])
def test_pictures_come_out_as_they_went_in_however_the_bytes_arrive(step):
    assert split(b"".join(PICTURES), step) == (PICTURES, 0)


@pytest.mark.parametrize("step", [1, 3, 65536])
def test_noise_between_pictures_is_stepped_over(step):
    noise = b"\x00\xffnoise\xff\xd8no picture\xff\xd9\xff"
    found, skipped = split(noise + noise.join(PICTURES) + noise, step)
    assert found == PICTURES
    assert skipped >= len(noise) * 4


def test_an_end_marker_inside_a_segment_ends_nothing():
    comment = b"\xff\xfe\x00\x08\xff\xd9\xff\xd8\xff\xd9"
    picture = PICTURES[0][:2] + comment + PICTURES[0][2:]
    assert split(picture + PICTURES[1], 50)[0] == [picture, PICTURES[1]]


def test_fill_bytes_before_a_marker_are_allowed():
    picture = PICTURES[0][:2] + b"\xff\xff" + PICTURES[0][2:]
    assert split(picture * 2, 50)[0] == [picture] * 2


def test_a_picture_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(mjpeg, "_LARGEST_BYTES", 20_000)
    endless = PICTURES[0][:-2] + b"\x00" * 30_000
    assert split(endless + PICTURES[1], 1000)[0] == [PICTURES[1]]
