"""The command line: parse, call the library, print. One module a command."""

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NoReturn

import click

import lepton_edge
from lepton_edge_runtime.errors import LeptonError
from lepton_edge_runtime.text import printable

EXIT_ERROR = 1
EXIT_REFUSED = 3
_REFUSALS = ("GATE", "GOLDEN_MISMATCH", "LOCK_MISMATCH")

COMMANDS: Mapping[str, str] = {
    "convert": "Convert a Keras model into a bundle, proven to be still the same model.",
    "prune": "Remove channels from a Keras model until it is as small or as fast as asked.",
    "search": "Convert under every budget with every scheme: what accuracy costs in time and size.",
    "sensitivity": "Find the layers of a Keras model that cannot bear 8 bits.",
    "adopt": "Make a bundle of a .tflite or .onnx file of others.",
    "inspect": "Show what a bundle or a model file holds.",
    "verify": "Check a bundle's hashes, and its golden samples on every installed engine.",
    "run": "Run a model on a camera, a stream, a video or a folder of pictures.",
    "explain": "Show which places of a picture a model's answer rests on.",
    "bench": "Time a model here, beside the bare engine: percentiles, load time, memory.",
    "tune": "Find the fastest engine and number of threads here, and remember them.",
    "doctor": "Say what is installed, what is missing, and the command that mends it.",
    "demo": "Train, convert and run a small digit reader, start to end.",
}
"""Each a module of this name, loaded when it is called; the words are its help."""


class _Commands(click.Group):
    """Loads a command's module only when it is needed: ``run`` on a device never imports the converter."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the journey."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"lepton_edge.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(lepton_edge.__version__, prog_name="lepton-edge")
def group() -> None:
    """Lepton Edge: from a trained Keras model to a camera on a small computer.

    Exit status: 0 done, 1 an error in one line, 2 wrong usage, 3 a gate refused the model, a bundle
    is not what it or its lock says, or doctor found a fault.
    """


class _PlainFormatter(logging.Formatter):
    """Writes control characters as escapes: what engines say of files of others goes through the log too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return printable(super().format(record))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PlainFormatter("lepton-edge: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    sys.exit(execute(arguments))


def execute(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        result: Any = group.main(arguments, prog_name="lepton-edge", standalone_mode=False)
    except click.ClickException as usage:
        usage.show()
        return usage.exit_code
    except LeptonError as error:
        # What a file of others calls its parts may hold control characters.
        click.echo(f"lepton-edge: {printable(str(error))}", err=True)
        return EXIT_REFUSED if error.code in _REFUSALS else EXIT_ERROR
    except (KeyboardInterrupt, click.Abort):
        return 130  # as a shell reports Ctrl-C
    except BrokenPipeError:
        # Whoever read the output, such as ``head``, has enough; keep Python from flushing into it again.
        sys.stdout = None  # the interpreter's own way to say so
        return 0
    return result if isinstance(result, int) else 0
