"""The options of `sface export` for a file of published weights, which does not say which network it is of."""

import argparse
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..models import NetworkConfig

_REQUIRED = ("net", "embedding_size", "input_scale")
_ALL = (*_REQUIRED, "input_size")


def add_network(parser: argparse.ArgumentParser) -> None:
    """--net and the fields of `NetworkConfig`; `read_network` reads them."""
    group = parser.add_argument_group("only with a file of weights, which does not carry them")
    add = group.add_argument
    add("--net", metavar="NAME", help="the network")
    add("--embedding_size", type=int, help="length of its embedding, such as 512")
    add("--input_size", type=int, help="edge of the crops in pixels (default: 112)")
    add(
        "--input_scale",
        type=float,
        help="it begins with (x - 127.5) * this: 0.078125 in the PyTorch and Jittor code, 0.0078125 in the MXNet code",
    )


def read_network(args: argparse.Namespace) -> "NetworkConfig | None":
    """The network of a file of weights; None for a checkpoint.

    Raises UsageError where an option is missing, or given with a checkpoint.
    """
    given = {option: getattr(args, option) for option in _ALL if getattr(args, option) is not None}
    if args.checkpoint.is_dir() or not (given or args.checkpoint.exists()):
        if given:
            raise UsageError(
                f"--{next(iter(given))}: {args.checkpoint} is a checkpoint, which says so itself", remedy="leave it out"
            )
        return None
    if missing := [f"--{option}" for option in _REQUIRED if option not in given]:
        raise UsageError(
            f"a file of weights does not carry {', '.join(missing)}", path=args.checkpoint, remedy="give that too"
        )

    from ..models import NetworkConfig

    return NetworkConfig(name=given.pop("net"), **given)
