"""Confusion matrices."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgba

from mos_helpers.arguments import as_labels
from mos_helpers.plots.figures import GREY, INK, PALE, VERMILLION, Figure

MISTAKES_IN_ALT = 3
MISTAKES = LinearSegmentedColormap.from_list("mistakes", ["#FFFFFF", "#FBD9B5", VERMILLION, "#6A2F00"])


def confusion(y_true: np.ndarray, y_pred: np.ndarray, labels: Sequence[Any]) -> Figure:
    """Draw which classes are taken for which: a row for each true class, a column for each predicted one.

    The right answers on the diagonal stay pale, so that the mistakes stand out.

    Args:
        y_true: the true class numbers, shape (n,), at least one.
        y_pred: the predicted class numbers, shape (n,); of probabilities, take ``argmax(axis=1)`` first.
        labels: the names of the classes 0, 1, 2 and so on.
    """
    from sklearn.metrics import confusion_matrix  # here, because it is slow to import

    names = [str(label) for label in labels]
    y_true, y_pred = as_labels("y_true", y_true, len(names)), as_labels("y_pred", y_pred, len(names))
    if len(y_true) != len(y_pred) or not len(y_true):
        raise ValueError(f"y_pred must have as many values as y_true, at least one, not {len(y_pred)}, {len(y_true)}.")
    counts = confusion_matrix(y_true, y_pred, labels=range(len(names)))
    side = max(2.6, 0.42 * len(names) + 1.0)
    figure = Figure(side + 0.3, side, _alt(counts, names))
    axes = figure.subplots()
    right = np.eye(len(names), dtype=bool)
    strength = np.where(right, 0, counts) / max(counts[~right].max(initial=0), 1)
    axes.imshow(np.where(right[..., None], to_rgba(PALE), MISTAKES(strength)))
    for (row, column), count in np.ndenumerate(counts):
        if count or row == column:
            color = GREY if row == column else "white" if strength[row, column] > 0.6 else INK
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=9, color=color)
    places = np.arange(len(names))
    axes.set_xticks(places, names, rotation=90 if max(map(len, names)) > 5 else 0)
    axes.set_yticks(places, names)
    axes.set_xticks(places[1:] - 0.5, minor=True)
    axes.set_yticks(places[1:] - 0.5, minor=True)
    axes.grid(which="minor", color="#DDDDDD", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(f"{_how_many_right(counts)}\ncounts; mistakes in colour", fontsize=10)
    return figure


def _how_many_right(counts: np.ndarray) -> str:
    return f"{counts.trace():,} of {counts.sum():,} right ({counts.trace() / counts.sum():.1%})"


def _alt(counts: np.ndarray, names: list[str]) -> str:
    mistakes = Counter({cell: count for cell, count in np.ndenumerate(counts) if count and cell[0] != cell[1]})
    most = [f"{names[a]} taken for {names[b]} ({count:,})" for (a, b), count in mistakes.most_common(MISTAKES_IN_ALT)]
    told = f"Most frequent mistakes: {', '.join(most)}." if most else "There are no mistakes."
    return f"Confusion matrix of {len(names)} classes: {_how_many_right(counts)}. {told}"
