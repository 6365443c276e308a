"""A matplotlib figure with alt text, and the look that all figures of the course share."""

import base64
import io
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.font_manager import FontProperties
from PIL import Image

DPI = 100
DENSITY = 2  # pixels of the file for each pixel that it is shown with: sharp on screens of twice the usual density

# From the palette of Okabe and Ito ("Color Universal Design"), which colour-blind readers can tell apart.
# Each colour goes with its own line style, marker or border, so that a figure also works in grey.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
INK, GREY, PALE = "#222222", "#6B6B6B", "#F0F0F0"
STYLES = [
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": VERMILLION, "linestyle": "--", "marker": "s"},
    {"color": GREEN, "linestyle": "-.", "marker": "^"},
    {"color": PURPLE, "linestyle": ":", "marker": "D"},
    {"color": INK, "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
]

# Boxes: their corners in inches, and the letters in them.
ROUNDED = "round,pad=0,rounding_size=0.07"
NAME, FACT = FontProperties(size=10, weight="bold"), FontProperties(size=9)

RULER = RendererAgg(1, 1, DPI)  # measures text as it will be drawn


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that a notebook shows as a PNG together with the figure's alt text.

    It does not go through pyplot, so a notebook shows it once, where it is returned. The PNG has the same bytes every
    time.

    Attributes:
        alt: what the figure shows, in one or two sentences, for those who cannot see it.
    """

    def __init__(self, width: float, height: float, alt: str = "") -> None:
        """Make an empty figure, ``width`` by ``height`` inches, shown with 100 pixels an inch."""
        super().__init__(figsize=(width, height), dpi=DPI, layout="constrained")
        self.alt = alt

    def drawing(self) -> Axes:
        """Return axes in inches from the upper left corner, without frame and ticks."""
        self.set_layout_engine("none")
        width, height = self.get_size_inches()
        axes = self.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        return axes

    def legend_above(self, columns: int, **options: object) -> None:
        """Put a legend above the axes."""
        self.legend(loc="outside upper center", ncols=columns, frameon=False, **options)

    def png(self) -> bytes:
        """Return the figure as a PNG file of 200 pixels an inch and at most 256 colours, which keep the file small."""
        canvas, file = FigureCanvasAgg(self), io.BytesIO()
        self.dpi = DENSITY * DPI
        canvas.draw()
        self.dpi = DPI
        self.set_layout_engine("none")  # a second layout would start from the first and shift things by a hair
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        pixels.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        return file.getvalue()

    def bundle(self) -> dict[str, str]:
        """Return the figure in the forms that notebooks store, by their media types.

        JupyterLab reads no alt text from the metadata of a PNG, so there is HTML. What shows no HTML, such as an export
        to PDF, takes the PNG.
        """
        width = round(DPI * self.get_figwidth())  # without a height, the figure keeps its form on a narrow page
        png = base64.b64encode(self.png()).decode("ascii")
        html = f'<img alt="{escape(self.alt)}" width="{width}" src="data:image/png;base64,{png}">'
        return {"text/html": html, "image/png": png, "text/plain": self.alt}

    def _ipython_display_(self) -> None:
        # After an import of pyplot, IPython would draw every figure in its own way, without the alt text.
        from IPython.display import display

        display(self.bundle(), raw=True)


def finish(axes: Axes, x_label: str, y_label: str = "", ticks: int = 6) -> None:
    """Give axes their labels, at most so many steps between ticks, and a pale grid without a frame around it."""
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.locator_params(nbins=ticks)
    axes.grid(color="#E3E3E3")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def text_width(text: str, font: FontProperties) -> float:
    """Return the width of a text in inches."""
    return RULER.get_text_width_height_descent(text, font, ismath=False)[0] / DPI


def sentence(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def listed(parts: Mapping[str, Any], said: Callable[[Any], str]) -> str:
    """Return what is said of each part, after its name, for an alt text."""
    return "; ".join(f"{name}: {said(part)}" for name, part in parts.items())
