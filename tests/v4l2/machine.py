"""An emulated machine with a V4L2 camera: Debian's kernel, its ``vivid`` test camera, this machine's files.

``tests/v4l2/prepare FOLDER`` fetches what it needs.
"""

import gzip
import shlex
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "v4l2"
PROGRAMS = ("qemu-system-x86_64", "busybox", "modprobe", "cpio", "v4l2-ctl")
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "vivid")


def lacks():
    """Return what is missing here to run the machine, or nothing."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not list(FOLDER.glob("boot/vmlinuz-*")):
        missing.append(f"a kernel in {FOLDER.relative_to(ROOT)}")
    return ", ".join(missing)


def run(command, workshop, timeout_seconds):
    """Run a command in the machine, as root, and return what it printed."""
    image = workshop / "initrd.gz"
    image.write_bytes(gzip.compress(_image(command, workshop), 1))
    kernel = next(FOLDER.glob("boot/vmlinuz-*"))
    machine = [
        "qemu-system-x86_64", "-accel", "tcg", "-cpu", "Haswell", "-m", "1024", "-smp", "1",
        "-nographic", "-no-reboot", "-nic", "none", "-kernel", str(kernel), "-initrd", str(image),
        "-append", "console=ttyS0 quiet panic=-1 loglevel=3",
        "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
    ]  # fmt: skip
    done = subprocess.run(
        machine, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_seconds, check=False
    )
    return done.stdout + done.stderr


def _image(command, workshop):
    """Return the first file system: a shell, the modules in the order of their need, and the command."""
    tree = workshop / "tree"
    for folder in ("modules", "host", "proc", "sys", "dev"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), tree / "busybox")
    shutil.copy(Path(__file__).with_name("init"), tree / "init")
    (tree / "init").chmod(0o755)
    (tree / "command").write_text(shlex.join(command), encoding="utf-8")
    for i, module in enumerate(_modules()):
        shutil.copy(module, tree / "modules" / f"{i:02}-{module.name}")
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    return subprocess.run(
        ["cpio", "--quiet", "--create", "--format", "newc"],
        input=names.encode(), cwd=tree, capture_output=True, check=True,
    ).stdout  # fmt: skip


def _modules():
    version = next((FOLDER / "lib" / "modules").iterdir()).name
    needed = {}
    for module in MODULES:
        ask = ["modprobe", "-d", str(FOLDER), "-S", version, "--show-depends", module]
        answer = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
        needed.update((Path(line.split()[1]), None) for line in answer.splitlines() if line.startswith("insmod"))
    return list(needed)
