"""The bill of materials of a role's image, as CycloneDX 1.6 JSON: each package of its lock, with hashes and licence.

`make sbom` writes one for each role and a list of licences into `dist/`. The same lock gives the same bytes. A package
that this machine doesn't have installed (one for another system) is listed without its licence.
Source: the reliability rules 4.1, "Supply chain"; https://cyclonedx.org/docs/1.6/json/.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(.*?)(?=^[A-Za-z0-9]|\Z)", re.MULTILINE | re.DOTALL)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

SPDX: dict[str, str] = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-3.0-only",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "PSF-2.0": "PSF-2.0",
}
"""SPDX identifiers of what packages call their licences where they don't use these themselves."""


@dataclass(frozen=True)
class Package:
    """One package of a lock; `licence` is an SPDX expression, or None where nobody here can say."""

    name: str
    version: str
    hashes: tuple[str, ...]
    licence: str | None

    @property
    def purl(self) -> str:
        """Its address in the scheme of package URLs."""
        return f"pkg:pypi/{re.sub(r'[-_.]+', '-', self.name).lower()}@{self.version}"


def packages(lock: str) -> list[Package]:
    """The packages of a lock, by name. Raises ValueError for a lock without any."""
    found = [
        Package(name, version, tuple(sorted(_HASH.findall(rest))), licence_of(name))
        for name, version, rest in _PACKAGE.findall(lock)
    ]
    if not found:
        raise ValueError("the lock names no package")
    return sorted(found, key=lambda package: package.name.lower())


def licence_of(name: str) -> str | None:
    """The licence that an installed package states, as an SPDX expression; None when it isn't installed."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    if "License-Expression" in told:
        return told["License-Expression"]
    classified = [
        one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License :: OSI")
    ]
    named = [SPDX.get(one, one) for one in classified] or [_short(next(iter(told.get_all("License") or ()), None))]
    return " OR ".join(dict.fromkeys(one for one in named if one)) or None


def _short(text: str | None) -> str | None:
    first = (text or "").strip().partition("\n")[0].strip()
    return SPDX.get(first, first) if 0 < len(first) <= 60 else None


def bill_of(role: str, lock: str) -> dict[str, Any]:
    """The CycloneDX document of a role."""
    version = metadata.version("omboka")
    root = f"pkg:pypi/omboka@{version}#{role}"
    listed = packages(lock)
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": f"omboka-{role}",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [_component(package) for package in listed],
        "dependencies": [{"ref": root, "dependsOn": [package.purl for package in listed]}],
    }
    content = json.dumps(document, sort_keys=True)
    return {**document, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"}


def _component(package: Package) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "hashes": [{"alg": "SHA-256", "content": one} for one in package.hashes],
    }
    if package.licence is not None:
        component["licenses"] = [{"expression": package.licence}]
    return component


def licences(locks: dict[str, str]) -> str:
    """Every package of every role with its licence and the roles that have it, as lines of text."""
    roles: dict[Package, list[str]] = {}
    for role, lock in locks.items():
        for package in packages(lock):
            roles.setdefault(package, []).append(role)
    rows = [
        f"{package.name} {package.version}\t{package.licence or 'not installed here'}\t{', '.join(having)}"
        for package, having in sorted(roles.items(), key=lambda row: row[0].name.lower())
    ]
    return "\n".join(rows) + "\n"


def main(locks: Path, target: Path) -> int:
    """Write `sbom-ROLE.json` for each lock in a folder, and `licences.txt`; gives the exit code."""
    target.mkdir(parents=True, exist_ok=True)
    found = {file.stem: file.read_text(encoding="utf-8") for file in sorted(locks.glob("*.txt"))}
    for role, lock in found.items():
        path = target / f"sbom-{role}.json"
        path.write_text(json.dumps(bill_of(role, lock), indent=2) + "\n", encoding="utf-8")
        print(path)
    path = target / "licences.txt"
    path.write_text(licences(found), encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
