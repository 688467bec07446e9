"""Whatever happens in whatever order, the saga's invariants hold. Source: the saga's rules 3.8."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.builders.saga_machine import SagaMachine

EXAMPLES = int(os.environ.get("OMBOKA_EXAMPLES", "200"))
"""Stories of 40 steps: 200 in `make test`, 500 in `.ci/run`, 2,000 in `make mutations`."""

pytestmark = pytest.mark.timeout(120 + 2 * EXAMPLES)

PHASES = tuple(Phase) if os.environ.get("OMBOKA_SHRINK", "1") else (Phase.explicit, Phase.generate)
"""Without shrinking where it is only asked whether there is a story that does harm."""

TestTheSaga = SagaMachine.TestCase
TestTheSaga.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
