"""What embeds and a protocol → comparisons → figures with intervals.

accuracy_on    a verification set → what measures accuracy on it
"""

from typing import TYPE_CHECKING

from ..lazy import lazy

if TYPE_CHECKING:
    from .accuracy import accuracy_on as accuracy_on

__all__ = ["accuracy_on"]

__getattr__ = lazy(__name__, {"accuracy_on": "accuracy"})
