import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mos_helpers import plots

X = [30, 60, 1000]
LINES = {"alone": [[0.6, 0.7, 0.8], [0.8, 0.7, 0.9]], "together": [0.5, 0.5, 0.9]}


def test_a_curve_is_the_mean_of_its_runs_with_a_band():
    axes = plots.curves(X, LINES).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), X)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.7, 0.7, 0.85])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), LINES["together"])
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices
    std = np.std([0.6, 0.8], ddof=1)
    np.testing.assert_allclose(sorted(set(heights[heights[:, 0] == 30, 1])), [0.7 - std, 0.7 + std])


def test_curves_differ_in_colour_line_and_marker():
    lines = plots.curves(X, {str(number): X for number in range(5)}).axes[0].lines
    for look in ("get_color", "get_linestyle", "get_marker"):
        found = {str(getattr(line, look)()) for line in lines}
        assert len(found) >= 4, look
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 5


def test_a_level_and_a_logarithmic_axis():
    figure = plots.curves(X, LINES, "labels", "accuracy", log_x=True, level=("baseline", 0.1))
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["30", "60", "1000"]
    np.testing.assert_array_equal(axes.lines[-1].get_ydata(), [0.1, 0.1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["alone", "together", "baseline"]
    assert figure.alt == (
        "Accuracy against labels. alone: 0.7 at 30, 0.7 at 60, 0.85 at 1000 (mean of 2 runs); "
        "together: 0.5 at 30, 0.5 at 60, 0.9 at 1000; baseline: 0.1 everywhere."
    )


def test_a_missing_number_leaves_a_gap():
    line = plots.curves(X, {"a": [0.1, np.nan, 0.3]}).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), [0.1, np.nan, 0.3])


def test_everything_is_inside_the_figure():
    figure = plots.curves(X, LINES, "x", "y")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    for part in (figure.axes[0].xaxis.label, figure.axes[0].yaxis.label, figure.legends[0]):
        extent = part.get_window_extent(canvas.get_renderer())
        assert extent.x0 >= 0
        assert extent.y0 >= 0
        assert extent.x1 <= width
        assert extent.y1 <= height


@pytest.mark.parametrize(
    ("x", "lines", "log_x", "error", "message"),
    [
        (X, [0.1, 0.2, 0.3], False, TypeError, "lines must be a dictionary"),
        (X, {}, False, ValueError, "lines must have 1 to 5 names, not 0"),
        (X, {str(n): X for n in range(6)}, False, ValueError, "lines must have 1 to 5 names, not 6"),
        (X, {"a": [0.1, 0.2]}, False, ValueError, r"lines\['a'\] must have shape \(3,\) or \(runs, 3\), not \(2,\)"),
        (X, {"a": np.zeros((3, 2))}, False, ValueError, r"lines\['a'\] must have shape .*, not \(3, 2\)"),
        (X, {"a": np.zeros((2, 2, 3))}, False, ValueError, r"lines\['a'\] must have shape .*, not \(2, 2, 3\)"),
        (X, {"a": [0.1, np.inf, 0.3]}, False, ValueError, r"lines\['a'\] must hold finite numbers, not inf"),
        ([0, 1, 2], {"a": X}, True, ValueError, "x must be positive, because log_x is True, not 0"),
        ([], {"a": []}, False, ValueError, r"x must hold finite numbers, shape \(points,\), not array\(\[\]"),
        ([1, np.nan, 2], {"a": X}, False, ValueError, "x must hold finite numbers"),
    ],
)
def test_bad_curves_are_refused(x, lines, log_x, error, message):
    with pytest.raises(error, match=message):
        plots.curves(x, lines, log_x=log_x)
