# %% [markdown]
# # Evaluate
#
# How good are the translations, and how diverse? Run the notebook *train* first.
#
# With `features = "inception"` and `lpips_weights = None` the published networks are used, which
# are downloaded on first use. Random networks, as here, need no download; their figures are
# comparable only with one another.

# %%
from pathlib import Path

import crossimage

folder = Path("example")
features, lpips_weights = "random", "random"

# %%
result = crossimage.evaluate(
    folder / "munit",
    data=folder / "outlines",
    to="shapes",
    metrics=["fid", "kid", "lpips"],
    inputs=10,
    samples=3,
    features=features,
    lpips_weights=lpips_weights,
    out=folder / "evaluation",
)
print(result)

# %% [markdown]
# Single values, and the report with tables and images:

# %%
result["munit"]["fid"].value, str(result.report_html)

# %% [markdown]
# Folders of images, from any source, are compared in the same way. Here are the real shapes of
# the training set against those of the test set: the best that a model can reach.

# %%
floor = crossimage.evaluate(
    fake=folder / "outlines" / "trainB",
    real=folder / "outlines" / "testB",
    metrics=["fid", "kid"],
    features=features,
)
print(floor)
