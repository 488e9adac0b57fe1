"""What the doctor finds, on machines that are folders, and on this one."""

import json
import signal
import subprocess
import sys
from importlib.resources import files

import machines
import numpy as np
import pytest
from machines import failing, pc, pi, surroundings

import lepton_edge as le
from lepton_edge_runtime import children
from lepton_edge_runtime.backends import BACKENDS, open_backend
from lepton_edge_runtime.children import ask_child
from lepton_edge_runtime.diagnosis import TOPICS, doctor
from lepton_edge_runtime.diagnosis.packages import PARTS
from lepton_edge_runtime.diagnosis.probe import PROBES
from lepton_edge_runtime.errors import ProbeError
from lepton_edge_runtime.formats.tflite import read_tflite


def states(found):
    return {one.what: one.state for one in found.findings}


def without(*packages):
    return {name: version for name, version in machines.DEVICE.items() if name not in packages}


# Whole machines


def test_a_pi_5_in_good_order_has_no_problem(tmp_path):
    found = doctor(pi(tmp_path, "pi5"))
    assert found.healthy
    assert found.find("board").detail == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.find("processor").detail.startswith("Cortex-A76")
    assert found.find("dot product").state == found.find("LSE atomics").state == "good"
    assert found.find("float16").state == "good"
    assert found.find("operating system").detail == "Debian GNU/Linux 12 (bookworm) (Linux 6.6.31)"
    assert found.find("temperature").detail == "52 °C"


@pytest.mark.parametrize("kind", ["pi3", "pi4"])
def test_an_older_pi_is_told_what_it_lacks_in_words(tmp_path, kind):
    found = doctor(pi(tmp_path, kind))
    assert found.healthy
    assert "int8 takes about twice the work" in found.find("dot product").detail
    assert "CompiledModel would kill the process; Lepton Edge does not use it" in found.find("LSE atomics").detail
    assert "not faster" in found.find("float16").detail


def test_an_x86_without_vnni_is_told_what_onnx_does_there(tmp_path):
    found = doctor(pc(tmp_path, "avx2 fma"))
    assert found.find("VNNI").state == "note"
    assert "ONNX int8 runs in exact mode, about 3 times slower" in found.find("VNNI").detail
    assert "AVX2" not in states(found)


@pytest.mark.parametrize("flag", ["avx512_vnni", "avx_vnni"])
def test_either_kind_of_vnni_is_good(tmp_path, flag):
    assert doctor(pc(tmp_path, f"avx2 {flag}")).find("VNNI").state == "good"


def test_an_old_x86_is_slow(tmp_path):
    assert doctor(pc(tmp_path, "sse2")).find("AVX2").state == "note"


def test_an_arm_without_neon_runs_nothing(tmp_path):
    found = doctor(surroundings(tmp_path))
    assert found.find("NEON").state == "problem"


def test_this_machine_is_described():
    found = doctor()
    assert {one.topic for one in found.findings} <= set(TOPICS)
    assert [one.topic for one in found.findings] == sorted(
        (one.topic for one in found.findings), key=list(TOPICS).index
    )
    assert found.find("base packages").state == "good"
    for name, engine in BACKENDS.items():
        assert found.find(f"backend {name}").detail.startswith(f"{engine.distribution} ")
    assert "loads and runs" in found.find("backend onnx").detail
    assert json.loads(json.dumps(found.to_dict()))["healthy"] is found.healthy


def test_every_problem_has_a_way_to_mend_it(tmp_path):
    broken = pi(
        tmp_path, "pi4", pointer_bits=32, python="3.9.2", packages={"lepton-edge": "1", "lepton-edge-runtime": "1"},
        probe=failing("libGL.so.1: cannot open shared object file", "cv2"), may_use=lambda path: False,
        files={"dev/video0": "", "sys/class/video4linux/video0/name": "A webcam\n"},
        ask=lambda command: "throttled=0x50005",
    )  # fmt: skip
    problems = doctor(broken).problems
    assert len(problems) >= 7
    assert all(one.mend for one in problems)


# System


@pytest.mark.parametrize(
    ("architecture", "bits", "state", "words"),
    [
        ("aarch64", 64, "good", "aarch64"),
        ("x86_64", 64, "good", "x86_64"),
        ("aarch64", 32, "problem", "the kernel is 64-bit (aarch64), the programs are 32-bit"),
        ("armv7l", 32, "problem", "64-bit x86-64 and Arm"),
        ("riscv64", 64, "problem", "64-bit x86-64 and Arm"),
    ],
)
def test_only_64_bit_will_do(tmp_path, architecture, bits, state, words):
    found = doctor(surroundings(tmp_path, architecture=architecture, pointer_bits=bits)).find("architecture")
    assert found.state == state
    assert words in found.detail


@pytest.mark.parametrize(
    ("python", "state"), [("3.10.1", "problem"), ("3.11.2", "good"), ("3.13.0", "good"), ("3.14.0", "note")]
)
def test_python_is_new_enough_and_not_too_new(tmp_path, python, state):
    assert doctor(surroundings(tmp_path, python=python)).find("Python").state == state


def test_a_system_python_that_refuses_pip_is_told_of_venv(tmp_path):
    found = doctor(surroundings(tmp_path, environment=False, managed=True)).find("virtual environment")
    assert "externally managed" in found.detail
    assert found.mend.startswith("python3 -m venv")


def test_little_memory_is_noted(tmp_path):
    meminfo = {"proc/meminfo": "MemTotal: 512000 kB\nMemAvailable: 100000 kB\n"}
    found = doctor(pi(tmp_path, "pi3", files=meminfo)).find("memory")
    assert (found.state, found.detail.split(";")[0]) == ("note", "97 of 500 MB available")


def test_a_containers_quota_is_told(tmp_path):
    found = doctor(pi(tmp_path, "pi4", files={"sys/fs/cgroup/cpu.max": "150000 100000\n"})).find("cores")
    assert found.state == "note"
    assert "held to the time of 1.5" in found.detail
    unlimited = doctor(pi(tmp_path, "pi4", files={"sys/fs/cgroup/cpu.max": "max 100000\n"})).find("cores")
    assert (unlimited.state, unlimited.detail) == ("good", "4 for this process")


# Packages


def test_parts_are_those_of_the_project_file():
    import re
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    listed = {extra: part.packages for extra, part in PARTS.items()}
    needed = {
        extra: tuple(
            name for name in (re.split(r"[<>=\[]", need)[0] for need in needs) if name not in ("lepton-edge", "click")
        )
        for extra, needs in {"": project["dependencies"], **project["optional-dependencies"]}.items()
        if extra in PARTS
    }
    assert listed == needed


def test_a_missing_part_is_a_note_with_the_command(tmp_path):
    found = doctor(surroundings(tmp_path))
    assert found.find("[onnx]").state == "note"
    assert found.find("[onnx]").mend == "pip install 'lepton-edge[onnx]'"
    assert found.find("[convert]").detail == "for converting Keras models: not installed"


def test_half_a_part_names_the_missing_half(tmp_path):
    found = doctor(surroundings(tmp_path, packages=without("flatbuffers"))).find("[tflite]")
    assert found.detail == "ai-edge-litert 2.3.0; missing: flatbuffers"


def test_no_engine_at_all_is_a_problem(tmp_path):
    found = doctor(surroundings(tmp_path, packages=without("ai-edge-litert")))
    assert found.find("engine").state == "problem"
    assert found.find("engine").mend == "pip install 'lepton-edge[tflite]'"


def test_the_runtime_only_wheel_is_mended_by_its_own_name_and_needs_no_click(tmp_path):
    packages = without("lepton-edge", "ai-edge-litert", "click") | {"lepton-edge-runtime": "0.1.0"}
    found = doctor(surroundings(tmp_path, packages=packages))
    assert found.find("Lepton Edge").detail == "lepton-edge-runtime 0.1.0"
    assert found.find("engine").mend == "pip install 'lepton-edge-runtime[tflite]'"
    assert not {"command line", "[convert]", "[demo]"} & set(states(found))
    assert doctor(surroundings(tmp_path, packages=without("click"))).find("command line").state == "problem"


def test_both_wheels_at_once_clash(tmp_path):
    found = doctor(surroundings(tmp_path, packages=machines.DEVICE | {"lepton-edge-runtime": "0.1.0"}))
    assert found.find("Lepton Edge").state == "problem"
    assert found.find("Lepton Edge").mend == (
        "pip uninstall -y lepton-edge lepton-edge-runtime && pip install lepton-edge"
    )


# OpenCV


def test_two_flavours_of_opencv_clash(tmp_path):
    found = doctor(surroundings(tmp_path, packages=machines.DEVICE | {"opencv-python": "4.11.0.86"}))
    clash = found.find("OpenCV flavours")
    assert clash.state == "problem"
    assert clash.detail.startswith("opencv-python and opencv-python-headless overwrite each other")
    assert clash.mend.startswith("pip uninstall -y opencv-python opencv-python-headless && pip install")


@pytest.mark.parametrize(
    ("version", "numpy", "clashes"),
    [
        ("4.12.0.88", "1.26.4", True),
        ("5.0.0.93", "1.24.2", True),
        ("4.11.0.86", "1.26.4", False),
        ("4.12.0.88", "2.1.0", False),
    ],
)
def test_numpy_1_clashes_with_new_opencv(tmp_path, version, numpy, clashes):
    packages = machines.DEVICE | {"opencv-python-headless": version, "numpy": numpy}
    found = doctor(surroundings(tmp_path, packages=packages))
    assert (states(found).get("OpenCV and numpy") == "problem") is clashes


def test_the_systems_own_opencv_is_named_so(tmp_path):
    found = doctor(surroundings(tmp_path, packages=without("opencv-python-headless"))).find("OpenCV")
    assert found.detail == "4.11.0 (the system's own)"


@pytest.mark.parametrize(
    ("problem", "packages", "state", "mend"),
    [
        ("No module named 'cv2'", without("opencv-python-headless"), "note", "lepton-edge[camera]"),
        (
            "ImportError: libGL.so.1: cannot open shared object file",
            without("opencv-python-headless") | {"opencv-python": "4.11.0.86"},
            "problem",
            "pip uninstall -y opencv-python && pip install opencv-python-headless, or: sudo apt install libgl1",
        ),
        ("its process was killed by SIGILL", machines.DEVICE, "problem", "--force-reinstall opencv-python-headless"),
    ],
)
def test_an_opencv_that_does_not_load_is_told_with_its_remedy(tmp_path, problem, packages, state, mend):
    found = doctor(surroundings(tmp_path, packages=packages, probe=failing(problem, "cv2"))).find("OpenCV")
    assert found.state == state
    assert mend in found.mend


@pytest.mark.parametrize(
    ("built", "words", "state"),
    [
        ({"gui": "NONE", "ffmpeg": "YES", "v4l": "YES"}, "no windows, FFmpeg, V4L2, no GStreamer", "good"),
        ({"gui": "QT5", "ffmpeg": "YES", "v4l": "YES"}, "windows, FFmpeg, V4L2, no GStreamer", "good"),
        ({"gui": "NONE", "ffmpeg": "NO", "v4l": "YES"}, "no FFmpeg, V4L2, no GStreamer: no videos", "note"),
        ({"gui": "NONE", "ffmpeg": "YES", "v4l": "NO"}, "no V4L2, no GStreamer: no USB cameras", "note"),
    ],
)
def test_what_opencv_can_do_is_read_from_how_it_was_built(tmp_path, built, words, state):
    answer = {"version": "4.11.0", "build": machines.BUILD.format(**built)}
    found = doctor(surroundings(tmp_path, probe=lambda name: answer if name == "cv2" else {}, packages={}))
    assert found.find("OpenCV abilities").state == state
    assert words in found.find("OpenCV abilities").detail


def test_an_old_opencv_is_a_problem(tmp_path):
    answer = {"version": "4.5.1", "build": ""}
    found = doctor(surroundings(tmp_path, probe=lambda name: answer if name == "cv2" else {}, packages={}))
    assert found.find("OpenCV").detail.startswith("4.5.1 (the system's own); 4.6 or newer")


# Engines


def test_an_engine_that_kills_its_process_is_a_finding(tmp_path):
    found = doctor(surroundings(tmp_path, probe=failing("its process was killed by SIGILL", "tflite")))
    assert found.find("backend tflite").state == "problem"
    assert "killed by SIGILL" in found.find("backend tflite").detail
    assert found.find("cameras")  # and the doctor went on


def test_an_engines_notes_are_told(tmp_path):
    answer = {"engine": "onnxruntime 1.32.0", "notes": ["kernels overflow"], "observed": []}
    at = surroundings(tmp_path)
    packages = machines.DEVICE | {"onnxruntime": "1.32.0"}
    found = doctor(
        surroundings(tmp_path, packages=packages, probe=lambda name: answer if name == "onnx" else at.probe(name))
    )
    assert found.find("backend onnx").state == "note"
    assert found.find("backend onnx").detail == "onnxruntime 1.32.0 loads and runs; kernels overflow"


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_has_a_probe_that_it_runs(name):
    content = files("lepton_edge_runtime").joinpath(PROBES[name]).read_bytes()
    backend = open_backend(name, content)
    assert backend.run()
    backend.close()
    answer = ask_child("diagnosis.probe", name)
    assert answer["engine"].startswith(BACKENDS[name].distribution)


def test_the_tflite_probe_is_what_it_says():
    content = files("lepton_edge_runtime.diagnosis").joinpath("relu.tflite").read_bytes()
    assert read_tflite(content).counts() == {"RELU": 1}
    backend = open_backend("tflite", content)
    backend.input_view(0)[...] = [-1, 0, 2, -3]
    np.testing.assert_array_equal(backend.run()[0], [[0, 0, 2, 0]])


# Fresh processes


def test_a_child_that_is_killed_fails_or_hangs_is_an_error_with_its_reason(monkeypatch):
    real = subprocess.run

    def run_as(code):
        monkeypatch.setattr(
            children.subprocess, "run", lambda command, **options: real([sys.executable, "-c", code], **options)
        )

    run_as(f"import os; os.kill(os.getpid(), {int(signal.SIGILL)})")
    with pytest.raises(ProbeError, match="its process was killed by SIGILL"):
        ask_child("any")
    run_as("import no_such_package")
    with pytest.raises(ProbeError, match="No module named 'no_such_package'"):
        ask_child("any")
    run_as("print('a greeting')")
    with pytest.raises(ProbeError, match="its process ended with status 0"):
        ask_child("any")
    run_as("import time; time.sleep(60)")
    with pytest.raises(ProbeError, match=r"it did not answer within 0\.5 s"):
        ask_child("any", timeout_seconds=0.5)
    run_as("print('a greeting'); print('{\"a\": 1}')")
    assert ask_child("any") == {"a": 1}


# Cameras


WEBCAM = {
    "dev/video0": "", "dev/video1": "", "dev/video10": "",
    "sys/class/video4linux/video0/name": "HD Webcam\n", "sys/class/video4linux/video0/index": "0\n",
    "sys/class/video4linux/video1/name": "HD Webcam\n", "sys/class/video4linux/video1/index": "1\n",
    "sys/class/video4linux/video10/name": "bcm2835-codec-decode\n", "sys/class/video4linux/video10/index": "0\n",
}  # fmt: skip


def test_a_webcam_is_one_camera_and_a_codec_is_none(tmp_path):
    found = doctor(pi(tmp_path, "pi4", files=WEBCAM))
    assert [one.what for one in found.findings if one.what.startswith("camera")] == ["camera 0"]
    assert found.find("camera 0").detail == "HD Webcam (/dev/video0)"


def test_a_camera_that_this_user_may_not_use_names_the_group(tmp_path):
    found = doctor(pi(tmp_path, "pi4", files=WEBCAM, may_use=lambda path: False)).find("camera 0")
    assert found.state == "problem"
    assert "belongs to the group video" in found.detail
    assert found.mend == "sudo usermod -aG video $USER, then log out and in again"


def test_no_camera_is_no_problem(tmp_path):
    found = doctor(pi(tmp_path, "pi4"))
    assert found.find("cameras").state == "note"
    assert found.healthy


@pytest.mark.parametrize("port", ["unicam-image", "rp1-cfe-csi2_ch0"])
def test_a_ribbon_camera_wants_the_program_that_reads_it(tmp_path, port):
    files = {"dev/video0": "", "sys/class/video4linux/video0/name": f"{port}\n"}
    found = doctor(pi(tmp_path, "pi5", files=files)).find("ribbon cameras")
    assert (found.state, found.mend) == ("problem", "sudo apt install rpicam-apps")
    has = doctor(pi(tmp_path, "pi5", files=files, which=lambda program: f"/usr/bin/{program}"))
    assert has.find("ribbon cameras").detail == "/usr/bin/rpicam-vid reads them"
    assert "cameras" not in states(has)


# Raspberry Pi


@pytest.mark.parametrize(
    ("bits", "state", "words", "mend"),
    [
        ("0x0", "good", "never held back", ""),
        ("0x50005", "problem", "the voltage is too low, the clock is throttled", "power supply"),
        ("0x50000", "note", "at some time: the voltage is too low, the clock is throttled", "power supply"),
        ("0x80008", "problem", "it is too hot", "heat sink"),
    ],
)
def test_a_pi_held_back_is_told_why(tmp_path, bits, state, words, mend):
    by_program = doctor(pi(tmp_path, "pi5", ask=lambda command: f"throttled={bits}")).find("power and clock")
    path = "sys/devices/platform/soc/soc:firmware/get_throttled"
    by_file = doctor(pi(tmp_path, "pi4", files={path: f"{bits.removeprefix('0x')}\n"})).find("power and clock")
    assert by_program == by_file
    assert by_file.state == state
    assert words in by_file.detail
    assert mend in by_file.mend


def test_a_hot_pi_is_told_so(tmp_path):
    found = doctor(pi(tmp_path, "pi4", files={"sys/class/thermal/thermal_zone0/temp": "81250\n"})).find("temperature")
    assert found.state == "note"
    assert found.detail.startswith("81 °C")


def test_a_pc_is_asked_nothing_of_a_pi(tmp_path):
    found = doctor(pc(tmp_path, "avx2", ask=lambda command: "throttled=0x50005"))
    assert not any(one.topic == "raspberry" for one in found.findings)


def test_looking_loads_no_engine_and_no_tensorflow():
    code = "import lepton_edge as le; le.doctor(); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"tensorflow", "onnxruntime", "ai_edge_litert", "cv2"} & set(done.stdout.split()) == set()


def test_a_broken_numpy_is_a_finding(tmp_path):
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "import lepton_edge as le; found = le.doctor(); print(found.find('engines').detail)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nothing can be tried: ")


def test_the_public_name_is_the_rooms():
    assert le.doctor is doctor
