"""The agent's side goes first where memory runs out; nothing else about its start changes."""

import subprocess
import sys
from pathlib import Path

import pytest

from remote.launch import give_way

_LOOK = """
import os, sys
print(os.getpid(), sys.argv[1:], sorted({*os.environ} - {"SHLVL", "_"}), open("/proc/self/oom_score_adj").read())
"""


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="only Linux has scores")
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_words_variables_and_process_stay(shell: str, tmp_path: Path) -> None:
    words = give_way([sys.executable, "-I", "-c", _LOOK, "a b", "--", "$x", "X=y", "-u"])
    env = {"HOME": "/", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([shell, *words[1:]], env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate(timeout=60)
    assert said.strip() == f"{process.pid} {['a b', '--', '$x', 'X=y', '-u']} {sorted(env)} 500"
