"""Sphinx's settings for the website of the course. `site/build.py` calls it; nothing is executed."""

from html import escape

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

project = "Multi-output models with TensorFlow and Keras 3"
author = "the authors of mos"
copyright = "the authors of mos. Text and figures: CC BY 4.0. Code: MIT"
language = "en"

extensions = ["myst_nb", "sphinx_copybutton"]
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_error_lexer = "text"
myst_enable_extensions = ["colon_fence", "dollarmath", "linkify"]
myst_linkify_fuzzy_links = False
myst_heading_anchors = 3
html_math_renderer = "mathml"

html_context = {"default_mode": "auto"}
html_theme = "sphinx_book_theme"
html_title = "Multi-output models"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_sourcelink_suffix = ""
html_last_updated_fmt = None
html_theme_options = {
    "use_download_button": True,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "navigation_with_keys": False,
    "navbar_persistent": [],
}
copybutton_selector = "div.cell_input div.highlight pre, div.highlight-bash pre, div.highlight-python pre"


def inline_formula(writer: nodes.NodeVisitor, node: nodes.math) -> None:
    """Write a formula in a line as MathML, which browsers show without a script."""
    writer.body.append(f'<span class="formula">{convert(node.astext())}</span>')
    raise nodes.SkipNode


def formula(writer: nodes.NodeVisitor, node: nodes.math_block) -> None:
    """Write a formula that stands alone as MathML."""
    writer.body.append(f'<div class="formula" tabindex="0">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def explain_words(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each link to a word of the glossary the meaning of the word, to be shown when the pointer rests on it."""
    meanings = getattr(app.env, "mos_meanings", None)
    if meanings is None:
        glossary = app.env.get_doctree("notebooks/glossary")
        items = list(glossary.findall(nodes.definition_list_item))
        meanings = {name: item for item in items for term in item.findall(nodes.term) for name in term["ids"]}
        meanings = {name: " ".join(item[-1].astext().split()) for name, item in meanings.items()}
        app.env.mos_meanings = meanings
    for reference in doctree.findall(nodes.reference):
        target = reference.get("refuri", "").rpartition("#")[2]
        if target.startswith("term-") and target in meanings:
            reference["reftitle"] = escape(meanings[target], quote=False)


def setup(app: Sphinx) -> None:
    """Tell Sphinx of the formulas and of the words."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))
    app.connect("doctree-resolved", explain_words)
