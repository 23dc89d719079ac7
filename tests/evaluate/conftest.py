"""What several tests of evaluations use."""

from typing import Any

import pytest

from .evaluations import printed_evaluation


@pytest.fixture(scope="session")
def evaluated() -> dict[str, Any]:
    """What an evaluation prints, of a small drawn set."""
    return printed_evaluation()
