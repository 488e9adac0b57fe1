"""Machines for the doctor to look at, as folders: small, made up after the kernel's and the boards' documentation."""

from lepton_edge_runtime.diagnosis.surroundings import Surroundings
from lepton_edge_runtime.errors import ProbeError

BUILD = """
  GUI:                           {gui}
  Video I/O:
    FFMPEG:                      {ffmpeg}
    GStreamer:                   NO
    v4l/v4l2:                    {v4l} (linux/videodev2.h)
"""
DEVICE = {
    "lepton-edge": "0.1.0", "numpy": "2.1.0", "msgspec": "0.19.0", "click": "8.1.7", "ai-edge-litert": "2.3.0",
    "flatbuffers": "24.3.25", "opencv-python-headless": "4.11.0.86",
}  # fmt: skip
_RELEASE = 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'


def arm_cpuinfo(part, features, model, cores=4):
    core = f"processor\t: {{}}\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n"
    return "\n".join(core.format(i) for i in range(cores)) + f"\nRevision\t: c03111\nModel\t\t: {model}\n"


def x86_cpuinfo(flags, name="Imaginary CPU @ 2.00GHz"):
    return f"processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: {name}\nflags\t\t: {flags}\n"


OLD_ARM = "fp asimd evtstrm crc32 cpuid"
NEW_ARM = "fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm asimddp"
PIS = {
    "pi3": ("0xd03", OLD_ARM, "Raspberry Pi 3 Model B Plus Rev 1.3", 921),
    "pi4": ("0xd08", OLD_ARM, "Raspberry Pi 4 Model B Rev 1.4", 3800),
    "pi5": ("0xd0b", NEW_ARM, "Raspberry Pi 5 Model B Rev 1.0", 8100),
}


def write(root, files):
    """Write texts under ``root``."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def surroundings(root, **changes):
    """A healthy device; ``changes`` replace its attributes."""

    def probe(name):
        if name == "cv2":
            return {"version": "4.11.0", "build": BUILD.format(gui="NONE", ffmpeg="YES", v4l="YES")}
        return {"engine": f"{name} 1.0", "notes": [], "observed": []}

    defaults = {
        "root": root, "architecture": "aarch64", "pointer_bits": 64, "python": "3.11.2", "system": "Linux 6.6.31",
        "environment": True, "managed": False, "cores": 4, "packages": DEVICE, "which": lambda program: None,
        "ask": lambda command: None, "may_use": lambda path: True, "group_of": lambda path: "video", "probe": probe,
    }  # fmt: skip
    return Surroundings(**(defaults | changes))


def pi(root, kind, files=(), **changes):
    """A Raspberry Pi 3, 4 or 5."""
    part, features, model, megabytes = PIS[kind]
    write(
        root,
        {
            "proc/cpuinfo": arm_cpuinfo(part, features, model),
            "proc/device-tree/model": model + "\0",
            "proc/meminfo": f"MemTotal: {megabytes * 1024} kB\nMemFree: 1 kB\nMemAvailable: {megabytes * 512} kB\n",
            "etc/os-release": _RELEASE,
            "sys/class/thermal/thermal_zone0/temp": "51540\n",
            **dict(files),
        },
    )
    return surroundings(root, **changes)


def pc(root, flags, files=(), **changes):
    """An x86 machine with these processor flags."""
    write(root, {"proc/cpuinfo": x86_cpuinfo(flags), "etc/os-release": _RELEASE, **dict(files)})
    return surroundings(root, **({"architecture": "x86_64"} | changes))


def failing(message, name):
    """A probe that fails for one thing."""
    healthy = surroundings(None).probe

    def probe(asked):
        if asked == name:
            raise ProbeError(message)
        return healthy(asked)

    return probe
