"""The demo's configuration: the file beside this module, with the address at which the simulator really is."""

from __future__ import annotations

from importlib import resources

from shared.configuration import Configuration, parse_configuration

ADDRESS_IN_FILE = "http://127.0.0.1:8090"


def demo_text(base_url: str) -> str:
    """Give the demo's configuration file as text, with the simulator at `base_url` (scheme, host and port)."""
    file = resources.files("services.simulator") / "demo.yaml"
    return file.read_text(encoding="utf-8").replace(ADDRESS_IN_FILE, base_url.rstrip("/"))


def demo_configuration(base_url: str) -> Configuration:
    """Give the demo's configuration, with the simulator at `base_url`, such as http://127.0.0.1:40123."""
    return parse_configuration(demo_text(base_url), source="demo.yaml")
