"""The figures of the built notebooks, opened in JupyterLab and exported by nbconvert, in a real browser.

    uv run --group browser pytest -n0 tests/course/browser/test_figures.py

It needs Chromium (Debian: apt install chromium; elsewhere, give its path in CHROMIUM).
"""

import json
import os
import shutil

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import sync_playwright
from run import FLAGS, ROOT, ask, jupyter_lab

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # else, cells out of view have no figures
    "apputils-extension/themes": {"theme": "JupyterLab Dark"},
}
READ = """images => images.map(image => ({
    alt: image.alt, width: image.width, pixels: image.naturalWidth, right: image.getBoundingClientRect().right,
    squeezed: image.width / image.height / (image.naturalWidth / image.naturalHeight)}))"""


def alts(path):
    """The alt texts of the figures that a notebook holds."""
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    data = [output.data for output in outputs if output.output_type in ("display_data", "execute_result")]
    return [bundle["text/plain"] for bundle in data if "<img" in bundle.get("text/html", "") or "image/png" in bundle]


PATHS = [path for folder in ("notebooks", "solutions") for path in sorted((ROOT / folder).glob("*.ipynb"))]
WITH_FIGURES = [path for path in PATHS if alts(path)]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab in its dark theme, with copies of the notebooks: nobody has run them here, so it trusts none."""
    folder = tmp_path_factory.mktemp("course")
    for part in ("notebooks", "solutions"):
        shutil.copytree(ROOT / part, folder / part)
    for name, setting in SETTINGS.items():
        file = folder / f".jupyter/lab/user-settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(setting))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", str(folder / ".jupyter"))
        with jupyter_lab(folder) as address:
            ask(f"{address}/api/status")
            yield address


def check_figures(page, outputs, wanted):
    """Fail unless each figure has its text, its form, two pixels for each that it is shown with, and room."""
    page.wait_for_function(
        f"[...document.querySelectorAll('{outputs} img')].filter(image => image.complete).length === {len(wanted)}"
    )
    shown = page.locator(f"{outputs} img").evaluate_all(READ)
    assert [image["alt"] for image in shown] == wanted
    for image in shown:
        assert abs(image["pixels"] - 2 * image["width"]) <= 1, image
        assert abs(image["squeezed"] - 1) < 0.02, image
        assert image["right"] < page.viewport_size["width"], image


@pytest.mark.parametrize("path", WITH_FIGURES, ids=lambda path: path.stem)
def test_jupyterlab_shows_each_figure_sharp_and_with_its_text_before_the_notebook_is_trusted(lab, browser, path):
    name = path.relative_to(ROOT).as_posix()
    cells = ask(f"{lab}/api/contents/{name}")["content"]["cells"]
    assert not any(cell["metadata"].get("trusted") for cell in cells if cell.get("outputs"))
    page = browser.new_page(viewport={"width": 1500, "height": 1000}, device_scale_factor=2)
    page.goto(f"{lab}/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    assert page.locator("body[data-jp-theme-light=false]").count() == 1
    check_figures(page, ".jp-OutputArea-output", alts(path))
    page.close()


@pytest.mark.parametrize("path", WITH_FIGURES, ids=lambda path: path.stem)
def test_an_exported_page_shows_each_figure_sharp_and_with_its_text(browser, tmp_path, path):
    html, _ = HTMLExporter().from_filename(str(path))
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.goto((tmp_path / "page.html").as_uri())
    check_figures(page, ".jp-OutputArea-output", alts(path))
    page.close()
