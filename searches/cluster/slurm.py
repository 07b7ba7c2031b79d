"""A study as a job of Slurm: an array of workers, or one job over several nodes with a Ray cluster in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from archspace.support.errors import FieldError
from searches.cluster.asked import Cluster

LAST_S = 120
"""Before its time limit a worker gets so many seconds: it keeps its state, and the job is queued again."""

OPTIONS = frozenset({
    "account", "array", "cpus-per-task", "gpus-per-node", "job-name", "mem", "nodes", "ntasks-per-node", "open-mode",
    "output", "partition", "requeue", "signal", "time",
})  # fmt: skip
"""Options of sbatch that are written; each is one of Slurm 23.02 and later."""


def sbatch(
    asked: Cluster, *, partition: str | None = None, account: str | None = None, setup: str = ""
) -> str:
    """Returns the batch script of a study.

    Args:
        asked: the study.
        partition, account: of Slurm.
        setup: lines that make ``archspace`` available on a node (``module load ...``, ``source venv/bin/activate``).

    Raises:
        FieldError: no partition or account can be called so.
    """
    for option, value, like in (("--partition", partition, "gpu"), ("--account", account, "team")):
        if value is not None and not re.fullmatch(r"[\w.,:@+-]+", value):
            raise FieldError(option, value, "is no name that Slurm can have", like)
    log = "%x-%j.log" if asked.head == "ray" else "%x-%A_%a.log"
    options: dict[str, object] = {
        "job-name": f"archspace-{asked.name}", "partition": partition, "account": account, "time": _time(asked.hours),
        "cpus-per-task": asked.cpus, "mem": asked.memory, "gpus-per-node": asked.gpus or None, "requeue": "",
        "open-mode": "append", "signal": f"B:USR1@{LAST_S}", "output": _output(beside(asked), log),
    }  # fmt: skip
    if asked.head == "ray":
        options |= {"nodes": asked.workers, "ntasks-per-node": 1}
    else:
        options |= {"array": f"0-{asked.workers - 1}"}
    head = [
        f"#SBATCH --{name}" + (f"={value}" if value != "" else "")
        for name, value in options.items()
        if value is not None
    ]
    body = {"ray": _RAY, "postgresql": _POSTGRESQL + _WORK, None: _WORK}[asked.head]
    return "\n".join(["#!/bin/bash", *head, "set -euo pipefail", setup, _words(asked), _AGAIN, body]) + "\n"


def beside(asked: Cluster) -> Path:
    """Returns the folder beside the run folder that has logs, and what each worker and the database keep."""
    return asked.folder.with_name(f"{asked.folder.name}.slurm")


def _output(folder: Path, log: str) -> str:
    """A file of ``folder`` as an option of sbatch, which splits at spaces and replaces what follows a ``%``."""
    return shlex.quote(f"{folder}/".replace("%", "%%") + log)


def _time(hours: float) -> str:
    minutes = round(hours * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def _words(asked: Cluster) -> str:
    """What the rest of the script calls things."""
    data = [] if asked.data is None else ["--data", str(asked.data)]
    values = {
        "STUDY": str(asked.study), "RUN": str(asked.folder), "NAME": asked.name, "STORAGE": asked.storage or "",
        "DEVICE": asked.device, "BESIDE": str(beside(asked)),
    }  # fmt: skip
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join([*lines, f"DATA=({shlex.join(data)})"])


_AGAIN = """
# Slurm says that the time is nearly over: what runs keeps its state and ends, and the job is queued again.
child=
again() {
    trap - USR1
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
    [ -z "$child" ] || wait "$child" || true
    scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
    exit 0
}
trap again USR1
run() {
    "$@" &
    child=$!
    wait "$child"
}
"""

_WORK = """
# The first task is where the study is started, and where everything comes together; the others join.
if [ "$SLURM_ARRAY_TASK_ID" = 0 ]; then
    run archspace search "$STUDY" --out "$RUN" --storage "$STORAGE" --device "$DEVICE" --workers 1 "${DATA[@]}"
else
    run archspace worker "$STORAGE" "$NAME" --out "$BESIDE/worker-$SLURM_ARRAY_TASK_ID" --wait 3600 \\
        --device "$DEVICE" --workers 1 "${DATA[@]}"
fi
"""

_POSTGRESQL = """
# The first task brings the database along; it lies beside the run folder, and its address stands there.
server="$BESIDE/postgresql"
if [ "$SLURM_ARRAY_TASK_ID" = 0 ]; then
    password="$server.password"
    (umask 077 && touch "$password" "$server.url.new")
    [ -s "$password" ] || head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \\n' > "$password"
    if [ ! -s "$server/PG_VERSION" ]; then
        initdb -D "$server" -U archspace -A scram-sha-256 --pwfile "$password" >/dev/null
        echo "host all archspace all scram-sha-256" >> "$server/pg_hba.conf"
    fi
    rm -f "$server/postmaster.pid"  # of a node that is gone; Slurm runs this task once at a time
    port=$((20000 + ${SLURM_ARRAY_JOB_ID:-0} % 20000))
    pg_ctl -D "$server" -w -l "$server.log" -o "-p $port -c listen_addresses='*' -c unix_socket_directories=/tmp" start
    trap 'pg_ctl -D "$server" -m fast stop' EXIT
    echo "postgresql+psycopg://archspace:$(cat "$password")@$(hostname):$port/postgres" > "$server.url.new"
    mv "$server.url.new" "$server.url"
fi
for _ in $(seq 720); do [ -s "$server.url" ] && break; sleep 5; done
STORAGE=$(cat "$server.url")
"""

_RAY = """
# The first node has the head of the Ray cluster and the driver; every node trains.
# Who knows the token may give it work; it is of this study alone.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$BESIDE/ray.token"
(umask 077 && touch "$RAY_AUTH_TOKEN_PATH")
[ -s "$RAY_AUTH_TOKEN_PATH" ] || head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > "$RAY_AUTH_TOKEN_PATH"
nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
port=$((20000 + SLURM_JOB_ID % 20000))
address="${nodes[0]}:$port"
resources=(--num-cpus="$SLURM_CPUS_PER_TASK" --disable-usage-stats)
srun --nodes=1 --ntasks=1 -w "${nodes[0]}" --overlap \\
    ray start --head --node-ip-address="${nodes[0]}" --port="$port" "${resources[@]}" --block &
for node in "${nodes[@]:1}"; do
    srun --nodes=1 --ntasks=1 -w "$node" --overlap ray start --address="$address" "${resources[@]}" --block &
done
for _ in $(seq 120); do ray status --address="$address" >/dev/null 2>&1 && break; sleep 5; done
run archspace search "$STUDY" --out "$RUN" --engine ray --address "$address" --workers auto \\
    --device "$DEVICE" "${DATA[@]}"
"""
