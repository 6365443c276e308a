"""Images, learning curves and confusion matrices."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.ticker import MaxNLocator

from mos_helpers.plots.figures import BLUE, GREY, INK, PALE, VERMILLION, Figure

TITLES_IN_ALT = 24
MISTAKES_IN_ALT = 3
MISTAKES = LinearSegmentedColormap.from_list("mistakes", ["#FFFFFF", "#FBD9B5", VERMILLION, "#6A2F00"])
TRAINING = {"color": BLUE, "linestyle": "-", "marker": "o", "markersize": 4}
VALIDATION = {"color": VERMILLION, "linestyle": "--", "marker": "s", "markersize": 4}


def images(images: np.ndarray, titles: Iterable[Any] | None = None, columns: int = 8) -> Figure:
    """Show grey images in a grid, ink dark on white.

    Args:
        images: array of shape (number, height, width). All images share one scale: white is 0 (or the lowest value,
            if that is below 0), black is the highest value.
        titles: one title above each image, or None.
        columns: how many images stand side by side.

    Raises:
        ValueError: for another shape, no image at all, another number of titles, or less than one column.
    """
    images, titles = np.asarray(images), None if titles is None else [str(title) for title in titles]
    _check_images(images, titles, columns)
    number, height, width = images.shape
    columns = min(columns, number)
    rows = math.ceil(number / columns)
    lines = [line for title in titles or [] for line in title.split("\n")]
    cell_width = max(0.74, 0.08 * max(map(len, lines), default=0) + 0.1)
    title_height = 0.2 * max((title.count("\n") + 1 for title in titles or []), default=0)
    figure = Figure(columns * cell_width, rows * (0.74 * height / width + title_height))
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    lowest, highest = min(0, images.min()), images.max()
    for axes in grid[number:]:
        axes.axis("off")
    for position, axes in enumerate(grid[:number]):
        axes.imshow(images[position], cmap="gray_r", vmin=lowest, vmax=highest if highest > lowest else 1)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#CCCCCC")
        if titles:
            axes.set_title(titles[position], fontsize=9, pad=3)
    figure.alt = _images_alt(images.shape, titles)
    return figure


def _check_images(images: np.ndarray, titles: list[str] | None, columns: int) -> None:
    if images.ndim != 3:
        cure = ""
        if images.ndim == 2:
            cure = "; flat images need images.reshape(-1, height, width), a single image needs images[None]"
        elif images.ndim == 4:
            cure = "; leave the channel out with images[..., 0]"
        raise ValueError(f"images: shape {images.shape} given, (number, height, width) wanted{cure}.")
    if 0 in images.shape:
        raise ValueError(f"images: shape {images.shape} given, which holds no image; at least one is wanted.")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"titles: {len(titles)} given for {len(images)} images, one for each wanted.")
    if columns < 1:
        raise ValueError(f"columns: {columns} given, at least 1 wanted.")


def _images_alt(shape: tuple[int, ...], titles: list[str] | None) -> str:
    number, height, width = shape
    alt = f"{number} grey image{'s' if number > 1 else ''} of {height} by {width} pixels"
    if not titles:
        return f"{alt}."
    named = "; ".join(title.replace("\n", " ") for title in titles[:TITLES_IN_ALT])
    more = f"; and {number - TITLES_IN_ALT} more" if number > TITLES_IN_ALT else ""
    return f"{alt}, titled: {named}{more}."


def history(
    history: keras.callbacks.History | Mapping[str, Sequence[float]], heads: Sequence[str] | None = None
) -> Figure:
    """Draw each head's learning curves: a column for each head, its loss on top and its metrics below.

    Args:
        history: what ``fit`` returns, or its dictionary ``history.history``.
        heads: the heads to draw, in this order. None draws all that have a loss of their own. A model with one output
            has no names in its history: then its loss and metrics are drawn as one column.

    Raises:
        TypeError: if ``history`` is neither of the two, or ``heads`` is one string.
        ValueError: for a history without epochs, a head that is not in it, or validation that did not run every epoch.
    """
    logs = getattr(history, "history", history)
    if not isinstance(logs, Mapping):
        raise TypeError(f"history: {type(history).__name__} given, what fit returns (or its .history) wanted.")
    if isinstance(heads, str):
        raise TypeError(f'heads: the string "{heads}" given, a list of names wanted: ["{heads}"].')
    if not any(len(values) for values in logs.values()):
        raise ValueError("history: it holds no epoch; call fit with epochs=1 or more.")
    curves = _curves(logs, heads)
    number = max(len(logs[key]) for keys in curves.values() for key in keys if key)
    epochs = 1 + np.asarray(getattr(history, "epoch", range(number)))
    return _draw_curves(logs, curves, epochs)


def _curves(logs: Mapping[str, Sequence[float]], heads: Sequence[str] | None) -> dict[str, list[str | None]]:
    """Return the keys of each head's curves: first its loss, or None if it has none, then its metrics."""
    keys = [key for key in logs if not key.startswith("val_") and key != "learning_rate"]
    known = [key.removesuffix("_loss") for key in keys if key.endswith("_loss")]
    if heads is None and not known:
        return {"the whole model": ["loss" if "loss" in keys else None, *(key for key in keys if key != "loss")]}
    wanted = known if heads is None else list(heads)
    curves: dict[str, list[str | None]] = {head: [None] for head in wanted}
    for key in keys:
        # The longest name wins: "a_b_loss" belongs to the head "a_b", even if there is a head "a".
        head = max((name for name in {*known, *wanted} if key.startswith(f"{name}_")), key=len, default=None)
        if head in curves and key == f"{head}_loss":
            curves[head][0] = key
        elif head in curves:
            curves[head].append(key)
    missing = [head for head in wanted if curves[head] == [None]]
    if missing or not wanted:
        there = ", ".join(f'"{head}"' for head in known) or "no head with a loss of its own"
        raise ValueError(f"heads: {missing or 'none'} given, but the history has {there}.")
    return curves


def _draw_curves(logs: Mapping, curves: dict[str, list[str | None]], epochs: np.ndarray) -> Figure:
    blocks = math.ceil(len(curves) / 4)  # at most four heads side by side
    columns = math.ceil(len(curves) / blocks)
    rows = max(map(len, curves.values()))
    figure = Figure(max(2.3 * columns, 3.4), 1.75 * rows * blocks + 0.4)
    grid = figure.subplots(rows * blocks, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for number, (head, keys) in enumerate(curves.items()):
        top, column = number // columns * rows, number % columns
        for row, key in enumerate(keys):
            if key:
                _draw_curve(grid[top + row, column], logs, key, key.removeprefix(f"{head}_"), epochs)
        drawn = [axes for axes in grid[top : top + rows, column] if axes.get_visible()]
        drawn[0].set_title(head, fontsize=11, fontweight="bold")
        drawn[-1].set_xlabel("epoch")
        for axes in drawn[:-1]:
            axes.tick_params(labelbottom=False)
    lines = next(axes for axes in grid.flat if axes.get_visible()).lines
    figure.legend(handles=lines, loc="outside upper center", ncols=2, frameon=False)
    figure.alt = _history_alt(logs, curves, len(epochs))
    return figure


def _draw_curve(axes: Axes, logs: Mapping, key: str, label: str, epochs: np.ndarray) -> None:
    axes.set_visible(True)
    markevery = max(1, len(epochs) // 10)
    for name, style in ((key, TRAINING), (f"val_{key}", VALIDATION)):
        if name not in logs:
            continue
        if len(logs[name]) != len(epochs):
            raise ValueError(
                f'history: "{name}" has {len(logs[name])} values for {len(epochs)} epochs, one for each wanted; '
                "call fit with validation_freq=1."
            )
        part = "validation" if name.startswith("val_") else "training"
        axes.plot(epochs, logs[name], label=part, markevery=markevery, linewidth=1.8, **style)
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.set_ylabel(label)
    axes.grid(color="#E3E3E3")
    axes.spines[["top", "right"]].set_visible(False)


def _history_alt(logs: Mapping, curves: dict[str, list[str | None]], epochs: int) -> str:
    def course(key: str) -> str:
        first, last = logs[key][0], logs[key][-1]
        return f"{first:.3g}" if epochs == 1 else f"{first:.3g} to {last:.3g}"

    def sentence(head: str, keys: list[str | None]) -> str:
        parts = []
        for key in filter(None, keys):
            validation = f" (validation {course(f'val_{key}')})" if f"val_{key}" in logs else ""
            parts.append(f"{key.removeprefix(f'{head}_')} {course(key)}{validation}")
        return f"{head}: {', '.join(parts)}"

    said = "; ".join(sentence(head, keys) for head, keys in curves.items())
    return f"Learning curves over {epochs} epoch{'s' if epochs > 1 else ''}. {said}."


def confusion(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    labels: Sequence[Any] | None = None,
    share: bool = False,
    ax: Axes | None = None,
) -> matplotlib.figure.Figure:
    """Draw which classes are taken for which: a row for each true class, a column for each predicted one.

    The right answers on the diagonal stay pale, so that the mistakes stand out.

    Args:
        y_true: the true class numbers, shape (number,).
        y_pred: the predicted class numbers, shape (number,); of probabilities, take ``argmax(axis=1)`` first.
        labels: the names of the classes 0, 1, 2 and so on. None takes the class numbers that occur.
        share: show each count as a percentage of its row (of the images of that true class).
        ax: axes to draw in; None makes a new figure.

    Returns:
        The figure that holds the matrix: a `Figure`, or the one that ``ax`` belongs to.

    Raises:
        ValueError: for other shapes, different lengths, values that are no class numbers, or too few labels.
    """
    from sklearn.metrics import confusion_matrix

    y_true, y_pred = _class_numbers("y_true", y_true), _class_numbers("y_pred", y_pred)
    if len(y_true) != len(y_pred):
        raise ValueError(f"y_pred: {len(y_pred)} values given for {len(y_true)} in y_true, as many wanted.")
    highest = max(y_true.max(), y_pred.max())
    if labels is not None and highest >= len(labels):
        raise ValueError(f"labels: {len(labels)} given, but the class {highest} occurs; {highest + 1} or more wanted.")
    classes = np.union1d(y_true, y_pred) if labels is None else np.arange(len(labels))
    names = [str(name) for name in (classes if labels is None else labels)]
    counts = confusion_matrix(y_true, y_pred, labels=classes)
    if ax is None:
        side = max(2.6, 0.42 * len(names) + 1.0)
        ax = Figure(side + 0.3, side).subplots()
    _draw_matrix(ax, counts, names, share)
    figure = ax.get_figure(root=True)
    if isinstance(figure, Figure):
        figure.alt = f"{figure.alt} {_confusion_alt(counts, names)}".strip()
    return figure


def _class_numbers(argument: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or not len(values):
        cure = ""
        if values.ndim == 2:
            cure = "; use [:, 0]" if values.shape[1] == 1 else "; use .argmax(axis=1)"
        raise ValueError(f"{argument}: shape {values.shape} given, (number,) wanted{cure}.")
    if not np.issubdtype(values.dtype, np.number) and values.dtype != bool:
        raise ValueError(f"{argument}: values of type {values.dtype} given, class numbers (0, 1, 2, ...) wanted.")
    numbers = values.astype(int)
    if (numbers != values).any() or numbers.min() < 0:
        raise ValueError(
            f"{argument}: {values[(numbers != values) | (numbers < 0)][0]} given, class numbers (0, 1, 2, ...) wanted."
        )
    return numbers


def _draw_matrix(ax: Axes, counts: np.ndarray, names: list[str], share: bool) -> None:
    values = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) if share else counts
    right = np.eye(len(names), dtype=bool)
    strength = np.where(right, 0, values) / max(values[~right].max(initial=0), 1)
    colors = MISTAKES(strength)
    colors[right] = to_rgba(PALE)
    ax.imshow(colors)
    for (row, column), value in np.ndenumerate(values):
        if value or row == column:
            color = GREY if row == column else "white" if strength[row, column] > 0.6 else INK
            text = "<1" if 0 < value < 1 else f"{value:,.0f}"
            ax.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
    positions = np.arange(len(names))
    ax.set_xticks(positions, names, rotation=90 if max(map(len, names)) > 5 else 0)
    ax.set_yticks(positions, names)
    ax.set_xticks(positions[1:] - 0.5, minor=True)
    ax.set_yticks(positions[1:] - 0.5, minor=True)
    ax.grid(which="minor", color="#DDDDDD", linewidth=0.6)
    ax.tick_params(which="both", length=0)
    ax.set(xlabel="predicted class", ylabel="true class")
    unit = "percent of the row" if share else "counts"
    ax.set_title(f"{_how_many_right(counts)}\n{unit}; mistakes in colour", fontsize=10)


def _how_many_right(counts: np.ndarray) -> str:
    return f"{counts.trace():,} of {counts.sum():,} right ({counts.trace() / counts.sum():.1%})"


def _confusion_alt(counts: np.ndarray, names: list[str]) -> str:
    mistakes = np.where(np.eye(len(names), dtype=bool), 0, counts)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:MISTAKES_IN_ALT]
    cells = [np.unravel_index(cell, counts.shape) for cell in order]
    listed = ", ".join(
        f"{names[row]} taken for {names[col]} ({counts[row, col]:,})" for row, col in cells if mistakes[row, col]
    )
    most = f"Most frequent mistakes: {listed}." if listed else "There are no mistakes."
    return f"Confusion matrix of {len(names)} classes: {_how_many_right(counts)}. {most}"
