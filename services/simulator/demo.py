"""The demo's configuration, the file beside this module with the simulator's real address in it; and its patients."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources

from services.simulator.people import DEMO_PATIENTS
from shared.configuration import Configuration, parse_configuration

ADDRESS_IN_FILE = "http://127.0.0.1:8090"


def demo_text(base_url: str) -> str:
    """Give the demo's configuration file as text, with the simulator at `base_url` (scheme, host and port)."""
    file = resources.files("services.simulator") / "demo.yaml"
    return file.read_text(encoding="utf-8").replace(ADDRESS_IN_FILE, base_url.rstrip("/"))


def demo_configuration(base_url: str) -> Configuration:
    """Give the demo's configuration, with the simulator at `base_url`, such as http://127.0.0.1:40123."""
    return parse_configuration(demo_text(base_url), source="demo.yaml")


def patients_text() -> str:
    """Give the demo's patients as OMBOKA_DEMO_PATIENTS takes them, in JSON."""
    return json.dumps([asdict(patient) for patient in DEMO_PATIENTS], ensure_ascii=False, indent=1)
