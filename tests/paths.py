"""Where the repository is, and the folder of real faces beside it, which is not everywhere."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared" / "data"
