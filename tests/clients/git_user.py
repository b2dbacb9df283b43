"""git and git-lfs as a person uses them, with a home of their own."""

import os
import subprocess
from pathlib import Path

HOW_TO_GET = "needs git and git-lfs: apt-get install git git-lfs, or brew install git git-lfs"


class GitUser:
    """Runs git apart from anybody's configuration; large files go through git-lfs."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        for setting, value in (
            ("user.name", "Alice"),
            ("user.email", "alice@example.org"),
            ("init.defaultBranch", "main"),
            ("advice.detachedHead", "false"),
        ):
            self.run("config", "--global", setting, value, cwd=home)
        self.run("lfs", "install", cwd=home)

    def run(self, *arguments: str, cwd: Path) -> str:
        """What git prints on its standard output; it must succeed."""
        finished = self._finish(arguments, cwd)
        assert finished.returncode == 0, f"git {' '.join(arguments)}\n{finished.stdout}{finished.stderr}"
        return finished.stdout.strip()

    def fail(self, *arguments: str, cwd: Path) -> str:
        """What git prints on its standard error; it must not succeed."""
        finished = self._finish(arguments, cwd)
        assert finished.returncode != 0, f"git {' '.join(arguments)} should have failed\n{finished.stdout}"
        return finished.stderr

    def start(self, *arguments: str, cwd: Path) -> subprocess.Popen:
        """Run it beside the test."""
        return subprocess.Popen(
            ["git", *arguments],
            cwd=cwd,
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def commit(self, work: Path, message: str, **files: str) -> str:
        """Write files (`a__b_txt` is `a/b.txt`), commit them, and return the commit's id."""
        for name, text in files.items():
            path = work / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        self.run("add", "--all", cwd=work)
        self.run("commit", "-q", "-m", message, cwd=work)
        return self.run("rev-parse", "HEAD", cwd=work)

    def _finish(self, arguments: tuple[str, ...], cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=cwd, env=self.environ, capture_output=True, text=True, timeout=200
        )
