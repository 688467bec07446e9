"""The bill of materials: what each role's image holds, and under which licences."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from services.operations.sbom import bill_of, licences, main, packages

LOCKS = Path(__file__).parents[3] / "deploy" / "locks"
ROLES = sorted(file.stem for file in LOCKS.glob("*.txt"))

ACCEPTED = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "LGPL-3.0-only"}
"""What may be linked to under Apache-2.0: permissive ones, and those whose sharing ends at their own files."""


def lock_of(role: str) -> str:
    """A role's lock."""
    return (LOCKS / f"{role}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("role", ROLES)
def test_every_package_of_every_role_is_listed_with_its_hashes(role: str) -> None:
    """Names, versions and hashes are the lock's, each package once, and all of them belong to the role."""
    bill, lock = bill_of(role, lock_of(role)), lock_of(role)
    listed = {(one["name"], one["version"]) for one in bill["components"]}
    assert listed == set(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE))
    assert sum(len(one["hashes"]) for one in bill["components"]) == lock.count("--hash=sha256:")
    assert bill["dependencies"][0]["dependsOn"] == [one["bom-ref"] for one in bill["components"]]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])


@pytest.mark.parametrize("role", ROLES)
def test_every_licence_is_known_and_accepted(role: str) -> None:
    """A package that is installed says what it is under, and it is something that we may use."""
    for package in packages(lock_of(role)):
        if package.licence is None:
            assert package.name == "async-timeout", f"{package.name} says nothing of its licence"  # for Python 3.10
            continue
        words = set(re.split(r"\s+(?:AND|OR)\s+", package.licence))
        assert words <= ACCEPTED, f"{package.name} is under {package.licence}"


def test_the_command_writes_the_same_twice(tmp_path: Path) -> None:
    """One bill for each role and one list of licences; the same lock gives the same bytes."""
    for folder in ("one", "two"):
        assert main(LOCKS, tmp_path / folder) == 0
    names = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert names == ["licences.txt", *(f"sbom-{role}.json" for role in ROLES)]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert json.loads((tmp_path / "one" / "sbom-gateway.json").read_bytes())["components"]


def test_a_lock_without_packages_is_refused() -> None:
    """An empty bill would say that nothing is in the image."""
    with pytest.raises(ValueError):
        packages("# nothing\n")
    assert "cryptography" in licences({"gateway": lock_of("gateway")})
