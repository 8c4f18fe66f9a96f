"""The `aicache` command. What each subcommand does is a module of its own, imported when it is asked for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from aicache.errors import AICacheError, BackendError, MissingExtraError

__all__ = ["main"]

INTERRUPTED = 130  # 128 and the number of the signal, as shells count


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (None: those of the process) and return its exit code.

    0: done. 1: something it needs is not there or failed. 2: the command line asks for what cannot be. 130:
    interrupted. As ever with argparse, `--help`, `--version` and a malformed option raise `SystemExit`.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("aicache: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BackendError, MissingExtraError, OSError) as error:
        return _complain(error, 1)
    except AICacheError as error:
        return _complain(error, 2)
    return code


def _run(arguments: argparse.Namespace) -> int:
    code: int = import_module(f"aicache.cli.{arguments.home}").run(arguments)
    return code


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"aicache: error: {error}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    from aicache.cli import cassette, explain
    from aicache.cli.demo import arguments as demo

    parser = argparse.ArgumentParser(prog="aicache", description="A pluggable, tiered cache for AI answers.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and stop")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, home, declares, says in (
        ("demo", "demo.command", demo, "replay a real request trace through the tiers"),
        ("explain", "explain", explain, "say why two requests have different keys"),
        ("cassette", "cassette", cassette, "list the answers in a file of recorded ones"),
    ):
        command = commands.add_parser(name, help=says, description=declares.DESCRIPTION)
        declares.add_options(command)
        command.set_defaults(home=home)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from aicache import __version__

        sys.stdout.write(f"aicache {__version__}\n")
        parser.exit()
