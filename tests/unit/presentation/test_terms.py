"""Terms: a small part of Markdown, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.presentation.terms import render_terms
from tests.unit.presentation.allowed_html import text_of


@pytest.mark.parametrize(
    ("markdown", "html", "text"),
    [
        ("Ett stycke.\n\nEtt till.", "<p>Ett stycke.</p>\n<p>Ett till.</p>", "Ett stycke.\n\nEtt till."),
        ("rad\nrad", "<p>rad<br>\nrad</p>", "rad\nrad"),
        ("**fet** och *kursiv*", "<p><strong>fet</strong> och <em>kursiv</em></p>", "fet och kursiv"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>", "• a\n• b"),
        (
            "[avgift](https://example.org)",
            '<p><a href="https://example.org" rel="noopener noreferrer">avgift</a></p>',
            "avgift",
        ),
        ("# Rubrik", "<p># Rubrik</p>", "# Rubrik"),
        ("1 < 2 & 3", "<p>1 &lt; 2 &amp; 3</p>", "1 < 2 & 3"),
    ],
)
def test_what_terms_become(markdown: str, html: str, text: str) -> None:
    """Paragraphs, line breaks, bold, italic, lists and links, in both forms."""
    rendered = render_terms(markdown)
    assert rendered.html == html
    assert rendered.text == text


def test_an_ordered_list_is_one() -> None:
    """Numbered lines become an ordered list."""
    assert render_terms("1. a\n2. b").html == "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<b onclick=alert(1)>x</b>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,1)",
        "![x](https://example.org/a.png)",
        "<javascript:alert(1)>",
        '[x](https://example.org "a\\" onclick=\\"alert(1)")',
        "```\n<b>\n```",
    ],
)
def test_nothing_hostile_survives(hostile: str) -> None:
    """HTML, images, code and links to anything else are text."""
    text_of(render_terms(hostile).html)


@given(st.text(st.sampled_from("ab*_-[]()<>!#`~\\\n&\"' 1.:/htpsjavcri"), max_size=80))
def test_whatever_is_written_is_safe(markdown: str) -> None:
    """Any text gives HTML that is well-formed and holds nothing but what is allowed."""
    text_of(render_terms(markdown).html)
