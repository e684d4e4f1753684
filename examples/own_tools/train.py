"""Train the model of a federation with PyTorch alone. It knows only the downloaded files, not Hemaledger.

    python train.py FOLDER IMAGES.npz WEIGHTS.safetensors

FOLDER has the files of the page "Model": network.py, model.json, model.safetensors. IMAGES.npz has `images`, uint8
[n, S, S, 3] in the size and preparation that model.json names, and `labels`, the number of the right output for each.
WEIGHTS.safetensors is what you upload; the page asks for the number of images, which this program prints.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

PASSES, BATCH, RATE = 2, 16, 1e-3


def main(folder: Path, images: Path, weights: Path) -> None:
    sys.path.insert(0, str(folder))
    import network  # type: ignore[import-not-found]  # noqa: PLC0415  # the downloaded file

    facts = json.loads((folder / "model.json").read_text())
    model = network.build()
    network.fill(model, network.load(str(folder / "model.safetensors"))[0])
    data = np.load(images)
    pictures = torch.from_numpy(data["images"]).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(data["labels"]).long()
    optimiser = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], RATE)
    for _ in range(PASSES):
        correct, total = 0, 0.0
        for rows in torch.randperm(len(labels)).split(BATCH):  # type: ignore[no-untyped-call]
            logits = model(network.normalise(pictures[rows]))
            loss = torch.nn.functional.cross_entropy(logits, labels[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            correct += int((logits.argmax(1) == labels[rows]).sum())
            total += float(loss.detach()) * len(rows)
    network.save(str(weights), model, facts["digest"])
    print(f"images {len(labels)}, judged correctly {correct}, mean loss {total / len(labels):.4f}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
