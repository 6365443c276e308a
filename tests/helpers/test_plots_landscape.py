"""The map with paths on it."""

import numpy as np
import pytest

from mos_helpers import plots

PATH = np.array([[[-8.0, 7.0], [9.0, 9.0]], [[-4.0, 0.0], [3.0, 1.0]], [[0.0, -8.4], [0.5, -8.0]]])


def height(points):
    return points[:, 0] ** 2 + points[:, 1] ** 2


def test_a_panel_for_each_design_with_its_starts_and_ends():
    figure = plots.landscape(height, {"sum": PATH, "other": PATH[:2]}, line=("front", (-7, 7), (-8, -8)))
    panels = figure.get_axes()
    assert [axes.get_title() for axes in panels] == ["sum", "other"]
    stars = [line.get_xydata()[0] for line in panels[0].get_lines() if line.get_marker() == "*"]
    assert np.array_equal(stars, PATH[-1])
    dots = [line.get_xydata()[0] for line in panels[1].get_lines() if line.get_marker() == "o"]
    assert np.array_equal(dots, PATH[0])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["front", "path", "start", "end"]


def test_the_alt_text_says_where_the_paths_go():
    figure = plots.landscape(height, {"sum": PATH}, line=("front", (-7, 7), (-8, -8)))
    assert figure.alt == (
        "Paths on a map. The front is a line from (-7, -8) to (7, -8). "
        "sum: from (-8.0, 7.0) to (0.0, -8.4), from (9.0, 9.0) to (0.5, -8.0)."
    )
    assert figure.png() == plots.landscape(height, {"sum": PATH}, line=("front", (-7, 7), (-8, -8))).png()


WRONG = {
    "no dictionary": ([PATH], TypeError, "paths must be a dictionary .* not list"),
    "none": ({}, ValueError, "paths must have 1 to 4 names, not 0"),
    "five": (dict.fromkeys("abcde", PATH), ValueError, "paths must have 1 to 4 names, not 5"),
    "one path": ({"sum": PATH[:, 0]}, ValueError, "steps, starts, 2"),
    "NaN": ({"sum": PATH * np.nan}, ValueError, "finite numbers, not nan"),
}


@pytest.mark.parametrize(("paths", "error", "words"), WRONG.values(), ids=WRONG)
def test_wrong_paths(paths, error, words):
    with pytest.raises(error, match=words):
        plots.landscape(height, paths, ("front", (-7, 7), (-8, -8)))
