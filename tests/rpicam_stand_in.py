"""What ``rpicam-vid`` is to a test: an executable that writes numbered JPEG pictures, or fails as it may.

Installed on the PATH by ``install``, which says what it does there.
"""

import os
import signal
import sys
import time
from pathlib import Path

BEHAVIOURS = {
    "good": "pictures at the rate asked for, until it is stopped",
    "dies": "five pictures, then an error and status 255",
    "refuses": "no picture: there is no such camera",
    "silent": "nothing, for ever",
    "stalls": "five pictures, then nothing",
    "garbage": "bytes that are no picture, for ever",
    "soiled": "pictures with noise before, after and between them, one of them cut short",
    "stubborn": "pictures, and it takes no SIGTERM",
    "chatty": "pictures, and a page of words with each",
}


def install(folder, behaviour, name="rpicam-vid"):
    """Write the executable into ``folder``; it notes its number and arguments in files beside it."""
    path = Path(folder) / name
    path.write_text(
        f"#!{sys.executable}\n"
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"import rpicam_stand_in; rpicam_stand_in.main({behaviour!r}, {str(folder)!r})\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def main(behaviour, folder):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(folder, "pid").write_text(str(os.getpid()), encoding="utf-8")
    Path(folder, "arguments").write_text("\n".join(sys.argv[1:]), encoding="utf-8")
    say("[0:01:02] INFO Camera camera_manager.cpp:326 libcamera v0.5.1")
    if behaviour == "refuses":
        say("ERROR: *** no cameras available ***")
        sys.exit(255)
    if behaviour == "silent":
        time.sleep(600)
    fps = float(sys.argv[sys.argv.index("--framerate") + 1])
    for number in range(100_000):
        write(behaviour, number)
        time.sleep(1 / fps)


def write(behaviour, number):
    import numbered  # after the words above: OpenCV takes its time

    picture = numbered.jpeg(number % 1024)
    if behaviour == "garbage":
        picture = bytes((position * 197 + number) & 255 for position in range(len(picture)))
    if behaviour == "soiled":
        picture = b"\xff\xd8noise\xff" + (picture[:-400] if number == 3 else picture) + b"\xff\xd9 more noise \xff"
    if behaviour == "chatty":
        say("x" * 4000)
    if behaviour in {"dies", "stalls"} and number == 5:
        if behaviour == "stalls":
            time.sleep(600)
        say("ERROR: *** failed to start camera ***")
        sys.exit(255)
    sys.stdout.buffer.write(picture)
    sys.stdout.buffer.flush()


def say(words):
    print(words, file=sys.stderr, flush=True)
