"""The network to use where the command line names none: the default one or, on a terminal, an offer to get it."""

import sys
from pathlib import Path

from ..errors import ModelError
from ..output import Output


def offer_default(output: Output) -> Path | None:
    """The recognition network to use where none was named; None where there is none and nobody to be asked: whoever
    opens the network then says so, after what else may be wrong with the call.

    Raises ModelError, with the command that brings one, where a person was asked and declined; what `zoo.get` raises.
    """
    from ..infer import zoo

    try:
        return zoo.default_model()
    except ModelError:
        from ..infer.zoo.catalogue import CHOICES, FILES
        from ..infer.zoo.retrieval import is_offline

        is_watched = sys.stdin.isatty() and sys.stderr.isatty() and not output.as_json and not output.quiet
        if not is_watched or is_offline():
            return None
        first, *_, last = (FILES[name] for name in CHOICES["sface"])
        output.note(
            f"There is no model here yet. OpenCV's SFace network ({first.describe()}) can be had from "
            f"{', '.join(first.sources())}, else from the {last.sources()[-1]}. Get it now? [y/N]"
        )
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise
        return zoo.get("sface", output=output).path
