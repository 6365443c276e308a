"""How losses and metrics went: learning curves."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mos_helpers.arguments import check_names, check_type
from mos_helpers.plots.figures import STYLES, Figure, finish, listed

Curves = dict[str, dict[str, str | None]]  # for each head the keys of its loss, None if it has none, and its metrics


def history(
    history: keras.callbacks.History | Mapping[str, Sequence[float]], heads: Sequence[str] | None = None
) -> Figure:
    """Draw each head's learning curves: a row for each head, its loss at the left and its metrics beside it.

    Args:
        history: what ``fit`` returns, or its dictionary ``history.history``.
        heads: the heads to draw, in this order. None draws all that have a loss of their own. A model with one output
            has no names in its history: then its loss and metrics are drawn as one row.
    """
    logs = getattr(history, "history", history)
    check_type("history", logs, Mapping, "what fit returns (or its .history)")
    if heads is not None:
        check_names("heads", heads)
    number = max(map(len, logs.values()), default=0)
    if not number:
        raise ValueError("history must hold at least one epoch, not none: call fit with epochs=1 or more.")
    for name, values in logs.items():
        if len(values) != number:
            wanted = f"{number} values, one for each epoch"
            raise ValueError(f'history["{name}"] must have {wanted}, not {len(values)}: use validation_freq=1.')
    curves = _curves(logs, heads)
    return _draw(logs, curves, 1 + np.asarray(getattr(history, "epoch", range(number))))


def _curves(logs: Mapping[str, Sequence[float]], heads: Sequence[str] | None) -> Curves:
    keys = [key for key in logs if not key.startswith("val_") and key != "learning_rate"]
    known = [key.removesuffix("_loss") for key in keys if key.endswith("_loss")]
    if heads is None and not known:
        return {"the whole model": {"loss": None} | {key: key for key in keys}}
    curves: Curves = {head: {"loss": None} for head in (known if heads is None else heads)}
    for key in keys:
        # The longest name wins: "a_b_loss" belongs to the head "a_b", even if there is a head "a".
        head = max((name for name in {*known, *curves} if key.startswith(f"{name}_")), key=len, default=None)
        if head in curves:
            curves[head][key.removeprefix(f"{head}_")] = key
    missing = [head for head, found in curves.items() if found == {"loss": None}]
    if missing or not curves:
        there = ", ".join(f'"{head}"' for head in known) or "no head with a loss of its own"
        raise ValueError(f"heads must be names of the history, which has {there}, not {missing or 'none'}.")
    return curves


def _draw(logs: Mapping, curves: Curves, epochs: np.ndarray) -> Figure:
    columns = max(map(len, curves.values()))
    figure = Figure(2.7 * columns, 1.7 * len(curves) + 0.7)
    grid = figure.subplots(len(curves), columns, squeeze=False)
    for row, (head, keys) in zip(grid, curves.items(), strict=True):
        for axes, (label, key) in zip_longest(row, keys.items(), fillvalue=("", None)):
            axes.set_visible(key is not None)
            if key:
                _draw_curve(axes, logs, key, label, epochs)
        drawn = [axes for axes in row if axes.get_visible()]
        drawn[0].set_title(head, loc="left", fontsize=11, fontweight="bold")
    figure.supxlabel("epoch", fontsize="medium")
    figure.legend_above(2, handles=drawn[0].lines)
    figure.alt = _alt(logs, curves, len(epochs))
    return figure


def _draw_curve(axes: Axes, logs: Mapping, key: str, label: str, epochs: np.ndarray) -> None:
    for name, part, style in ((key, "training", STYLES[0]), (f"val_{key}", "validation", STYLES[1])):
        if name in logs:
            look = {"markersize": 4, "linewidth": 1.8, "markevery": max(1, len(epochs) // 10)}
            axes.plot(epochs, logs[name], label=part, **look, **style)
    finish(axes, "", label, ticks=4)
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))


def _alt(logs: Mapping, curves: Curves, epochs: int) -> str:
    def course(label: str, key: str) -> str:
        text = f"{label} {logs[key][0]:.3g}" + (f" to {logs[key][-1]:.3g}" if epochs > 1 else "")
        return f"{text} ({course('validation', f'val_{key}')})" if f"val_{key}" in logs else text

    def said(keys: dict[str, str | None]) -> str:
        return ", ".join(course(label, key) for label, key in keys.items() if key)

    return f"Learning curves over {epochs} epoch{'s' if epochs > 1 else ''}. {listed(curves, said)}."
