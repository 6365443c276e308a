"""Open notebooks in JupyterLab in a real browser, run every cell, and look for what a learner would stumble over.

    uv run --group browser python tests/course/browser/run.py notebooks/01_two_heads.ipynb exercises/01_two_heads.ipynb

Run by hand: it needs Chromium (Debian: apt install chromium; elsewhere, give its path in CHROMIUM). It works on a copy
of the course and writes screenshots to --into. It fails if a cell raised (but for an unanswered question, or an error
that the lesson shows), if a cell wrote to standard error, or if the browser asked another machine for anything.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import nbformat
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = ["notebooks/00_start_here.ipynb", "notebooks/01_two_heads.ipynb", "exercises/01_two_heads.ipynb"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDTH, HEIGHT, TALLEST = 1200, 1500, 15_000
SECONDS = 300


@contextmanager
def jupyter_lab(folder: Path) -> Iterator[str]:
    """Serve a folder with JupyterLab, with settings of its own; yield the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = folder / ".jupyter"
    news = home / "lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True, exist_ok=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    environment = {"JUPYTER_CONFIG_DIR": str(home), "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": str(ROOT)}
    options = ["--no-browser", f"--port={port}", "--IdentityProvider.token=", "--allow-root", "--ip=127.0.0.1"]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def ask(address: str) -> list | dict:
    """Return what JupyterLab's REST interface answers, waiting until it is up."""
    for _ in range(60):
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(1)
    raise TimeoutError(f"no answer from {address}")


def without_outputs(folder: Path) -> None:
    """Clear the notebooks of a folder, so that what they hold afterwards was made in the browser."""
    for path in folder.glob("*/*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)


def run_all(page: Page, base: str, path: Path, name: str) -> nbformat.NotebookNode:
    """Open a notebook, run all its cells, save it, and return what was saved."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(f"{base}/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    while not any(session["path"] == name for session in ask(f"{base}/api/sessions")):
        time.sleep(1)
    time.sleep(2)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    begin = time.monotonic()
    while time.monotonic() - begin < SECONDS:
        page.keyboard.press("Control+s")
        time.sleep(2)
        notebook = nbformat.read(path, as_version=4)
        busy = any(kernel["execution_state"] != "idle" for kernel in ask(f"{base}/api/kernels"))
        if not busy and all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code"):
            print(f"{name}: all cells run in about {time.monotonic() - begin:.0f} s")
            return notebook
    page.screenshot(path=Path(tempfile.gettempdir()) / "mos_stuck.png")
    raise TimeoutError(f"{name} did not run to its end in {SECONDS} s")


def photograph(page: Page, into: Path, name: str) -> None:
    """Write the whole notebook as a row of screenshots."""
    page.set_viewport_size({"width": WIDTH, "height": TALLEST})
    page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0")
    time.sleep(5)
    bottom = page.evaluate("document.querySelector('.jp-WindowedPanel-inner').getBoundingClientRect().bottom")
    stem = name.removesuffix(".ipynb").replace("/", "_")
    for number, top in enumerate(range(0, int(min(bottom, TALLEST)), HEIGHT)):
        clip = {"x": 0, "y": top, "width": WIDTH, "height": min(HEIGHT, TALLEST - top)}
        page.screenshot(path=into / f"{stem}_{number:02}.png", clip=clip)


def faults(notebook: nbformat.NotebookNode, name: str) -> list[str]:
    """Return what a learner would stumble over in a notebook that was run."""
    found = []
    allowed = {"Todo", "NameError"} if name.startswith("exercises") else set()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code):
        where = f"{name}, code cell {number}"
        if cell.execution_count is None:
            found.append(f"{where} was not run")
        for output in cell.outputs:
            shown = "raises-exception" in cell.metadata.get("tags", []) and not name.startswith("exercises")
            if output.output_type == "error" and output.ename not in allowed and not shown:
                found.append(f"{where} raised {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"{where} wrote to standard error: {output.text}")
    return found


def main() -> int:
    """Run the notebooks named on the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", default=DEFAULT)
    parser.add_argument("--into", type=Path, default=Path(tempfile.gettempdir()) / "mos_screenshots")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    found, outside = [], set()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for part in ("notebooks", "exercises", "solutions"):
            shutil.copytree(ROOT / part, Path(folder) / part)
        without_outputs(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS
        )
        for name in options.notebooks:
            with jupyter_lab(Path(folder)) as base:  # for each its own, so that its kernel ends too
                ask(f"{base}/api/status")
                page = browser.new_page()
                page.on("request", lambda request: outside.add(urlparse(request.url).hostname))
                found += faults(run_all(page, base, Path(folder) / name, name), name)
                photograph(page, options.into, name)
                page.close()
        browser.close()
    found += [f"the browser asked {host}" for host in sorted(outside - {"127.0.0.1", None, ""})]
    print("\n".join(found) or "Nothing to stumble over.")
    print(f"Screenshots: {options.into}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
