# %% [markdown]
# # Translate
#
# What a trained model can do: random styles, the style of a reference, a walk between two styles.
# Run the notebook *train* first.

# %%
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import crossimage

folder = Path("example")
model = crossimage.load(folder / "munit")
outlines = sorted((folder / "outlines" / "testA").glob("*.png"))
shapes = sorted((folder / "outlines" / "testB").glob("*.png"))
model


# %%
def row(images):
    """Put images of one size side by side."""
    return Image.fromarray(np.hstack([np.asarray(image.convert("RGB")) for image in images]))


# %% [markdown]
# Several outputs per input, each with a random style. A seed makes them reproducible.

# %%
row([Image.open(outlines[0]), *model.translate(outlines[0], to="shapes", samples=5, seed=0)])

# %% [markdown]
# The style of example images.

# %%
row([model.translate(outlines[0], to="shapes", reference=shape) for shape in shapes[:5]])

# %% [markdown]
# A walk from the style of an image to a random one.

# %%
first = model.encode_style(shapes[0], domain="shapes")
walk = model.interpolate(outlines[0], first, model.sample_style(1, seed=1), steps=6, to="shapes")
row(walk)

# %% [markdown]
# Tensors in, tensors out: (N, C, H, W) in [-1, 1].

# %%
x = torch.rand(2, 3, 64, 64) * 2 - 1
model.translate(x, to="shapes", seed=0).shape

# %% [markdown]
# Whole folders, from file to file.

# %%
results = model.translate_files(folder / "outlines" / "testA", folder / "translated", to="shapes")
len(results.written), len(results.skipped)
