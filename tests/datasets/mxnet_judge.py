"""Run by MXNet's own Python: read train.rec and train.idx of a folder, say what is in them, and write them anew.

    python mxnet_judge.py FOLDER NEW_FOLDER

Prints a JSON object for each record. It knows nothing of sface.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    import mxnet as mx  # type: ignore[import-not-found]

    folder, new = (Path(argument) for argument in sys.argv[1:3])
    reader = mx.recordio.MXIndexedRecordIO(str(folder / "train.idx"), str(folder / "train.rec"), "r")
    writer = mx.recordio.MXIndexedRecordIO(str(new / "train.idx"), str(new / "train.rec"), "w")
    for number in reader.keys:
        header, image = mx.recordio.unpack(reader.read_idx(number))
        said: dict[str, Any] = {"number": number, "flag": header.flag, "label": header.label.tolist(), "id": header.id}
        said["image"] = hashlib.sha256(image).hexdigest()
        if image.startswith(b"\x89PNG"):
            said["pixels"] = hashlib.sha256(mx.image.imdecode(image).asnumpy().tobytes()).hexdigest()
        sys.stdout.write(json.dumps(said) + "\n")
        writer.write_idx(number, mx.recordio.pack(mx.recordio.IRHeader(0, header.label, number, 0), image))
    writer.close()


if __name__ == "__main__":
    main()
