"""A matplotlib figure with alt text, and the colours of the course."""

import base64
import io

import matplotlib.figure
from PIL import Image

DPI = 100
DENSITY = 2  # pixels of the file for each pixel that it is shown with: sharp on screens of twice the usual density

# From the palette of Okabe and Ito ("Color Universal Design"), which colour-blind readers can tell apart.
# Each colour goes with its own line style, marker or border, so that a figure also works in grey.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
INK, GREY, PALE = "#222222", "#6B6B6B", "#F0F0F0"


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that a notebook shows as a PNG together with the figure's alt text.

    It does not go through pyplot, so a notebook shows it once, where it is returned. The PNG has the same bytes every
    time.

    Attributes:
        alt: what the figure shows, in one or two sentences, for those who cannot see it.
    """

    def __init__(self, width: float, height: float, alt: str = "", layout: str | None = "constrained") -> None:
        """Make an empty figure, ``width`` by ``height`` inches, shown with 100 pixels an inch."""
        super().__init__(figsize=(width, height), dpi=DPI, layout=layout)
        self.alt = alt

    def png(self) -> bytes:
        """Return the figure as a PNG file of 200 pixels an inch and at most 256 colours, which keep the file small."""
        drawn, file = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png", dpi=DENSITY * DPI)
        self.set_layout_engine("none")  # a second layout would start from the first and shift things by a hair
        colours = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        colours.save(file, "png", optimize=True)
        return file.getvalue()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        data = {"image/png": base64.b64encode(self.png()).decode("ascii"), "text/plain": self.alt}
        width, height = (round(DPI * inches) for inches in self.get_size_inches())
        return data, {"image/png": {"alt": self.alt, "width": width, "height": height}}

    def _ipython_display_(self) -> None:
        # After an import of pyplot, IPython would draw every figure in its own way, without the alt text.
        from IPython.display import display

        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)
