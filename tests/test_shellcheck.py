"""go.slurm under shellcheck, which knows the mistakes of shell scripts.

Needs: shellcheck (Debian's package of that name).
"""

import shutil
import subprocess

import pytest
from conftest import ROOT


def test_shellcheck_finds_nothing():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is missing: apt-get install shellcheck")
    done = subprocess.run(["shellcheck", f"{ROOT}/go.slurm"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
