"""go.slurm with the habits of other clusters: programs that are not there, in a folder of stubs that is all of PATH.

The scripts that it starts are stubs too, which note how they were started; torchrun, torch and bash are real. On a real Slurm:
tests/test_slurm.py. Run: python -m pytest -q tests/test_go_slurm.py
"""

import shutil
import subprocess
import sys
import time

import pytest
from conftest import ROOT

TOOLS = "bash cat cksum date dirname env head mktemp rm sed sleep tail touch tr uname wc".split()
SCRIPT = "import os, sys; print(os.path.basename(__file__), *sys.argv[1:], flush=True)\n"
TRAIN = (
    SCRIPT
    + """
import time
folder = sys.argv[sys.argv.index("--out") + 1]
if os.environ.get("SLOW"):  # until it is asked to stop
    while not os.path.exists(folder + ".stop"):
        time.sleep(0.05)
else:
    os.makedirs(folder + "/final", exist_ok=True)
    open(folder + "/final/whole.json", "w").close()
"""
)


@pytest.fixture
def cluster(tmp_path, tiny_model):
    """A function (environment, programs that are missing) -> (exit code, stdout, stderr) of go.slurm in a folder of its own."""
    bin_, work = tmp_path / "bin", tmp_path / "work"
    bin_.mkdir()
    work.mkdir()
    for name in TOOLS:
        (bin_ / name).symlink_to(shutil.which(name))
    for name, text in {
        "python": f'exec {sys.executable} "$@"',
        "srun": 'echo "srun $1" >&2; while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"',
        "scontrol": 'echo "scontrol $*"; [ "$1" != show ] || echo 127.0.0.1',
    }.items():
        (bin_ / name).write_text(f"#!/bin/bash\n{text}\n")
        (bin_ / name).chmod(0o755)
    (work / "llm_ts").symlink_to(f"{ROOT}/llm_ts")
    for name in ("convert.py", "qwen_train.py", "hf2gguf.py", "examine.py"):
        (work / name).write_text(TRAIN if name == "qwen_train.py" else SCRIPT)
    (work / "data.jsonl").touch()
    shutil.copy(f"{ROOT}/go.slurm", work)
    environment = {
        "PATH": str(bin_), "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "MODEL": tiny_model, "FOLDER": "run",
        "SLURM_JOB_ID": "7", "SLURM_NNODES": "1", "SLURM_GPUS_ON_NODE": "", "PROCESSES": "1", "HEAD": "127.0.0.1", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip

    def run(missing=(), signal_after=None, **more):
        for name in missing:
            (bin_ / name).unlink()
        env = {name: value for name, value in {**environment, **more}.items() if value is not None}
        process = subprocess.Popen(
            [str(bin_ / "bash"), "go.slurm"],
            cwd=work,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if signal_after:
            end = time.monotonic() + 60
            while not (work / "run.7.tries").exists() and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(signal_after)
            process.send_signal(10)
        out, err = process.communicate(timeout=120)
        assert "command not found" not in err and "unbound" not in err and "Traceback" not in err, err
        return process.returncode, out, err

    run.work, run.bin = work, bin_
    return run


def test_a_node_without_scontrol_trains_and_says_at_its_start_that_it_will_not_queue_again(cluster):
    """The first node's address is HEAD, else the name of this node: a job's script runs on its first."""
    code, out, err = cluster(["scontrol"], HEAD=None, SLURMD_NODENAME="localhost")
    assert code == 0 and "no scontrol here" in err.partition("srun")[0], err
    assert [line.split()[0] for line in out.splitlines() if ".py" in line] == ["convert.py", "qwen_train.py", "hf2gguf.py"], out


@pytest.mark.slow
def test_what_the_time_limit_stops_without_scontrol_is_saved_and_says_so(cluster):
    code, out, err = cluster(["scontrol"], SLOW="1", signal_after=8)
    assert code == 75 and "saving" in out and "not queued again (no scontrol here): run sbatch go.slurm anew" in err


@pytest.mark.slow
def test_with_scontrol_it_is_queued_again(cluster):
    code, out, _ = cluster(SLOW="1", signal_after=8)
    assert code == 0 and "scontrol requeue 7" in out


def test_one_node_needs_no_srun_and_two_do(cluster):
    code, out, _ = cluster(["srun"])
    assert code == 0 and "hf2gguf.py --base run/final" in out
    assert_misses(cluster(SLURM_NNODES="2", HEAD=None), "srun, which several nodes need")


def assert_misses(done, what):
    code, out, err = done
    assert code == 2 and len(err.strip().splitlines()) == 1 and "it misses: " in err and what in err, err
    assert ".py" not in out  # nothing has worked


def break_gpu(work):
    """A torch whose GPU is there and whose first kernel fails, as drivers and builds that do not fit have it."""
    (work / "sitecustomize.py").write_text(
        "import sys\n"
        "if sys.argv[:1] == ['-']:\n"
        "    import torch\n"
        "    torch.cuda.device_count = torch.cuda.is_available = lambda: 1\n"
        "    real = torch.ones\n"
        "    def ones(*sizes, device=None):\n"
        "        if device is not None:\n"
        "            raise RuntimeError('CUDA error: no kernel image is available for execution on the device\\nmore')\n"
        "        return real(*sizes)\n"
        "    torch.ones = ones\n"
    )


def test_what_is_missing_is_said_in_one_line_before_anything_works(cluster):
    soon = str(int(time.time()) + 240)
    assert_misses(cluster(SLURM_NNODES="2", HEAD=None), "the first node's address: set HEAD")
    assert_misses(cluster(SLURM_JOB_END_TIME=soon), "give --time=00:10:00 or more")
    assert_misses(cluster(MODEL="Qwen/Qwen2.5-0.5B-Instruct"), "or a way to a hub (HF_HUB_OFFLINE is set): run hf download")
    assert_misses(cluster(SLURM_GPUS_ON_NODE="1"), "a GPU was requested (SLURM_GPUS_ON_NODE=1)")
    assert_misses(cluster(TMPDIR="/proc/1", DATA="nowhere.jsonl", MODEL="nowhere"), "nowhere.jsonl: run ou_process.py")
    break_gpu(cluster.work)
    assert_misses(
        cluster(SLURMD_NODENAME="gpu07"),
        "on gpu07 it misses: a GPU that works (the first kernel of number 0 fails: CUDA error: no kernel image",
    )


def test_a_python_of_another_age_and_scripts_elsewhere_are_told(cluster):
    (cluster.bin / "python").write_text("#!/bin/bash\nexit 1\n")
    assert_misses(cluster(), "Python 3.11 (found: ")
    assert_misses(cluster(["python"]), "Python 3.11 (found: none)")
    assert_misses(cluster(PYTHON=sys.executable, SCRIPTS="elsewhere"), "the scripts (in elsewhere)")


def test_without_a_job_it_only_looks(cluster):
    code, out, err = cluster(SLURM_JOB_ID=None)
    assert code == 0 and "nothing is missing on this machine; now: sbatch go.slurm" in out and ".py" not in out, err
