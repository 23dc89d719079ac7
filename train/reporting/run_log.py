"""`log.jsonl` in a run's folder, read: a line of JSON for each measurement and each verification (progress.py)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOG = "log.jsonl"


def read_log(outdir: Path) -> list[Mapping[str, Any]]:
    """The measurements of a run so far, fields of `Measurement`; a last line that a crash cut off is left out."""
    return [record for record in read_records(outdir) if "loss" in record]


def read_verifications(outdir: Path) -> list[Mapping[str, Any]]:
    """The verifications of a run so far: step, verification (set → accuracy, std, threshold, xnorm), mean_accuracy,
    best."""
    return [record for record in read_records(outdir) if "verification" in record]


def read_records(outdir: Path) -> list[Mapping[str, Any]]:
    """Both, in the order in which they were logged."""
    try:
        lines = (outdir / LOG).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    records: list[Mapping[str, Any]] = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not isinstance(record, dict) or "step" not in record:
            break
        records.append(record)
    return records
