"""Whatever a booking system answers, reading it ends: in what the answer says, or in one of our failures.

Nothing uncaught, nothing believed that isn't said, bounded time and memory. Source: the reliability rules 4.2 and N10.
"""

from __future__ import annotations

import copy
import random
import time
from collections import Counter

import pytest
from lxml import etree

from shared.contracts.model import Interaction
from shared.scheduling.failures import SchedulingFailure, Unreadable
from tests.security.answer_corpus import FOLDER, hostile_answers, right_answers
from tests.security.fuzz_answers import INTERACTIONS, STATUSES, corpus, one_input, read_whole
from tests.security.results import keep
from tests.security.sizes import chance, size
from tests.security.test_fuzz_tcp import changed
from tests.security.watching import DEADLINE_SECONDS, Slowest, bounded_memory, nothing_unforeseen

LONGEST = 5.0
"""Seconds of a processor that reading one answer may take; the whole call has 40 of the clock."""

BELIEVED = {
    "right": "OK",
    "info": "INFO",
    "rejected": "ERROR",
    "long text": "OK",
    "processing instruction": "OK",
    "code in a comment": "ERROR",  # a comment says nothing
}
"""The answers of the corpus that are right ones; no other may be believed."""

PARTS = (
    b"<r:resultCode>ERROR</r:resultCode>",
    b"<r:resultCode>OK</r:resultCode>",
    b"<resultCode>OK</resultCode>",
    b"</s:Body><s:Body>",
    b"<s:Body/>",
    b"<!DOCTYPE a>",
    b"<![CDATA[<]]>",
    b"<!--",
    b"-->",
    b"<?x y?>",
    b"&amp;",
    b"&lol;",
    b"&#xD800;",
    b"&#x202e;",
    b"\x00",
    b"\xef\xbb\xbf",
    b'<?xml version="1.0" encoding="UTF-16"?>',
    b'<?xml version="1.0" encoding="EBCDIC-CP-FI"?>',
    b' xmlns:r="urn:other"',
    b' xmlns=""',
    b" xsi:nil='true'",
    b"null",
    b"20260230250000",
    "１９１２１２１２１２１２".encode(),
    b"-1",
    b"9" * 5000,
    b"<a>" * 300,
    b"<s:Fault xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><faultstring>VP004</faultstring></s:Fault>",
)


TEXTS = (
    "OK",
    "INFO",
    "ERROR",
    "NEJ",
    "",
    "null",
    " ",
    "true",
    "20261345990000",
    "191212121212",
    "VP009",
    "x" * 200_000,
)


def rebuilt(random_: random.Random, body: bytes) -> bytes:
    """An answer that is still XML: elements taken out, doubled, moved, renamed, or with another text."""
    root = etree.fromstring(body)
    for _ in range(random_.randint(1, 3)):
        inner = [one for one in root.iter() if one.getparent() is not None]
        if not inner:
            break
        one = random_.choice(inner)
        parent = one.getparent()
        assert parent is not None
        match random_.randrange(6):
            case 0:
                parent.remove(one)
            case 1:
                parent.append(copy.deepcopy(one))
            case 2:
                random_.choice(list(root.iter())).append(copy.deepcopy(one))
            case 3:
                one.tag = random_.choice([other.tag for other in root.iter()])
            case 4:
                one.tag = f"{{urn:other}}{etree.QName(one).localname}"
            case _:
                one.text = random_.choice(TEXTS)
    return etree.tostring(root)


def mutated(random_: random.Random, body: bytes, others: list[bytes]) -> bytes:
    """An answer changed: by bytes, by parts put in, by elements taken out, doubled or moved, or by another's middle."""
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        place = random_.randrange(len(body) + 1)
        tags = [n for n, byte in enumerate(body[:20_000]) if byte == 0x3C] or [0]
        one, two = sorted((random_.choice(tags), random_.choice(tags)))
        match random_.randrange(7):
            case 0:
                body = changed(random_, body)
            case 1:
                body = body[:place] + random_.choice(PARTS) + body[place:]
            case 2:
                body = body[:one] + random_.choice(PARTS) + body[one:]
            case 3:
                body = body[:one] + body[two:]
            case 4:
                body = body[:two] + body[one:two] + body[two:]
            case 5:
                other = random_.choice(others)
                body = body[:place] + other[random_.randrange(len(other) + 1) :]
            case _:
                body = body[:place]
    return body


@pytest.mark.parametrize("name", hostile_answers())
def test_a_hostile_answer_is_believed_only_where_it_is_right(name: str) -> None:
    """Each case of the table ends in a failure at once, but for those that are right answers."""
    status, body = hostile_answers()[name]
    slowest = Slowest()
    with bounded_memory():
        began = time.thread_time()
        with slowest.measured():
            found = read_whole(Interaction.UPDATE_BOOKING, status, body)
        took = time.thread_time() - began
    assert took < LONGEST
    assert slowest.seconds < DEADLINE_SECONDS
    code = getattr(found, "code", None)
    assert (str(code.value) if code else None) == BELIEVED.get(name)
    assert code is not None or isinstance(found, SchedulingFailure)


def test_the_corpus_of_the_fuzzer_is_replayed() -> None:
    """Each input that a fuzzer begins with or has found ends as foreseen; the right ones are read."""
    inputs = corpus()
    assert len(inputs) > 80
    for content in inputs.values():
        one_input(content)
    for file in sorted(FOLDER.iterdir()):
        one_input(file.read_bytes())
    for interaction, body in right_answers().items():
        assert not isinstance(read_whole(interaction, 200, body), SchedulingFailure), interaction


@pytest.mark.timeout(900)
def test_mutated_answers_are_read_or_refused() -> None:
    """Thousands of changed answers to every interaction: 0 uncaught, 0 wrongly believed, each in bounded time."""
    random_ = chance("answers")
    right = right_answers()
    hostile = [body for _, body in hostile_answers().values() if len(body) < 20_000]
    ends: Counter[str] = Counter()
    most, slowest = 0.0, Slowest()
    tried = size(1500, 10_000)
    with nothing_unforeseen(), bounded_memory() as memory:
        for n in range(tried):
            interaction = INTERACTIONS[n % 3 and n % len(INTERACTIONS)]
            seed = random_.choice(hostile) if random_.random() < 0.3 else right[interaction]
            status = 200 if random_.random() < 0.8 else random_.choice(STATUSES)
            if seed is right[interaction] and random_.random() < 0.6:
                body = rebuilt(random_, seed)
            else:
                body = mutated(random_, seed, hostile)
            began = time.thread_time()
            with slowest.measured():
                found = read_whole(interaction, status, body)
            most = max(most, time.thread_time() - began)
            ends[type(found).__name__] += 1
    assert most < LONGEST
    assert slowest.seconds < DEADLINE_SECONDS
    assert ends[Unreadable.__name__] > size(500, 4000)
    assert ends["UpdateResult"] > size(20, 200), ends
    assert len(ends) >= 6, ends
    keep("answers", tried=tried, slowest=slowest.seconds, grown=memory.grown, ends=ends)
