from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch

from mos_helpers import plots
from mos_helpers.hierarchy import Tree

LOOKS = {"round": ["0", "6"], "straight": ["1", "7"], "hook": ["4", "9"], "bows": ["3", "5", "8"], "two": ["2"]}
DEEP = {"animal": ["dog", "cat"], "dog": ["poodle", "beagle"], "cat": ["siamese"], "plant": ["tree"], "tree": ["oak"]}


def boxes(figure):
    return {patch.get_gid(): patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)}


def texts(figure):
    """Return what stands in each box, from top to bottom."""
    found = {name: [] for name in boxes(figure)}
    for text in sorted(figure.axes[0].texts, key=lambda text: text.get_position()[1]):
        for name, box in boxes(figure).items():
            x, y = text.get_position()
            left, top = box.get_x(), box.get_y()
            if left <= x <= left + box.get_width() and top <= y <= top + box.get_height():
                found[name].append(text.get_text())
    return found


def middle(box):
    return box.get_x() + box.get_width() / 2


@pytest.mark.parametrize("children", [LOOKS, DEEP])
def test_each_class_has_a_box_with_its_name_and_number(children):
    tree = Tree(children)
    names = [name for level in tree.levels for name in level]
    shares = {name: 0.5 + place / 100 for place, name in enumerate(names)}
    figure = plots.tree(tree, shares, "recall")
    assert texts(figure) == {name: [name, f"{share:.2f}"] for name, share in shares.items()}
    assert texts(plots.tree(tree)) == {name: [name] for name in names}


@pytest.mark.parametrize("children", [LOOKS, DEEP])
def test_lines_join_each_class_to_its_group(children):
    tree = Tree(children)
    figure = plots.tree(tree)
    drawn = boxes(figure)
    joined = set()
    for line in figure.axes[0].lines:
        (child_x, group_x), (child_y, group_y) = line.get_xdata(), line.get_ydata()
        child = next(n for n, b in drawn.items() if np.allclose((middle(b), b.get_y()), (child_x, child_y)))
        group = next(
            n for n, b in drawn.items() if np.allclose((middle(b), b.get_y() + b.get_height()), (group_x, group_y))
        )
        joined.add((child, group))
    assert joined == {(name, tree.group_of(name)) for name in drawn if tree.group_of(name)}


def test_levels_stand_below_each_other_and_groups_over_the_middle_of_what_they_hold():
    tree = Tree(LOOKS)
    drawn = boxes(plots.tree(tree))
    assert len({drawn[name].get_y() for name in tree.levels[0]}) == 1
    assert drawn["round"].get_y() < drawn["0"].get_y()
    for group, members in LOOKS.items():
        ends = middle(drawn[members[0]]), middle(drawn[members[-1]])
        assert middle(drawn[group]) == pytest.approx(np.mean(ends))


def test_the_lowest_is_darkest_and_letters_stand_out():
    shares = {"round": 0.97, "0": 0.99, "6": 0.95, "3": 0.7, "5": 0.85, "8": 0.8}
    figure = plots.tree(Tree(LOOKS), shares)
    grey = {name: np.dot(box.get_facecolor()[:3], (0.299, 0.587, 0.114)) for name, box in boxes(figure).items()}
    ordered = sorted(shares, key=shares.get)
    assert [grey[name] for name in ordered] == sorted(grey[name] for name in ordered)
    assert grey["9"] == grey["0"] == pytest.approx(1)
    for text in figure.axes[0].texts:
        for box in boxes(figure).values():
            x, y = text.get_position()
            if abs(x - middle(box)) < 0.01 and box.get_y() < y < box.get_y() + box.get_height():
                letters, paper = (np.dot(to_rgb(c), (0.299, 0.587, 0.114)) for c in (text.get_color(), box._facecolor))
                assert abs(letters - paper) > 0.35


def test_equal_numbers_have_no_colour():
    figure = plots.tree(Tree(LOOKS), {"0": 0.9, "6": 0.9})
    assert {box.get_facecolor()[:3] for box in boxes(figure).values()} == {(1, 1, 1)}


@pytest.mark.parametrize("children", [LOOKS, DEEP, {f"a long name {n}": [str(n)] for n in range(8)}, {"a": ["b"]}])
@pytest.mark.parametrize("label", ["", "the share of test images of a class for which the model says that class"])
def test_nothing_overlaps_or_leaves_the_figure(children, label):
    tree = Tree(children)
    figure = plots.tree(tree, {name: 0.5 for level in tree.levels for name in level}, label)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    extents = [box.get_window_extent(canvas.get_renderer()) for box in boxes(figure).values()]
    extents.append(figure.axes[0].texts[-1].get_window_extent(canvas.get_renderer()))
    assert not any(first.overlaps(second) for first, second in combinations(extents, 2))
    width, height = canvas.get_width_height()
    assert all(e.x0 >= 0 and e.y0 >= 0 and e.x1 <= width and e.y1 <= height for e in extents)


def test_the_digits_fit_on_a_page():
    assert plots.tree(Tree(LOOKS), {"0": 0.5}).get_size_inches()[0] < 8


def test_alt_text():
    assert plots.tree(Tree(DEEP), {"dog": 0.9, "oak": 1}, "recall").alt == (
        "Tree of 3 levels with 2, 3, 4 classes with recall for each class: "
        "animal (dog 0.90 (poodle, beagle), cat (siamese)); plant (tree (oak 1.00))."
    )
    assert plots.tree(Tree({"a": ["b"]})).alt == "Tree of 2 levels with 1, 1 classes: a (b)."


def test_names_are_no_mathematics():
    figure = plots.tree(Tree({"$x": ["y$"]}))
    figure.png()
    assert texts(figure) == {"$x": ["$x"], "y$": ["y$"]}


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: plots.tree(LOOKS), TypeError, "tree must be a mos_helpers.hierarchy.Tree, not dict"),
        (
            lambda: plots.tree(Tree(LOOKS), [0.5]),
            TypeError,
            "shares must be a dictionary .*, not list",
        ),
        (lambda: plots.tree(Tree(LOOKS), {"10": 0.5}), ValueError, "shares must be of classes of the tree, not '10'"),
        (lambda: plots.tree(Tree(LOOKS), {"0": 90}), ValueError, r"shares\['0'\] must be a number from 0 to 1, not 90"),
        (
            lambda: plots.tree(Tree(LOOKS), {"0": np.nan}),
            ValueError,
            r"shares\['0'\] must be .*, not nan",
        ),
    ],
)
def test_wrong_arguments_are_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()
