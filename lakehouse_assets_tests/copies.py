"""A copy of the project, to which tables are added as a reader would add them: by files."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets_tests import PROJECT

DOCUMENT = PROJECT / "docs/tables.md"
COPIED = ("lakehouse_assets", "lakehouse_assets_tests", "pyproject.toml")
SECONDS = 300
_GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")

Files = dict[str, str]
"""Text by path."""


def files(text: str) -> Files:
    """The code blocks of a document that begin with a path."""
    return dict(re.findall(r"```(?:python|sql)\n(?:#|--) (lakehouse_assets\S+)\n(.*?)```", text, re.DOTALL))


def documented() -> Files:
    """Those of docs/tables.md."""
    return files(DOCUMENT.read_text())


@dataclass(frozen=True)
class Copy:
    """The copy's folder, and what its processes find in their environment besides."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def of_project(cls, folder: Path, **environment: str) -> Copy:
        """As it is now, in a repository of its own."""
        for name in COPIED:
            copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
            copy(PROJECT / name, folder / name)
        (folder / ".gitignore").write_text("__pycache__\nhome\n")
        made = cls(folder, {"PYTHONPATH": str(folder)} | environment)
        made.git("init", "-q")
        made.commit()
        return made

    def put(self, texts: Files) -> None:
        """New files; one that is there already must be the same."""
        for path, text in texts.items():
            assert not (self.folder / path).exists() or (self.folder / path).read_text() == text, path
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    def draft(self, command: str) -> None:
        """`lakehouse new table ...`, as a document has it."""
        self.lakehouse(*shlex.split(command)[1:])

    def lakehouse(self, *arguments: str, exit_code: int = 0) -> str:
        """What a command of the copy prints."""
        return self.run("-c", "from lakehouse_assets.cli import main; main()", *arguments, exit_code=exit_code)

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """What a Python of its own prints; fails with all of it."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ | {"COLUMNS": "160"} | self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == exit_code, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def git(self, *arguments: str) -> str:
        done = subprocess.run([*_GIT, *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self) -> list[str]:
        """Commits what has changed; the paths, as `git diff --stat` names them."""
        self.git("add", "--all")
        changed = self.git("diff", "--cached", "--stat=200").splitlines()[:-1]
        self.git("commit", "-q", "--allow-empty", "-m", "tables")
        return [line.split("|")[0].strip() for line in changed]

    def add(self, *tables: str, written: Files, drafts: Sequence[str] = ()) -> list[str]:
        """Tables by key with their tests, as they are `written`, or by the command that drafts them; what changed."""
        for key in tables:
            self.put(found := of_table(written, key))
            for command in drafts if not found else ():
                if key == command.split()[3]:
                    self.draft(command)
        return self.commit()


def of_table(written: Files, key: str) -> Files:
    """A table's file, and its test."""
    layer, domain, name = key.split("/")
    ends = (f"/{layer}/{domain}_{name}.py", f"/{layer}/{domain}_{name}.sql", f"/{layer}/test_{domain}_{name}.py")
    return {path: text for path, text in written.items() if path.endswith(ends)}


def renamed(written: Files, domain: str, to: str) -> Files:
    """The files with another domain, in paths and texts: its topics, keys and modules are its own then."""
    return {path.replace(domain, to): text.replace(domain, to) for path, text in written.items()}
