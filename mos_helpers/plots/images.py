"""Grey images in a grid."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from mos_helpers.plots.figures import Figure

TITLES_IN_ALT = 24
CURES = {
    2: "; flat images need images.reshape(-1, height, width), a single image needs images[None]",
    4: "; leave the channel out with images[..., 0]",
}


def images(images: np.ndarray, titles: Iterable[Any] | None = None, columns: int = 8) -> Figure:
    """Show grey images in a grid, ink dark on white.

    Args:
        images: array of shape (n, height, width). All images share one scale: white is 0 (or the lowest value, if that
            is below 0), black is the highest value.
        titles: one title above each image, or None.
        columns: how many images stand side by side.
    """
    images, titles = np.asarray(images), [] if titles is None else [str(title) for title in titles]
    if images.ndim != 3 or not images.size:
        cure = CURES.get(images.ndim, "")
        raise ValueError(f"images must have shape (n, height, width), at least one, not {images.shape}{cure}.")
    number, height, width = images.shape
    if titles and len(titles) != number:
        raise ValueError(f"titles must be {number}, one for each image, not {len(titles)}.")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, not {columns}.")
    columns = min(columns, number)
    rows = math.ceil(number / columns)
    longest = max((len(line) for title in titles for line in title.split("\n")), default=0)
    title_lines = max((title.count("\n") + 1 for title in titles), default=0)
    cell_width = max(0.74, 0.08 * longest + 0.1)
    figure = Figure(columns * cell_width, rows * (0.74 * height / width + 0.2 * title_lines))
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    lowest, highest = min(0, images.min()), images.max()
    for axes in grid[number:]:
        axes.axis("off")
    for axes, image, title in zip(grid, images, titles or [""] * number, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=lowest, vmax=highest if highest > lowest else 1)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#CCCCCC")
        axes.set_title(title, fontsize=9, pad=3)
    figure.alt = _alt(images.shape, titles)
    return figure


def _alt(shape: tuple[int, ...], titles: list[str]) -> str:
    number, height, width = shape
    alt = f"{number} grey image{'s' if number > 1 else ''} of {height} by {width} pixels"
    named = "; ".join(title.replace("\n", " ") for title in titles[:TITLES_IN_ALT])
    more = f"; and {number - TITLES_IN_ALT} more" if len(titles) > TITLES_IN_ALT else ""
    return f"{alt}, titled: {named}{more}." if titles else f"{alt}."
