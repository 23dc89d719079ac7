"""What every test may use."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real faces and real models that lies beside the project where it is developed."""
    if not SHARED.is_dir():
        pytest.skip(f"the folder of real faces is not beside the project ({SHARED})")
    return SHARED
