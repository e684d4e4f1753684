"""Downloads weights that torchvision publishes. Only a command does this, never a training or an answer.

Invariant: a file that does not have the digest in its published name is deleted.

Source: torchvision.models (get_model_weights); torch.hub.
"""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import torch

from fl.protocol.errors import SettingInvalid
from fl.training.model.backbones import TORCHVISION, TORCHVISION_NAMES, from_file
from fl.training.model.published import digest_of_file


def fetch_weights(kind: str, file: Path) -> str:
    """Write the weights of `torchvision:NAME` to a new file; return how a spec records them.

    Raises:
        SettingInvalid: the name is unknown, the file is there already or cannot be written, or there was no download;
            another way to get the file is named.
    """
    name = kind.removeprefix(TORCHVISION)
    if name not in TORCHVISION_NAMES or not kind.startswith(TORCHVISION):
        raise SettingInvalid(
            "name", f"{kind[:100]!r} is not one of torchvision:{', torchvision:'.join(TORCHVISION_NAMES)}"
        )
    if file.exists():
        raise SettingInvalid("FILE", f"{file} exists, and it is not replaced")
    from fl.training.model import torchvision_shim as vision  # noqa: PLC0415  # it takes a second

    url = str(vision.models.get_model_weights(name).DEFAULT.url)
    published = url.rpartition("/")[2]
    try:
        torch.hub.download_url_to_file(
            url, str(file), published.rpartition("-")[2].removesuffix(".pth"), progress=False
        )
    except URLError as error:
        why = f"{url} cannot be reached from this machine; copy the file from a machine that has it"
        raise SettingInvalid("name", why) from error
    except RuntimeError as error:  # another digest
        raise SettingInvalid("name", f"{url} gave another file than torchvision names; nothing was written") from error
    except OSError as error:
        raise SettingInvalid("FILE", f"{file} cannot be written ({error.strerror})") from error
    return from_file(published, digest_of_file(file))
