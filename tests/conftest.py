"""Fixtures: small models, bundles made from them, and the real data where it lies."""

from pathlib import Path

import browser
import keras_models
import numpy as np
import pytest
from model_files import saver
from warm_workers import FRESH, WarmWorkers

import lepton_edge as le
from lepton_edge_converters.worker import Worker


def pytest_addoption(parser):
    # With "=": pytest looks for this file before it knows the option, and would take a DIR of its own for tests.
    parser.addoption(
        "--real-data", type=Path, metavar="DIR", help="--real-data=DIR: real models and pictures [../shared/data]"
    )


@pytest.fixture(scope="session")
def real_data(request):
    """The folder of real models, pictures and videos; the test is skipped where it is absent."""
    folder = request.config.getoption("--real-data") or request.config.rootpath.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data is not at {folder}; say where with --real-data=DIR, written with the =")
    return folder


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """The command line never finds the choices of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "lepton-edge"


@pytest.fixture(scope="session", autouse=True)
def warm_workers():
    """Fork the workers of this process from one that has TensorFlow."""
    warm = WarmWorkers()
    with pytest.MonkeyPatch.context() as patch:
        warm.use(patch)
        yield
    warm.close()


@pytest.fixture
def fresh_workers(monkeypatch):
    """Start workers as users do, each with addresses and tables of its own."""
    monkeypatch.setattr(Worker, "_launched", FRESH)


@pytest.fixture(scope="session")
def keras_file(tmp_path_factory):
    """Return a function: the ``.keras`` file of a kind of small model, trained once a session."""
    with Worker() as worker:
        yield saver(worker, "keras_models:save", tmp_path_factory.mktemp("keras"))


@pytest.fixture(scope="session")
def converted(keras_file, tmp_path_factory):
    """The pattern reader, converted to int8: bundle and report."""
    path = tmp_path_factory.mktemp("bundle") / "patterns.lepton"
    report = le.convert(
        keras_file("sequential"), path, data=keras_models.patterns(200, seed=7), labels=["a", "b", "c", "d"]
    )
    return path, report


@pytest.fixture(scope="session")
def bundle(converted):
    """The pattern reader's bundle: int8, both formats, uint8 in and out."""
    return converted[0]


@pytest.fixture(scope="session")
def pictures():
    """Unseen patterns, RGB, and which they are."""
    return keras_models.patterns(40, seed=11)


@pytest.fixture
def frame(pictures):
    """One pattern as a camera gives it: 48 × 64, BGR."""
    return np.ascontiguousarray(np.kron(pictures[0][0], np.ones((2, 2, 1), np.uint8))[..., ::-1])


@pytest.fixture(scope="session")
def video(tmp_path_factory, pictures):
    """A film of 40 patterns, 96 × 96."""
    from lepton_edge_runtime.recorder import Recorder

    path = tmp_path_factory.mktemp("video") / "patterns.avi"
    with Recorder(path, fps=10) as recorder:
        for picture in pictures[0]:
            recorder.write(np.ascontiguousarray(np.kron(picture, np.ones((4, 4, 1), np.uint8))[..., ::-1]))
    return path


@pytest.fixture
def folder(tmp_path, pictures):
    """A folder of eight pictures, one of them broken."""
    import cv2

    path = tmp_path / "pictures"
    path.mkdir()
    for i, picture in enumerate(pictures[0][:8]):
        cv2.imwrite(str(path / f"{i}.png"), picture[..., ::-1])
    (path / "3.png").write_bytes(b"no picture")
    return path


@pytest.fixture(scope="module")
def chromium():
    """The browser that pages are looked at in."""
    path = browser.find_browser()
    if path is None:
        pytest.skip(f"no browser to open the page in: {' or '.join(browser.NAMES)} (Debian's package chromium)")
    return path
