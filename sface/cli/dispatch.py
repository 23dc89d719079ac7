"""The commands `sface VERB ...` and `face-verify`: dispatch only.

A verb's module in `sface/cli/` has `add_arguments(parser)` and `run(args, output) -> exit code`. Only the module
of the verb that was asked for is imported, so that `face-verify --help` doesn't pay for what it does not use.
"""

import argparse
import contextlib
import importlib
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from ..errors import SFaceError, StorageError, UsageError
from ..output import Output

# verb, which is the name of its module in sface/cli: what it does
VERBS = {
    "train": "train a network with the SFace loss",
    "data": "convert a training set to another layout, or check it",
    "synth": "draw a set of made-up people: pictures and a training set",
    "export": "write a checkpoint as an ONNX file, proven equal",
    "verify": "do two photos show the same person? (= face-verify)",
    "optimize": "make any face network's ONNX file faster, proven equal",
    "inspect": "say what an ONNX file holds, anybody's: inputs, metadata, operators, sizes",
    "zoo": "list or get the published files of others: a strong network, a detector",
    "align": "cut the faces out of people's photos, as a training set",
    "embed": "write the embeddings of all faces in a folder of photos to a file",
    "enroll": "add people's photos to a gallery",
    "identify": "who is on a photo, of the people in a gallery?",
    "gallery": "check a gallery and list its people, or remove one",
    "eval": "measure how well networks tell people apart, with intervals; write a report",
    "card": "write a model card from a model file and its evaluation",
    "calibrate": "measure the threshold for a false match rate and write it into the file",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors like all others, so that they too can be JSON.

    Long options are defined with underscores, as the published code has them; dashes do as well.
    """

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As argparse's, of options in either spelling."""
        given = list(args or ())
        end = given.index("--") if "--" in given else len(given)
        return super().parse_known_args([*map(_with_underscores, given[:end]), *given[end:]], namespace)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} ({self.prog} --help tells more)")


def _with_underscores(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return f"--{name[2:].replace('-', '_')}{equals}{value}" if name.startswith("--") and len(name) > 2 else argument


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sface VERB ...`; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in VERBS:
        return _run(f"sface {arguments[0]}", arguments[0], arguments[1:])
    parser = argparse.ArgumentParser(prog="sface", description="Train, export and use face-recognition networks.")
    parser.add_argument("--version", action="store_true", help="print the version")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    for verb, description in VERBS.items():
        verbs.add_parser(verb, help=description, add_help=False)
    if parser.parse_args(arguments).version:
        from .. import __version__

        Output().result(f"sface {__version__}", {})
        return 0
    parser.print_help(sys.stderr)
    return 2


def face_verify(argv: Sequence[str] | None = None) -> int:
    """Run `face-verify A B ...`; returns the exit code."""
    return _run("face-verify", "verify", list(sys.argv[1:] if argv is None else argv))


def _run(prog: str, verb: str, arguments: list[str]) -> int:
    module: ModuleType = importlib.import_module(f".{verb}", __package__)
    parser = _Parser(prog=prog, description=module.__doc__ or VERBS[verb])
    module.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, alone on stdout; errors too")
    parser.add_argument("--quiet", action="store_true", help="no notes, no progress")
    output = Output(as_json="--json" in arguments, options={})
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream of the caller's own
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # a library's warnings are for those who program with it
    try:
        return _answer(module, parser, arguments, output)
    except BrokenPipeError:
        # Nobody reads on; Python would complain once more when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SFaceError.exit_code


def _answer(module: ModuleType, parser: argparse.ArgumentParser, arguments: list[str], output: Output) -> int:
    """Run a verb; whatever goes wrong becomes one line, or one JSON object, and an exit code of 2 or more."""
    try:
        args = parser.parse_args(arguments)
        args.command = shlex.join([*parser.prog.split(), *arguments])
        output = Output(as_json=args.json, quiet=args.quiet, options=getattr(module, "OPTIONS", {}))
        code: int = module.run(args, output)
        return code
    except SFaceError as error:
        output.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        output.error(SFaceError("interrupted"))
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:
        # What no room foresaw: a folder without permission, a disk that went away.
        failed = StorageError(f"{error.filename or parser.prog}: {error.strerror or error}")
        output.error(failed)
        return failed.exit_code
    except Exception as error:
        # A fault of ours. Python would end with 1, which is an answer of face-verify's.
        traceback.print_exc()
        output.error(SFaceError(f"a fault in sface: {type(error).__name__}: {error}; please report it"))
        return SFaceError.exit_code
