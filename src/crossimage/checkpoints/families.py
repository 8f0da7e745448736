"""Models of other programs that are not imported, by the names of their tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LATENT = "crossimage translates with GANs and cannot read it"
_NO_TRANSLATION = "it does not translate images"
_FAMILIES = (
    (
        r"(^|\.)(module|averaged_model)\.(autoencoder_[ab]|averaged_model)\.|^(net_G\.)?"
        r"(module\.)?autoencoder_[ab]\.",
        "a model of NVIDIA's imaginaire, whose networks differ from those of the original "
        "repositories",
        "get the checkpoint of the original repository, such as gen_*.pt of MUNIT",
    ),
    (
        r"^lora_(unet|te\d?)_|\.lora_(down|up|A|B)\.|\.lora\.(down|up)\.|\.lora_linear_layer\.",
        "a LoRA, an addition to a diffusion model",
        _LATENT,
    ),
    (
        r"^control_model\.|^(module\.)?controlnet_|^control_net\.",
        "a ControlNet, an addition to a diffusion model",
        _LATENT,
    ),
    (
        r"^model\.diffusion_model\.|^(unet\.)?down_blocks\.\d+\.(attentions|resnets)\.|"
        r"^(input|output|middle)_blocks?\.\d+\.\d+\.|^transformer_blocks\.\d+\.|"
        r"^double_blocks\.\d+\.",
        "a diffusion model, such as Stable Diffusion",
        _LATENT,
    ),
    (
        r"^(first_stage_model\.)?(encoder|decoder)\.(down|up)(_blocks)?\.\d+\.(block|resnets)\.",
        "the autoencoder of a diffusion model",
        _LATENT,
    ),
    (
        r"(^|\.)text_model\.encoder\.|(^|\.)self_attn\.[qkv]_proj\.|^(bert|transformer)\.",
        "a language or text model",
        _NO_TRANSLATION,
    ),
    (
        r"^(G_ema\.|G\.)?synthesis\.b\d+\.|^(g_ema\.)?convs\.\d+\.conv\.modulation\.|"
        r"^g_synthesis\.",
        "StyleGAN",
        "it makes images from noise and does not translate any",
    ),
    (
        r"(^|\.)(RRDB_trunk|body)\.\d+\.(RDB|rdb)\d\.",
        "ESRGAN or Real-ESRGAN",
        "for super-resolution, train SRGAN: crossimage train srgan",
    ),
    (r"^DownBlock\.\d+\.|^UpBlock1_1\.|^(genA2B|genB2A)\.", "U-GAT-IT", ""),
    (r"^block_[a-e]\.\d+\.", "AnimeGAN", ""),
    (r"^(Conv2d_1a_3x3|Mixed_5b)\.", "an Inception network", _NO_TRANSLATION),
    (r"^layer1\.0\.conv1\.", "a ResNet for recognition", _NO_TRANSLATION),
    (r"^features\.\d+\.", "a VGG-like network for recognition", _NO_TRANSLATION),
    (r"^lin\d\.model\.\d\.", "LPIPS weights", _NO_TRANSLATION),
)


def family_of(names: Iterable[str]) -> str | None:
    """Return what the names of tensors look like, and what to do, as the end of a sentence.

    Returns:
        None for models that may be imported, and all that are unknown.
    """
    known = list(names)
    for pattern, what, advice in _FAMILIES:
        if any(re.search(pattern, name) for name in known):
            return f"this looks like {what}" + (f"; {advice}" if advice else "")
    return None
