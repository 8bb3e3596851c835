"""go.slurm on a real Slurm of two nodes on this machine: a time limit, preemption, a node's failure, the same weights; shards.

Needs: Debian's slurm-wlm and munge, root, models/. Run: python -m pytest -q tests/test_slurm.py (make slurm)

The nodes are two slurmd of one machine, and its processes talk by gloo: what a cluster's network or GPUs would do is not
tested here.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT

from llm_ts.base import disk
from llm_ts.data import pair, records
from llm_ts.series import rows as series_rows

pytestmark = pytest.mark.slow

STEPS = 300
NEEDED = ("slurmctld", "slurmd", "munged", "sbatch", "scontrol")

CONFIG = """\
ClusterName=toy
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=20
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
KillWait=10
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=1 RealMemory=4000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=1 RealMemory=4000
PartitionName=toy Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=9
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Environment in which sbatch and its kin speak to a two-node cluster of our own."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing or os.geteuid():  # not skipped: a `make slurm` that tests nothing must not look well
        pytest.fail(f"a real Slurm needs root and Debian's slurm-wlm and munge; missing: {', '.join(missing) or 'root'}")
    folder = tmp_path_factory.mktemp("slurm")
    port, first, second = free_ports(3)
    host = socket.gethostname().split(".")[0]
    (folder / "state").mkdir()
    for name in ("n1", "n2"):
        (folder / f"spool-{name}").mkdir()
    (folder / "slurm.conf").write_text(CONFIG.format(host=host, folder=folder, port=port, first=first, second=second))
    env = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    folder.chmod(0o755)
    log = open(folder / "daemons.log", "wb")
    started = []

    def start(*command):
        started.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))

    munge = [f"--socket={folder}/munge.socket", f"--key-file={key}", f"--log-file={folder}/munged.log"]
    start("munged", "--foreground", "--force", *munge, f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/seed")
    wait_until((folder / "munge.socket").exists, 20, "munged's socket")
    start("slurmctld", "-D")
    for name in ("n1", "n2"):
        start("slurmd", "-D", "-N", name)
    try:
        wait_until(lambda: both_idle(env), 60, "two idle nodes")
        yield env
    finally:
        slurm(env, "scancel", "--user=root", "--full", "--signal=KILL", check=False)
        os.kill(pid_of(env, "n2"), signal.SIGTERM)  # not the one that was started here, if the node has failed
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)


def both_idle(env):
    return slurm(env, "sinfo", "-h", "-o", "%T %D").split() == ["idle", "2"]


def pid_of(env, node):
    return int((Path(env["SLURM_CONF"]).parent / f"slurmd-{node}.pid").read_text())


def cut_off(env, node):
    """A power cut: a node's daemon and all that it ran are gone. Slurm is told, for it would notice after some minutes.

    A node that is only set down while its daemon lives comes back at once, and what is left of the step
    can then keep the nodes busy for the job's next start, for ever (Slurm 22.05).
    """
    os.kill(pid_of(env, node), signal.SIGKILL)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"SLURMD_NODENAME={node}".encode() in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:  # it has just ended, or is not for us to look at
            pass
    change(env, f"NodeName={node}", "State=DOWN", "Reason=test")


def come_back(env, node):
    subprocess.run(["slurmd", "-N", node], env=env, check=True, timeout=60)
    wait_until(lambda: both_idle(env), 60, "two idle nodes", lambda: slurm(env, "sinfo"))


def slurm(env, *command, check=True):
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    if check and done.returncode:
        return f"failed: {done.stderr.strip()}"
    return done.stdout


def wait_until(true, seconds, what, explain=lambda: ""):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}\n{explain()}"
        time.sleep(0.2)


def submit(env, folder, tiny_model, embedder, steps, *flags):
    """Submit go.slurm in folder, on two nodes with a process each; returns the job's number."""
    train = (
        f"--embedder {embedder} --nli none --epochs 1 --fresh 16x{steps * 4} --batch-size 2 --save-steps 100 "
        f"--logging-steps 20 --max-new-tokens 4 --eval-rows 2 --validation 2"
    )
    job = {
        **env, "MODEL": tiny_model, "FOLDER": "run", "SCRIPTS": ROOT, "PROCESSES": "1", "HEAD": "127.0.0.1",
        "PATH": f"{ROOT}/.venv/bin:{env['PATH']}", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
        "CONVERT_FLAGS": "--answers truth --format thirds --diagnostics 0", "TRAIN_FLAGS": train,
        "EXPORT_FLAGS": "--rows 4 --min-equal 0",
        "EVALUATE_FLAGS": f"--count 12 --points 16 --max-new-tokens 4 --batch-size 4 --embedder {embedder} --nli none",
    }  # fmt: skip
    command = ["sbatch", "--parsable", "--gpus-per-node=0", "--cpus-per-task=1", "--mem=0", *flags]
    done = subprocess.run([*command, f"{ROOT}/go.slurm"], cwd=folder, env=job, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def state_of(env, job):
    return slurm(env, "scontrol", "-o", "show", "job", job)


def wait_for_end(env, job, folder, seconds):
    def ended():
        said = state_of(env, job)
        assert "JobState=FAILED" not in said and "JobState=TIMEOUT" not in said, logs(folder)
        return said and all("JobState=COMPLETED" in line for line in said.strip().splitlines())

    wait_until(ended, seconds, f"job {job}", lambda: state_of(env, job) + logs(folder))


def logs(folder):
    return "".join((folder / name).read_text()[-3000:] for name in ("train.out", "train.err") if (folder / name).exists())


def make_folder(folder):
    rows, _ = series_rows.make(5, range(60), 16)
    assert len({pair.split_of(row["id"]) for row in rows}) == 2
    disk.write_text(str(folder / "data.jsonl"), "".join(records.encode(row) + "\n" for row in rows))


def is_at(folder, start, step):
    """Whether this start of a job has printed this step."""
    out = folder / "train.out"
    return out.exists() and f"step {step} of" in out.read_text().partition(f"start {start} on")[2]


@contextmanager
def held(folder, start, step):
    """The training of a start, paused at this step: what Slurm does meanwhile finds it there on a machine of any speed.

    It must go on before Slurm ends it: a paused process does not hear that it shall stop.
    """

    def signal_all(number):
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                if any(word.endswith(b"qwen_train.py") for word in words[1:3]) and (process / "cwd").resolve() == folder:
                    os.kill(int(process.name), number)
                    found.add(process.name)
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                pass

    found = set()
    wait_until(lambda: is_at(folder, start, step), 600, f"step {step} of start {start}", lambda: logs(folder))
    try:
        signal_all(signal.SIGSTOP)
        assert len(found) == 2, f"two processes should train, there are {len(found)}"
        yield
    finally:
        signal_all(signal.SIGCONT)


def strike(env, job, folder):
    """Let the time limit strike a job: Slurm, which looks every half a minute, sends the signal of a job's last two minutes."""
    with held(folder, 0, 120):
        change(env, f"JobId={job}", f"TimeLimit={minutes_of(env, job) + 2}")
        said = folder / "train.out"
        wait_until(lambda: "time is nearly up" in said.read_text(), 150, "the signal", lambda: state_of(env, job))
        change(env, f"JobId={job}", "TimeLimit=30")  # for its end, which takes longer on a slow machine, and its second start
    start_now(env, job)


def change(env, *what):
    said = slurm(env, "scontrol", "update", *what)
    assert "failed" not in said, said


def minutes_of(env, job):
    """Whole minutes that a job has run."""
    hours, minutes, _ = state_of(env, job).partition("RunTime=")[2].split()[0].split(":")
    return 60 * int(hours) + int(minutes)


def start_now(env, job):
    """Wait until a job is queued again, and start it: Slurm would wait two minutes."""
    wait_for_state(env, job, 90, "PENDING")
    change(env, f"JobId={job}", "StartTime=now")


def wait_for_state(env, job, seconds, *states):
    def there():
        return any(f"JobState={state}" in state_of(env, job) for state in states)

    wait_until(there, seconds, f"job {job} to be {' or '.join(states)}", lambda: state_of(env, job))


@pytest.fixture(scope="module")
def trained(cluster, tiny_model, embedder, tmp_path_factory):
    """(folder of a run that the time limit struck, folder of one that it did not), on two nodes each."""
    struck, unbroken = (tmp_path_factory.mktemp(name) for name in ("struck", "unbroken"))
    for folder in (struck, unbroken):
        make_folder(folder)
        job = submit(cluster, folder, tiny_model, embedder, STEPS, "--nodes=2", "--time=30", "--signal=B:USR1@120")
        if folder == struck:
            strike(cluster, job, folder)
        wait_for_end(cluster, job, folder, 900)
    return struck, unbroken


def digest(folder):
    return hashlib.sha256((folder / "run" / "final" / "adapter_model.safetensors").read_bytes()).hexdigest()


def test_a_job_that_its_time_limit_struck_ends_with_the_same_weights(trained):
    struck, unbroken = trained
    said = (struck / "train.out").read_text()
    stopped = int(re.search(r"stopped: saved at step (\d+)", said)[1])
    assert 120 <= stopped < 200  # not the checkpoint of step 100, which was there anyway
    assert f"going on from run/checkpoint-{stopped}" in said, said[-3000:]
    assert [line.split()[1] for line in said.splitlines() if line.startswith("start ")] == ["0", "1"]
    assert "going on from" not in (unbroken / "train.out").read_text()
    assert json.loads((struck / "run" / "training.json").read_text())["series"] == 4 * STEPS
    assert digest(struck) == digest(unbroken)


def test_preemption_and_a_node_that_fails_end_with_the_same_weights(trained, cluster, tiny_model, embedder, tmp_path):
    make_folder(tmp_path)
    job = submit(cluster, tmp_path, tiny_model, embedder, STEPS, "--nodes=2", "--time=30")
    with held(tmp_path, 0, 120):  # a checkpoint is there
        urgent = ["sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--mem=0", "--output=/dev/null", "--wrap", "sleep 3"]
        assert "failed" not in slurm(cluster, *urgent)
        wait_for_state(cluster, job, 60, "COMPLETING", "PENDING")
    start_now(cluster, job)
    with held(tmp_path, 1, 220):
        cut_off(cluster, "n2")
    wait_for_state(cluster, job, 90, "PENDING")
    come_back(cluster, "n2")
    start_now(cluster, job)
    wait_for_end(cluster, job, tmp_path, 900)
    said = (tmp_path / "train.out").read_text()
    assert [line.split()[1] for line in said.splitlines() if line.startswith("start ")] == ["0", "1", "2"]
    assert said.count("going on from") == 2
    assert digest(tmp_path) == digest(trained[1])


@pytest.fixture
def student(tiny_model, tmp_path):
    """A folder with a run that was never trained: what shards ask."""
    shutil.copytree(tiny_model, tmp_path / "run" / "final")
    return tmp_path


def test_array_shards_merge_without_loss_or_doubles(cluster, student, tiny_model, embedder):
    """The last task of an array carries the array's own number: it alone is queued again when its time is up."""
    job = submit(cluster, student, tiny_model, embedder, 1, "--nodes=1", "--time=30", "--array=2-6:2")
    out = student / "train.out"
    wait_until(lambda: out.exists() and "shard 2/3, start 0" in out.read_text(), 300, "the last shard")
    assert f"JobId={job} " in state_of(cluster, f"{job}_6")
    assert "failed" not in slurm(cluster, "scancel", "--batch", "--signal=USR1", f"{job}_6")  # as before its time limit
    wait_until(lambda: "shard 2/3 is queued again" in out.read_text(), 60, "the last shard's requeue")
    start_now(cluster, f"{job}_6")
    wait_for_end(cluster, job, student, 300)
    said = out.read_text()
    assert "shard 2/3, start 1" in said and "shard 0/3, start 1" not in said and "shard 1/3, start 1" not in said
    lines = [line for path in (student / "run" / "suites").glob("answers-*.jsonl") for line in path.read_text().splitlines()]
    keys = [json.loads(line)["id"] for line in lines]
    assert len(keys) == len(set(keys)) == 12
    assert len(json.loads((student / "run" / "suites" / "evaluation_unseen.json").read_text())["samples"]) == 12
    assert not list(student.glob("*.tries"))


def test_three_starts_that_bring_nothing_are_the_last(cluster, student, tiny_model, embedder):
    job = submit(cluster, student, tiny_model, embedder, 1, "--nodes=1", "--time=30", "--array=0-0")
    out = student / "train.out"
    for start in range(3):
        wait_until(lambda: out.exists() and f"shard 0/1, start {start}" in out.read_text(), 120, f"start {start}")
        slurm(cluster, "scancel", "--batch", "--signal=USR1", f"{job}_0")
        if start < 2:
            start_now(cluster, f"{job}_0")
    wait_until(lambda: "JobState=FAILED" in state_of(cluster, f"{job}_0"), 90, "the end")
    assert "three starts brought nothing new" in (student / "train.err").read_text()
    assert not list(student.glob("*.tries"))
