from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mos_helpers import plots

SCORES = {"shared trunk": [0.80, 0.84, 0.82], "separate": [0.85, 0.90, 0.86, 0.87], "baseline": [0.01]}


def parts(figure):
    """Return, for each row, the runs, the mean, and the ends of the line (None without one)."""
    found = {}
    for line in figure.axes[0].lines:
        row = found.setdefault(round(float(line.get_ydata()[0])), {"std": None})
        kind = {"o": "runs", "D": "mean"}.get(line.get_marker(), "std")
        row[kind] = np.asarray(line.get_xdata())
    return found


def test_each_row_shows_runs_mean_and_standard_deviation():
    figure = plots.comparison(SCORES)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == list(SCORES)
    assert figure.axes[0].yaxis_inverted()
    for row, values in enumerate(SCORES.values()):
        found = parts(figure)[row]
        np.testing.assert_array_equal(found["runs"], values)
        np.testing.assert_allclose(found["mean"], np.mean(values))
        if len(values) > 1:
            np.testing.assert_allclose(found["std"], np.mean(values) + np.std(values, ddof=1) * np.array([-1, 1]))
        else:
            assert found["std"] is None


def test_runs_and_means_differ_in_marker_and_colour():
    runs, mean = plots.comparison({"one": [1, 2]}).axes[0].lines[-2:]
    assert (runs.get_marker(), mean.get_marker()) == ("o", "D")
    assert runs.get_color() != mean.get_color()


def test_no_run_lies_under_the_mean():
    figure = plots.comparison({"equal runs": [0.5, 0.5, 0.5], "others": [0.1, 0.9]})
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    runs, mean = figure.axes[0].lines[1:3]
    ring, diamond = (figure.axes[0].transData.transform(line.get_xydata())[0, 1] for line in (runs, mean))
    radii = (runs.get_markersize() + mean.get_markersize() * 2**0.5) / 2 * figure.dpi / 72
    assert ring - diamond > radii


def test_alt_text():
    assert plots.comparison(SCORES, "both right").alt == (
        "Runs compared by both right. shared trunk: mean 0.82, standard deviation 0.02 (3 runs); "
        "separate: mean 0.87, standard deviation 0.022 (4 runs); baseline: 0.01 (one run)."
    )


@pytest.mark.parametrize("designs", [1, 2, 8, 20])
def test_nothing_overlaps(designs):
    figure = plots.comparison({f"a design with a long name, number {n}": [n / 40, n / 30] for n in range(designs)})
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axes = figure.axes[0]
    left, right = axes.get_xlim()
    ticks = [tick.label1 for tick in axes.xaxis.get_major_ticks() if left <= tick.get_loc() <= right]
    texts = [*axes.get_yticklabels(), *ticks, axes.xaxis.label, figure.legends[0]]
    extents = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    assert not any(first.overlaps(second) for first, second in combinations(extents, 2))
    width, height = canvas.get_width_height()
    assert all(e.x0 >= 0 and e.y0 >= 0 and e.x1 <= width and e.y1 <= height for e in extents)
    assert axes.get_window_extent().width > 200


def test_arrays_and_equal_runs_are_taken():
    figure = plots.comparison({"a": np.array([0.5, 0.5], "float32"), "b": (1,)})
    np.testing.assert_allclose(parts(figure)[0]["std"], 0.5)


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ([0.1, 0.2], TypeError, "scores must be a dictionary from name to numbers, not list"),
        ({}, ValueError, "scores must have at least one name, not 0"),
        ({"a": []}, ValueError, r"scores\['a'\] must have shape \(runs,\), not \(0,\)"),
        ({"a": 0.5}, ValueError, r"scores\['a'\] must have shape .*, not \(\)"),
        ({"a": [[0.5, 0.6]]}, ValueError, r"scores\['a'\] must have shape .*, not \(1, 2\)"),
        ({"a": [0.5], "b": [0.5, np.nan]}, ValueError, r"scores\['b'\] must hold finite numbers, not nan"),
    ],
)
def test_bad_scores_are_refused(scores, error, message):
    with pytest.raises(error, match=message):
        plots.comparison(scores)
