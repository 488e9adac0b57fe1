import machines
import pytest

from lepton_edge_runtime import machine
from lepton_edge_runtime.machine import describe_machine, read_processor, resident_mb, usable_cores


@pytest.mark.parametrize(
    ("kind", "name", "features"),
    [
        ("pi3", "Cortex-A53, Raspberry Pi 3 Model B Plus Rev 1.3", {"asimd"}),
        ("pi4", "Cortex-A72, Raspberry Pi 4 Model B Rev 1.4", {"asimd"}),
        (
            "pi5",
            "Cortex-A76, Raspberry Pi 5 Model B Rev 1.0",
            {"asimd", "asimddp", "asimdhp", "fphp", "atomics"},
        ),
    ],
)
def test_a_raspberry_pi_is_named_by_its_cores_and_its_board(tmp_path, kind, name, features):
    machines.pi(tmp_path, kind)
    processor = read_processor(tmp_path)
    assert processor.name == name
    assert processor.features == features


def test_unlike_cores_are_all_named(tmp_path):
    text = machines.arm_cpuinfo("0xd05", "fp asimd", "A phone") + machines.arm_cpuinfo("0xfff", "fp asimd", "A phone")
    machines.write(tmp_path, {"proc/cpuinfo": text})
    assert read_processor(tmp_path).name == "Cortex-A55, Arm core 0xfff, A phone"


def test_an_x86_is_named_as_it_calls_itself_and_flags_that_matter_to_no_engine_are_left_out(tmp_path):
    machines.pc(tmp_path, "fpu sse2 avx2 fma ibrs md_clear")
    processor = read_processor(tmp_path)
    assert processor.name == "Imaginary CPU @ 2.00GHz"
    assert processor.features == {"avx2", "fma"}


def test_without_proc_the_platforms_word_will_do(tmp_path):
    assert read_processor(tmp_path).name
    assert read_processor(tmp_path).features == frozenset()


def test_this_machine_has_a_name_cores_and_memory(monkeypatch):
    assert f", {usable_cores()} core" in describe_machine()
    assert 5 < resident_mb() < 100_000
    monkeypatch.setattr(machine, "Path", lambda path: (_ for _ in ()).throw(OSError))
    assert resident_mb() is None
