"""The house itself: the locks, what is packed, and what the project says of its makers (nothing)."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = [ROOT / "requirements.txt", *sorted((ROOT / "deploy" / "locks").glob("*.txt"))]
ROLES = ("availability", "booking", "gateway", "simulator")


def committed() -> list[Path]:
    """The files of the project: those under version control, or all but what is made where there is no git."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [file for name in listed.stdout.splitlines() if (file := ROOT / name).is_file()]
    folders = [ROOT / name for name in ("services", "shared", "tests", "docs", "deploy", ".ci")]
    found = [file for folder in folders for file in folder.rglob("*") if "__pycache__" not in file.parts]
    return [file for file in [*found, *ROOT.glob("*.*"), ROOT / "Makefile"] if file.is_file()]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_keeps_names_versions_and_hashes_alone(lock: Path) -> None:
    """No registry's address and no path gets into a lock, and nothing comes without a hash."""
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--index|--find-links|(^|\s)/\w", text)
    packages = re.findall(r"^([A-Za-z0-9._-]+)==\S+.*?(?=^[A-Za-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) == len(blocks)
    assert all("--hash=sha256:" in block for block in blocks)


def test_every_role_has_a_lock_of_its_own() -> None:
    """And the gateway's holds no SOAP client; what every role may have besides is of the same versions."""
    names = {lock.stem: lock.read_text(encoding="utf-8") for lock in LOCKS[1:]}
    assert tuple(sorted(names)) == tuple(sorted((*ROLES, "build", "otel")))
    pinned = {
        name: dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*?\])?==(\S+)", text, re.MULTILINE))
        for name, text in names.items()
    }
    for role in ROLES:
        both = pinned[role].keys() & pinned["otel"].keys()
        assert {one: pinned[role][one] for one in both} == {one: pinned["otel"][one] for one in both}
    assert f"\nhatchling=={pinned['build']['hatchling']} " in LOCKS[0].read_text(encoding="utf-8")
    assert "\nzeep==" not in names["gateway"]
    assert "\nzeep==" in names["availability"]


def test_what_a_role_needs_at_run_time_is_packed() -> None:
    """The wheel takes both packages whole: contract documents, migrations and the demo's file are in them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["services", "shared"]
    for name in (
        "shared/scheduling/wsdl/UpdateBooking.wsdl",
        "shared/scheduling/wsdl/xsd/scheduling.xsd",
        "shared/ledger/migrations/versions/0001_ledger.py",
        "services/simulator/demo.yaml",
        "services/gateway/pages/locales/en/LC_MESSAGES/omboka.po",
    ):
        assert (ROOT / name).is_file()


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of a machine that it was made on, and no registry's host, stands in any file."""
    forbidden = ["/wor" + "k/", "shared/" + "reference", "files.python" + "hosted", "/ro" + "ot/", "pypi" + ".org"]
    files = committed()
    assert len(files) > 200
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        found = [word for word in forbidden if word in text]
        assert not found, f"{file.relative_to(ROOT)} holds {found}"


def test_every_decision_and_document_that_is_named_is_there() -> None:
    """Links between the documents lead somewhere."""
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
