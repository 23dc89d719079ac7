"""Two pieces of work at the same time, one of them in a thread."""

import threading
from collections.abc import Callable
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


def side_by_side(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """What both give; `first` is called in a thread of its own. Worth it where the work leaves the GIL alone, as
    decoding, OpenCV and onnxruntime do.

    What `first` raises is raised, else what `second` raises, when both have ended.
    """
    results: list[First] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(first())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    failure: Exception | None = None
    try:
        value = second()
    except Exception as error:
        failure = error
    finally:
        thread.join()
    for problem in (*errors, failure):
        if problem is not None:
            raise problem
    return results[0], value
