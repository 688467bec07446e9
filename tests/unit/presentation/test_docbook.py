"""DocBook to safe HTML: what is kept, what becomes its text, what is refused."""

from __future__ import annotations

import html
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.presentation.docbook import docbook_to_html, is_safe_address, without_tags
from tests.unit.presentation.allowed_html import text_of

DOCBOOK = "http://docbook.org/ns/docbook"
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


@pytest.mark.parametrize(
    ("docbook", "shown"),
    [
        ("<article><para>Hej</para></article>", "<p>Hej</p>"),
        (f'<article xmlns="{DOCBOOK}"><para>Hej</para></article>', "<p>Hej</p>"),
        ('<d:article xmlns:d="urn:other"><d:para>Hej</d:para></d:article>', "<p>Hej</p>"),
        ('<?xml version=”1.0” encoding=”UTF-8”?><article><para>Hej</para></article>', "<p>Hej</p>"),
        ("<article><info><title>A</title></info><section><title>B</title></section></article>",
         "<h3>A</h3><section><h4>B</h4></section>"),
        ("<article><itemizedlist><listitem><para>1</para></listitem></itemizedlist></article>",
         "<ul><li><p>1</p></li></ul>"),
        ("<article><orderedlist><listitem>1</listitem></orderedlist></article>", "<ol><li>1</li></ol>"),
        ("<article><para>a <emphasis>b</emphasis></para></article>", "<p>a <em>b</em></p>"),
        ('<article><ulink url="https://example.org/?a=1&amp;b=2">x</ulink></article>',
         '<a href="https://example.org/?a=1&amp;b=2" rel="noopener noreferrer">x</a>'),
        (f'<article {XLINK}><link xlink:href="mailto:a@example.org">x</link></article>',
         '<a href="mailto:a@example.org" rel="noopener noreferrer">x</a>'),
        ("<article><table><row>cell</row></table></article>", "cell"),
        ("<article><para>1 &lt; 2 &amp; 3</para></article>", "<p>1 &lt; 2 &amp; 3</p>"),
        ("<article><![CDATA[<b>]]></article>", "&lt;b&gt;"),
    ],
)  # fmt: skip
def test_what_docbook_becomes(docbook: str, shown: str) -> None:
    """The allowed elements become their HTML, anything else its text."""
    assert docbook_to_html(docbook) == shown
    text_of(shown)


def test_escaped_docbook_is_unescaped_once() -> None:
    """A purpose that is still escaped is unescaped once more, and never twice."""
    docbook = "<article><para>Hej</para></article>"
    assert docbook_to_html(html.escape(docbook)) == "<p>Hej</p>"
    assert docbook_to_html(html.escape(html.escape(docbook))) is None


@pytest.mark.parametrize(
    "hostile",
    [
        '<!DOCTYPE article [<!ENTITY a "b">]><article>&a;</article>',
        '<!DOCTYPE article SYSTEM "file:///etc/passwd"><article/>',
        '<!DOCTYPE article [<!ENTITY x SYSTEM "file:///etc/passwd">]><article>&x;</article>',
        "<article>&unknown;</article>",
        "<article><para>open</article>",
        "<html><body/></html>",
        "plain text",
        "",
        "<article>" + "<section>" * 100 + "x" + "</section>" * 100 + "</article>",
        "<article>" + "x" * 300_000 + "</article>",
        "<article/><article/>",
        "<article>\x00</article>",
    ],
)
def test_what_is_no_docbook(hostile: str) -> None:
    """A DTD, an entity, another root, bad form, too deep or too large: it isn't DocBook."""
    assert docbook_to_html(hostile) is None


@pytest.mark.parametrize(
    "hostile",
    [
        "<article><script>alert(1)</script>x</article>",
        "<article><style>p{}</style>x</article>",
        '<article><para onclick="alert(1)" style="x">x</para></article>',
        '<article><link href="javascript:alert(1)">x</link></article>',
        '<article><link href="JaVaScRiPt:alert(1)">x</link></article>',
        '<article><link href=" data:text/html,&lt;script>">x</link></article>',
        '<article><link href="https://">x</link></article>',
        '<article><link href="java&#10;script:alert(1)">x</link></article>',
        '<article><ulink url="https://a.example/&quot; onclick=&quot;alert(1)">x</ulink></article>',
        "<article><![CDATA[<script>alert(1)</script>]]>x</article>",
        "<article><iframe src='https://a.example'/>x<!-- <b> --></article>",
        '<article xmlns:h="http://www.w3.org/1999/xhtml"><h:script>alert(1)</h:script>x</article>',
    ],
)
def test_nothing_hostile_survives(hostile: str) -> None:
    """Scripts, handlers, styles and links to anything but http, https and mailto: the text alone is left."""
    shown = docbook_to_html(hostile)
    assert shown is not None
    assert "x" in text_of(shown)
    assert "<a" not in shown


NAMES = st.sampled_from(
    ["para", "section", "title", "emphasis", "itemizedlist", "listitem", "link", "script", "img", "h:b", "bibliography"]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["href", "url", "onclick", "class"]), st.text("jahtps:/.<>\"'& x", max_size=30)
)
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20).map(escape)


@st.composite
def element(draw: st.DrawFn, inside: st.SearchStrategy[str]) -> str:
    """An element with attributes and whatever is inside."""
    name = draw(NAMES)
    attributes = "".join(f' {key}="{html.escape(value)}"' for key, value in draw(ATTRIBUTES).items())
    return f"<{name}{attributes}>{''.join(draw(st.lists(inside, max_size=3)))}</{name}>"


@given(st.lists(st.recursive(WORDS, element, max_leaves=12), max_size=4))
def test_whatever_is_made_of_docbook_is_safe(parts: list[str]) -> None:
    """Any tree of elements gives HTML that is well-formed and holds nothing but what is allowed."""
    shown = docbook_to_html(f'<article xmlns:h="urn:h">{"".join(parts)}</article>')
    assert shown is not None
    text_of(shown)


@given(st.text())
def test_any_text_is_safe(text: str) -> None:
    """Whatever a booking system sends: no exception, and no HTML unless it is DocBook."""
    shown = docbook_to_html(text)
    assert shown is None or "article" in text


def test_markup_that_is_no_docbook_loses_its_tags() -> None:
    """Tags go, the words and a lone sign stay."""
    assert without_tags('<?xml version="1.0"?><b>Hej</b> 1 < 2 <br/>då') == "Hej 1 < 2 då"


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://www.example.org/a?b#c", True),
        ("HTTP://example.org", True),
        ("mailto:a@example.org", True),
        ("mailto:", False),
        ("//example.org", False),
        ("/a", False),
        ("javascript:alert(1)", False),
        ("https://[", False),
        ("https:///x", False),
        ("https://a.example/\\x", False),
        ("ftp://example.org", False),
    ],
)
def test_which_links_may_be_followed(address: str, safe: bool) -> None:
    """Http and https with a host, and mailto with an address; nothing else."""
    assert is_safe_address(address) is safe
