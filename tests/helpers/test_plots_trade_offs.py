import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mos_helpers import plots

RUNS = {0.1: [[0.9, 0.6], [0.8, 0.7]], 1: [[0.8, 0.8], [0.9, 0.8]], 128: [0.4, 0.9]}
MARKS = {"sum of logarithms": [[0.8, 0.9], [0.9, 0.8]], "two networks": [0.9, 0.9]}


def dots(axes):
    """The places of the dots and marks, in the order in which they were drawn."""
    return [line.get_xydata()[0] for line in axes.lines if line.get_marker() not in ("None", None, "_", "|")]


def test_a_setting_is_the_mean_of_its_runs_with_a_cross():
    axes = plots.trade_off(RUNS).axes[0]
    line = axes.lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[0.85, 0.65], [0.85, 0.8], [0.4, 0.9]])
    np.testing.assert_allclose(dots(axes), line.get_xydata())
    crosses = [bar.get_segments()[0] for bar in axes.collections]
    assert len(crosses) == 4  # two settings have several runs, and a cross has two arms
    std = np.std([0.9, 0.8], ddof=1)
    np.testing.assert_allclose(crosses[0], [[0.85 - std, 0.65], [0.85 + std, 0.65]])
    np.testing.assert_allclose(crosses[1], [[0.85, 0.65 - std], [0.85, 0.65 + std]])
    assert [text.get_text() for text in axes.texts] == ["0.1", "1", "128"]


def test_marks_have_a_legend_and_looks_of_their_own():
    figure = plots.trade_off(RUNS, MARKS, "left", "odd")
    axes = figure.axes[0]
    np.testing.assert_allclose(dots(axes)[3:], [[0.85, 0.85], [0.9, 0.9]])
    assert len({(line.get_color(), line.get_marker()) for line in axes.lines[1:] if line.get_xdata().size == 1}) >= 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(MARKS)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("left", "odd")
    assert figure.alt == (
        "Left against odd, means of up to 2 runs. 0.1: 0.85 and 0.65; 1: 0.85 and 0.8; 128: 0.4 and 0.9. "
        "Beside them: sum of logarithms: 0.85 and 0.85; two networks: 0.9 and 0.9."
    )


def test_the_legend_and_the_text_say_what_the_settings_are():
    figure = plots.trade_off(RUNS, MARKS, "left", "odd", "loss weight of odd")
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"loss weight of odd", *MARKS}
    assert "means of up to 2 runs. By loss weight of odd: 0.1: 0.85 and 0.65; 1: 0.85" in figure.alt
    assert [text.get_text() for text in plots.trade_off(RUNS, settings="weight").legends[0].get_texts()] == ["weight"]


def test_one_run_of_each_setting():
    figure = plots.trade_off({"a": [0.1, 0.2], "b": [0.2, 0.1]})
    assert not figure.axes[0].collections
    assert not figure.legends
    assert figure.alt == "One score against another, one run. a: 0.1 and 0.2; b: 0.2 and 0.1."


@settings(max_examples=15)
@given(st.lists(st.tuples(*[st.floats(0, 1)] * 2), min_size=1, max_size=8))
def test_the_line_joins_the_settings_in_their_order(scores):
    axes = plots.trade_off({f"setting {number}": score for number, score in enumerate(scores)}).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), scores)


def test_everything_is_inside_the_figure():
    figure = plots.trade_off(RUNS, MARKS, "accuracy of left", "accuracy of odd")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    axes = figure.axes[0]
    for part in (axes.xaxis.label, axes.yaxis.label, figure.legends[0], *axes.texts):
        extent = part.get_window_extent(canvas.get_renderer())
        assert min(extent.x0, extent.y0) >= 0
        assert extent.x1 <= width
        assert extent.y1 <= height


@pytest.mark.parametrize(
    ("points", "marks", "error", "message"),
    [
        ([[0.1, 0.2]], None, TypeError, "points must be a dictionary"),
        (RUNS, [[0.1, 0.2]], TypeError, "marks must be a dictionary"),
        ({}, None, ValueError, "points must have at least one name, not 0"),
        ({1: [0.1, 0.2, 0.3]}, None, ValueError, r"points\[1\] must have shape \(2,\) or \(runs, 2\), not \(3,\)"),
        ({1: np.zeros((2, 3))}, None, ValueError, r"points\[1\] must have shape .*, not \(2, 3\)"),
        ({1: np.zeros((0, 2))}, None, ValueError, r"points\[1\] must have shape .*, not \(0, 2\)"),
        ({1: np.zeros((1, 2, 2))}, None, ValueError, r"points\[1\] must have shape .*, not \(1, 2, 2\)"),
        (RUNS, {"a": 0.5}, ValueError, r"marks\['a'\] must have shape .*, not \(\)"),
        ({1: [0.1, np.nan]}, None, ValueError, r"points\[1\] must hold finite numbers, not nan"),
        (RUNS, {str(n): [0.1, 0.2] for n in range(5)}, ValueError, "marks must have 1 to 4 names, not 5"),
        ({1.0001: [0.1, 0.2], 1.0002: [0.1, 0.2]}, None, ValueError, "points must have different names"),
    ],
)
def test_bad_points_are_refused(points, marks, error, message):
    with pytest.raises(error, match=message):
        plots.trade_off(points, marks)
