"""Spoils a right answer in the ways that are known from the field; pure, bytes in and bytes out."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from services.simulator.contracts import SOAP
from services.simulator.mishaps import Variant
from services.simulator.wire import Answer, envelope

_HTML = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"
_OVERSIZE = 6 * 1024 * 1024


def spoil(answer: Answer, variant: Variant) -> Answer:
    """Spoil an answer. The truncated one is cut in half here; whoever sends it promises the whole length."""
    return _VARIANTS[variant](answer)


def _parts(answer: Answer) -> tuple[etree._Element, etree._Element]:
    root = etree.fromstring(answer.body)
    body = root.find(f"{{{SOAP}}}Body")
    assert body is not None
    return root, body


def _wrong_element(answer: Answer) -> Answer:
    content = _parts(answer)[1][0]
    content.tag = f"{{{etree.QName(content).namespace}}}CancelBookingResponse"
    return Answer(200, envelope(content))


def _two_results(answer: Answer) -> Answer:
    root, body = _parts(answer)
    body.append(etree.fromstring(etree.tostring(body[0])))
    return Answer(200, etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _result_code(answer: Answer, code: str | None) -> Answer:
    content = _parts(answer)[1][0]
    for element in content.findall("{*}resultCode"):
        if code is None:
            content.remove(element)
        else:
            element.text = code
    return Answer(200, envelope(content))


def _doctype(answer: Answer) -> Answer:
    declaration, _, rest = answer.body.partition(b"?>")
    return Answer(200, declaration + b'?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + rest)


def _oversize(answer: Answer) -> Answer:
    return Answer(200, answer.body.replace(b"</soapenv:Body>", b" " * _OVERSIZE + b"</soapenv:Body>"))


_VARIANTS: dict[Variant, Callable[[Answer], Answer]] = {
    "not_xml": lambda answer: Answer(200, b"OK: " + answer.body[:40]),
    "html": lambda answer: Answer(502, _HTML, "text/html"),
    "empty": lambda answer: Answer(200, b""),
    "empty_body": lambda answer: Answer(200, f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>'.encode()),
    "truncated": lambda answer: Answer(200, answer.body[: len(answer.body) // 2]),
    "doctype": _doctype,
    "oversize": _oversize,
    "wrong_element": _wrong_element,
    "two_results": _two_results,
    "bad_result_code": lambda answer: _result_code(answer, "YES"),
    "missing_result_code": lambda answer: _result_code(answer, None),
    "ok_with_500": lambda answer: Answer(500, answer.body),
}
