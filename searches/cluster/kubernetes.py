"""A study as manifests of Kubernetes: a job that starts it, a job of workers, and a PostgreSQL or Ray head."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from archspace.support.errors import FieldError, InputError
from searches.cluster.asked import Cluster

Manifest: TypeAlias = dict[str, Any]

POSTGRESQL, PORT, RAY_PORT = "postgres:17", 5432, 6379
RUNS, DATA, STUDY = "/runs", "/data", "/study"
"""Where pods have the volume of run folders, that of the data, and the study's file."""

GRACE_S = 60
"""A pod that is moved gets so many seconds to keep the state of its trial."""

RESTARTS = 1000
"""A pod is started again as often: a trial goes on from its last state wherever its worker is."""

LONGEST = 40
"""Characters of a study's name: the names made of it, with a prefix and a suffix, have 63 at most."""


def manifests(
    asked: Cluster, *, image: str, namespace: str | None = None, runs: str, data: str | None = None
) -> list[Manifest]:
    """Returns what a study is on Kubernetes.

    Args:
        asked: the study; its folder and its data are paths in the pods.
        image: of a container that has archspace (and Ray, or psycopg, where the head needs it).
        namespace: where; the current one if ``None``.
        runs, data: names of the volume claims for run folders and for data.

    Raises:
        FieldError: Kubernetes can have no such name.
    """
    if not re.fullmatch(r"[^\s\"'`]+", image):
        raise FieldError("--image", image, "is no name of an image", "me/archspace:1")
    for option, name in (("--volume", runs), ("--data-volume", data), ("--namespace", namespace)):
        if name is not None and not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
            raise FieldError(option, name, "must be lower-case letters, digits and '-', at most 63", "runs")
    if len(asked.name) > LONGEST:
        rule = f"with what Kubernetes needs beside it, a name of more than {LONGEST} characters is too long"
        raise FieldError("name", asked.name, rule, asked.name[:LONGEST])
    made = _Maker(asked, image, namespace, runs, data)
    return {"ray": made.ray, "postgresql": made.postgresql, None: made.workers}[asked.head]()


class _Maker:
    def __init__(
        self, asked: Cluster, image: str, namespace: str | None, runs: str, data: str | None
    ) -> None:
        self.asked, self.image, self.namespace = asked, image, namespace
        self.runs, self.data = runs, data
        self.name = f"archspace-{re.sub('[^a-z0-9]+', '-', asked.name.lower()).strip('-')}"

    def workers(self, url: str | None = None, env: list[Manifest] | None = None) -> list[Manifest]:
        storage, asked = url or self.asked.storage or "", self.asked
        folder = [] if asked.data is None else ["--data", str(asked.data)]
        common = ["--device", asked.device, "--workers", "1", *folder]
        search = [
            "archspace", "search", f"{STUDY}/study.yaml", "--out", str(asked.folder), "--storage", storage, *common,
        ]  # fmt: skip
        worker = [
            "archspace", "worker", storage, asked.name, "--out", "/tmp/run", "--wait", "3600", *common,
        ]  # fmt: skip
        made = [self._study(), self._job("search", search, env=env)]
        if asked.workers > 1:
            made.append(self._job("worker", worker, count=asked.workers - 1, env=env))
        return made

    def postgresql(self) -> list[Manifest]:
        name = f"{self.name}-postgresql"
        password = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": "password"}}}
        server = self._container(POSTGRESQL, [], [
            {"name": "POSTGRES_USER", "value": "archspace"}, {"name": "PGDATA", "value": "/var/lib/postgresql/data/pg"},
            {**password, "name": "POSTGRES_PASSWORD"},
        ])  # fmt: skip
        server |= {
            "ports": [{"containerPort": PORT}],
            "volumeMounts": [{"name": "database", "mountPath": "/var/lib/postgresql/data"}],
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
        }
        volumes = [{"name": "database", "persistentVolumeClaim": {"claimName": name}}]
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
        url = f"postgresql+psycopg://archspace:$(PASSWORD)@{name}:{PORT}/archspace"
        return [
            self._kind("v1", "Secret", name, {"stringData": {"password": secrets.token_urlsafe(24)}}),
            self._kind("v1", "PersistentVolumeClaim", name, {"spec": claim}),
            self._deployment(name, {"containers": [server], "volumes": volumes}, 1, "Recreate"),
            self._service(name, PORT, {"app": name}),
            *self.workers(url, [password]),
        ]

    def ray(self) -> list[Manifest]:
        asked, name = self.asked, f"{self.name}-ray"
        start = f"ray start --head --port={RAY_PORT} --num-cpus={asked.cpus} --disable-usage-stats"
        search = shlex.join([
            "archspace", "search", f"{STUDY}/study.yaml", "--out", str(asked.folder), "--engine", "ray",
            "--address", "auto", "--device", asked.device, "--workers", "auto",
            *([] if asked.data is None else ["--data", str(asked.data)]),
        ])  # fmt: skip
        join = f"ray start --address={name}:{RAY_PORT} --num-cpus={asked.cpus} --disable-usage-stats --block"
        token = {"secretKeyRef": {"name": name, "key": "token"}}  # who knows it may give the cluster work
        env: list[Manifest] = [
            {"name": "RAY_AUTH_MODE", "value": "token"},
            {"name": "RAY_AUTH_TOKEN", "valueFrom": token},
        ]
        made = [
            self._kind("v1", "Secret", name, {"stringData": {"token": secrets.token_hex(32)}}),
            self._study(), self._service(name, RAY_PORT, {"job": f"{self.name}-search"}),
            self._job("search", ["sh", "-c", f"{start} && exec {search}"], env=env),
        ]  # fmt: skip
        if asked.workers > 1:
            nodes = self._pod(["sh", "-c", f"exec {join}"], env)
            made.append(self._deployment(name, nodes, asked.workers - 1))
        return made

    def _kind(self, version: str, kind: str, name: str, more: Mapping[str, Any]) -> Manifest:
        metadata: Manifest = {
            "name": name,
            "labels": {"app": name, "archspace": self.asked.name.rstrip("._-")},
        }
        if self.namespace is not None:
            metadata["namespace"] = self.namespace
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}

    def _study(self) -> Manifest:
        return self._kind("v1", "ConfigMap", f"{self.name}-study", {"data": {"study.yaml": self.asked.text}})

    def _service(self, name: str, port: int, selector: Mapping[str, str]) -> Manifest:
        spec = {
            "selector": dict(selector),
            "ports": [{"port": port, "targetPort": port}],
            "clusterIP": "None",
        }
        return self._kind("v1", "Service", name, {"spec": spec})

    def _deployment(self, name: str, pod: Manifest, count: int, way: str = "RollingUpdate") -> Manifest:
        template = {"metadata": {"labels": {"app": name}}, "spec": {**pod, "restartPolicy": "Always"}}
        spec = {"replicas": count, "selector": {"matchLabels": {"app": name}}, "strategy": {"type": way}}
        return self._kind("apps/v1", "Deployment", name, {"spec": {**spec, "template": template}})

    def _job(
        self, what: str, words: list[str], *, count: int = 1, env: list[Manifest] | None = None
    ) -> Manifest:
        name = f"{self.name}-{what}"
        spec = {
            "completionMode": "Indexed", "completions": count, "parallelism": count, "backoffLimit": RESTARTS,
            "template": {"metadata": {"labels": {"app": name, "job": name}}, "spec": self._pod(words, env)},
        }  # fmt: skip
        return self._kind("batch/v1", "Job", name, {"spec": spec})

    def _pod(self, words: list[str], env: list[Manifest] | None = None) -> Manifest:
        volumes = [
            {"name": "study", "configMap": {"name": f"{self.name}-study"}},
            {"name": "runs", "persistentVolumeClaim": {"claimName": self.runs}},
            {"name": "memory", "emptyDir": {"medium": "Memory"}},
        ]
        mounts = [
            {"name": "study", "mountPath": STUDY}, {"name": "runs", "mountPath": RUNS},
            {"name": "memory", "mountPath": "/dev/shm"},
        ]  # fmt: skip
        if self.data is not None:
            volumes.append(
                {"name": "data", "persistentVolumeClaim": {"claimName": self.data, "readOnly": True}}
            )
            mounts.append({"name": "data", "mountPath": DATA})
        asked = self.asked
        amounts = {"cpu": str(asked.cpus), "memory": f"{asked.memory}i"}
        amounts |= {"nvidia.com/gpu": str(asked.gpus)} if asked.gpus else {}
        container = self._container(self.image, words, env) | {
            "volumeMounts": mounts, "resources": {"requests": amounts, "limits": amounts},
        }  # fmt: skip
        return {
            "restartPolicy": "OnFailure", "terminationGracePeriodSeconds": GRACE_S, "containers": [container],
            "volumes": volumes,
        }  # fmt: skip

    def _container(self, image: str, words: list[str], env: list[Manifest] | None) -> Manifest:
        return {
            "name": "archspace" if image == self.image else "server", "image": image,
            **({"command": words[:1], "args": words[1:]} if words else {}), **({"env": env} if env else {}),
        }  # fmt: skip


@cache
def _schema() -> Mapping[str, Any]:
    text = (files("searches.cluster") / "kubernetes.schema.json").read_text(encoding="utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    return schema


def check_manifest(one: Manifest) -> None:
    """Holds a manifest against the schema of its kind (Kubernetes 1.31; the part of it that archspace writes).

    Raises:
        InputError: the first thing that is wrong.
    """
    import jsonschema

    schema = _schema()
    name = schema["kinds"].get(one["kind"])
    if name is None:
        raise InputError(f"kubernetes: {one['kind']}: no kind that archspace writes")
    validator = jsonschema.Draft7Validator(
        {"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]}
    )
    error = next(iter(validator.iter_errors(one)), None)
    if error is not None:
        where = ".".join(map(str, error.absolute_path))
        raise InputError(f"kubernetes: {one['kind']} {one['metadata']['name']}: {where}: {error.message}")
