"""Images with a digit in a known pose: turned, shifted and scaled."""

import math

import keras
import numpy as np

from mos_helpers.arguments import as_digits, check_number

AT_ONCE = 4096  # images, which bounds the memory in between


def posed_digits(
    x: np.ndarray,
    y: np.ndarray,
    n: int,
    max_angle: float = 45,
    max_shift: float = 3,
    sizes: tuple[float, float] = (0.7, 1.0),
    canvas: int = 42,
    seed: int = 0,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return n images of a digit that is turned, shifted and scaled, and by how much it is.

    Each digit is scaled and turned about the centre of its image and then shifted. The four numbers are drawn evenly
    from their ranges, each on its own. With all of them at rest (angle 0, no shift, size 1) the digit stands as it is
    in the middle of the canvas; half a pixel to the upper left of it, if the canvas has an odd number of pixels more.
    Pixels in between are interpolated. No ink is cut off: a canvas that is too small for the ranges is refused.

    The default range of angles is well below half a turn to each side, so that angles that look alike are near as
    numbers (359 degrees and 1 degree are not), and so that a 6 does not become a 9.

    Args:
        x, y, n, seed: as for `two_digits`.
        max_angle: degrees, from 0 to 180. The angle lies between -max_angle and max_angle, and is positive for a digit
            turned counter-clockwise, as seen.
        max_shift: pixels of the canvas, from 0 to 1000, for both directions. Shifts need not be whole numbers.
        sizes: the smallest and the largest factor, above 0 and at most 4; 1 leaves the size as it is.
        canvas: pixels of each side of the new images.

    Returns:
        Images, float32 of shape (n, canvas, canvas) in [0, 1], and a dictionary of arrays of shape (n,):
        "digit", int64; "angle", float32, degrees; "shift_right" and "shift_down", float32, pixels, negative for a
        digit shifted to the left or up; "size", float32, a factor.
    """
    x, y = as_digits(x, y, n, seed)
    check_number("max_angle", max_angle, 0, 180)
    check_number("max_shift", max_shift, 0, 1000)
    smallest, largest = _checked_sizes(sizes)
    check_number("canvas", canvas, 1, whole=True)
    needed = _canvas_needed(x, largest, max_shift)
    if canvas < needed:
        raise ValueError(f"canvas must be at least {needed}, so that no digit is cut in any pose, not {canvas}.")
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(x), size=n)
    ranges = {
        "angle": (-max_angle, max_angle),
        "shift_right": (-max_shift, max_shift),
        "shift_down": (-max_shift, max_shift),
        "size": (smallest, largest),
    }
    pose = {name: rng.uniform(low, high, n).astype(np.float32) for name, (low, high) in ranges.items()}
    height, width = x.shape[1:]
    top, left = (canvas - height) // 2, (canvas - width) // 2
    inverse = _inverse(pose, centre=(left + (width - 1) / 2, top + (height - 1) / 2))
    images = np.empty((n, canvas, canvas), dtype=np.float32)
    for start in range(0, n, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        upright = np.zeros((len(rows[part]), canvas, canvas, 1), dtype=np.float32)
        upright[:, top : top + height, left : left + width, 0] = x[rows[part]]
        posed = keras.ops.image.affine_transform(upright, inverse[part], data_format="channels_last")
        images[part] = keras.ops.convert_to_numpy(posed)[..., 0]
    return np.clip(images, 0, 1, out=images), {"digit": y[rows], **pose}


def _inverse(pose: dict[str, np.ndarray], centre: tuple[float, float]) -> np.ndarray:
    """Return for each pose the map from a pixel of the new image to a point of the old one, as Keras wants it.

    With y counted downwards, a counter-clockwise turn by `a` and a scaling by `s` take the offset (u, v) from the
    centre to s * (u cos a + v sin a, -u sin a + v cos a). This is turned back, after the shift is taken away.
    """
    angle = np.deg2rad(pose["angle"].astype(np.float64))
    cosine, sine = np.cos(angle) / pose["size"], np.sin(angle) / pose["size"]
    centre_x, centre_y = centre
    right, down = centre_x + pose["shift_right"], centre_y + pose["shift_down"]
    to_x = cosine, -sine, centre_x - cosine * right + sine * down
    to_y = sine, cosine, centre_y - sine * right - cosine * down
    return np.pad(np.stack([*to_x, *to_y], axis=1), ((0, 0), (0, 2))).astype(np.float32)


def _canvas_needed(x: np.ndarray, largest: float, max_shift: float) -> int:
    """Return the side of the smallest square canvas that holds every digit of x in every pose."""
    height, width = x.shape[1:]
    from_centre = np.hypot(*np.ogrid[-(height - 1) / 2 : height / 2, -(width - 1) / 2 : width / 2])
    reach = from_centre[x.any(axis=0)].max(initial=0) + math.sqrt(2)  # interpolation reaches one pixel further
    # A pixel next to the canvas must be out of reach: its centre is (canvas + 1) / 2 away from that of the canvas.
    needed = max(height, width, math.ceil(2 * (largest * reach + max_shift) - 1))
    half_a_pixel_off = (needed - height) % 2 or (needed - width) % 2
    return needed + half_a_pixel_off


def _checked_sizes(sizes: tuple[float, float]) -> tuple[float, float]:
    wanted = "two numbers above 0 and at most 4, the smaller one first"
    try:
        smallest, largest = map(float, sizes)
    except (TypeError, ValueError):
        raise TypeError(f"sizes must be {wanted}, not {sizes!r:.60}.") from None
    if not 0 < smallest <= largest <= 4:
        raise ValueError(f"sizes must be {wanted}, not {sizes!r:.60}.")
    return smallest, largest
