# mypy: disable-error-code="import-not-found"
"""The peer of benchmarks/export.py: `torch.onnx.export` of the same network with the same weights.

    EXE benchmarks/torch_export.py MobileFaceNet weights.npz out.onnx

weights.npz: the network's parameters and statistics, named 0, 1, 2, ... in the order in which its layers stand.
Needs torch, onnx and onnxscript.
"""

import sys

import numpy as np
import torch
from torch_reference import IR, IR_UNITS, MobileFaceNet


def main() -> None:
    name, weights, out = sys.argv[1:]
    network = MobileFaceNet() if name == "MobileFaceNet" else IR(IR_UNITS[name])
    with np.load(weights) as file, torch.no_grad():
        wanted = [(key, var) for key, var in network.state_dict().items() if not key.endswith("num_batches_tracked")]
        assert len(wanted) == len(file.files), f"{len(file.files)} arrays for {len(wanted)} of {name}"
        for index, (key, var) in enumerate(wanted):
            array = torch.from_numpy(file[str(index)])
            assert array.shape == var.shape, f"{key}: {tuple(array.shape)} for {tuple(var.shape)}"
            var.copy_(array)
    network.eval()
    example = torch.zeros(2, 3, 112, 112)
    torch.onnx.export(
        network, (example,), out, input_names=["input"], output_names=["embedding"], external_data=False,
        dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True, verbose=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
