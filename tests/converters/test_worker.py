"""What a worker promises, kept by those that users get and by those that these tests fork."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from lepton_edge_converters.errors import ConversionError, LoadError, WorkerCrashedError
from lepton_edge_converters.worker import Worker, report_progress, workplace


def add(one, other):
    report_progress("adding", 1, 2)
    report_progress("adding", 2, 2)
    return one + other


def process():
    return os.getpid()


def chat():
    print("to standard output")
    print("to standard error", file=sys.stderr)
    os.write(2, b"from C\n")


def crash():
    os.write(2, b"Fatal: the library gave up\n")
    os.kill(os.getpid(), signal.SIGSEGV)


def leave():
    os._exit(7)


def leave_a_file():
    handle, path = tempfile.mkstemp()
    return path, handle


def fail():
    raise ValueError("no such layer\nand much more")


def refuse():
    raise LoadError("not this one")


@pytest.fixture
def worker():
    with Worker() as one:
        yield one


def call(worker, job, *arguments, **options):
    return worker.call(f"test_worker:{job}", *arguments, **options)


@pytest.fixture(autouse=True, params=["fresh", "forked"])
def _started(request):
    if request.param == "fresh":
        request.getfixturevalue("fresh_workers")


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def test_it_has_what_its_parent_has(monkeypatch, tmp_path):
    monkeypatch.setenv("SAID", "so")
    monkeypatch.chdir(tmp_path)
    with Worker() as other:
        assert (other.call("os:getenv", "SAID"), Path(other.call("os:getcwd"))) == ("so", tmp_path)
        monkeypatch.delenv("SAID")
    with Worker() as other:
        assert other.call("os:getenv", "SAID") is None


def test_a_job_gives_its_result_and_its_progress(worker):
    told = []
    assert call(worker, "add", 2, 3, progress=lambda *step: told.append(step)) == 5
    assert told == [("adding", 1, 2), ("adding", 2, 2)]


def test_one_process_serves_all_jobs(worker):
    assert call(worker, "process") == call(worker, "process") != os.getpid()


def test_a_crash_is_an_error_message_and_the_next_call_works(worker):
    first = call(worker, "process")
    with pytest.raises(WorkerCrashedError, match=r"'crash' killed its process \(SIGSEGV\).*the library gave up"):
        call(worker, "crash")
    assert call(worker, "process") != first


def test_leaving_is_a_crash_too(worker):
    with pytest.raises(WorkerCrashedError, match=r"exit code 7"):
        call(worker, "leave")


def test_errors_of_ours_come_through_and_others_become_one_line(worker):
    with pytest.raises(LoadError, match="not this one"):
        call(worker, "refuse")
    with pytest.raises(ConversionError, match="fail: ValueError: no such layer$"):
        call(worker, "fail")
    assert call(worker, "add", 1, 1) == 2


def test_what_a_job_prints_stays_in_the_log(worker, capfd):
    call(worker, "chat")
    assert capfd.readouterr() == ("", "")


def test_what_a_job_prints_is_shown_when_asked(capfd):
    with Worker(verbose=True) as worker:
        call(worker, "chat")
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "from C" in printed.err


def test_no_process_is_left_behind():
    with Worker() as worker:
        pid = call(worker, "process")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("name", ["TF_USE_LEGACY_KERAS", "TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS"])
def test_what_the_shell_asks_of_tensorflow_is_not_inherited(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    with Worker() as worker:
        assert worker.call("os:getenv", name) is None
        assert worker.call("os:getenv", "TF_CPP_MIN_LOG_LEVEL") == "3"


def test_a_workplace_is_gone_afterwards_with_all_that_a_killed_process_left():
    with pytest.raises(WorkerCrashedError), workplace(verbose=False) as (folder, worker):  # noqa: PT012 - one story
        left, _ = call(worker, "leave_a_file")
        assert Path(left).is_relative_to(folder)
        assert Path(left).exists()
        call(worker, "crash")
    assert not folder.exists()


def test_keras_reads_no_settings_of_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with workplace(verbose=False) as (folder, worker):
        assert Path(worker.call("os:getenv", "KERAS_HOME")).is_relative_to(folder)
