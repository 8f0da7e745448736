# %% [markdown]
# # Train
#
# A small MUNIT learns to turn outlines into coloured shapes, and back, from two unpaired folders.
# With the default settings it takes a few minutes on a CPU.

# %%
import os
from pathlib import Path

from PIL import Image

import crossimage
from crossimage.data.make.outlines import make_outlines

folder = Path("example")
steps = int(os.environ.get("EXAMPLE_STEPS", 700))
images = int(os.environ.get("EXAMPLE_IMAGES", 400))

# %% [markdown]
# The data: `trainA` and `trainB` to learn from, `testA` and `testB` for the sample sheets. Replace
# it with a folder of your own.

# %%
data = folder / "outlines"
if not data.exists():
    make_outlines(data, count=images)
Image.open(data / "trainA" / "00000.png")

# %%
Image.open(data / "trainB" / "00000.png")

# %% [markdown]
# `crossimage.train` takes a recipe or a method, and any of its settings. Interrupt it and call it
# again, and it continues. A bar shows step, time left and losses. The result holds the losses, the
# sample sheets and the model.

# %%
result = crossimage.train(
    "munit/outlines",
    data=data,
    out=folder / "munit",
    domains=("outlines", "shapes"),
    steps=steps,
)
result.history[-1].losses

# %% [markdown]
# The last sample sheet: inputs, reconstructions, random styles, and the style of a reference.

# %%
Image.open(result.sample_sheets[-1])

# %% [markdown]
# A model shows itself.

# %%
result.load()
