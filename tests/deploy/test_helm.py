"""The Helm chart, linted and rendered by Helm's own library, and what it would run."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from donebit.config import Settings
from donebit.demo import programs
from donebit.demo.ports import free_server_port
from tests.deploy.conftest import Helm
from tests.deploy.test_systemd import START_SECONDS, settings_of
from tests.servers import RunningServer
from tests.stack import ask
from tests.started import Started, eventually

OLDEST, NEWEST = "1.25", "newest"
PORTS = {"trigger": 8098, "done": 8097, "distinct": 8096}
PARTS = [*PORTS, "worker", "beat"]
TOKEN = "a-token-of-more-than-20-characters"


def pod_of(helm: Helm, part: str) -> dict[str, Any]:
    pod: dict[str, Any] = helm.found("Deployment", f"shop-{part}")["spec"]["template"]["spec"]
    return pod


def container_of(helm: Helm, part: str) -> dict[str, Any]:
    (container,) = pod_of(helm, part)["containers"]
    assert isinstance(container, dict)
    return container


def environment_of(helm: Helm, part: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container_of(helm, part)["env"]}


def test_helm_finds_nothing_to_warn_of(helm: Helm) -> None:
    report = helm.lint()

    assert report["errors"] == []
    assert {one["error"] for one in report["messages"]} <= {"icon is recommended"}


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_kubernetes_takes_each_manifest(helm: Helm, release: str) -> None:
    import kubernetes_validate  # noqa: PLC0415 - it takes a second, in each process that collects the tests

    chosen = kubernetes_validate.latest_version() if release == NEWEST else release
    manifests = helm.manifests()

    assert len(manifests) == 12
    for manifest in manifests:
        kubernetes_validate.validate(manifest, chosen, strict=True)


@pytest.mark.parametrize("part", PARTS)
def test_a_pod_runs_the_command_of_its_program_without_rights(helm: Helm, part: str) -> None:
    (program,) = [one for one in programs.donebit_programs(Settings()) if one.name == part]
    container, pod = container_of(helm, part), pod_of(helm, part)

    assert container["command"] == ["python", *program.argv[1:]]
    assert container["image"] == f"registry.example.org/donebit:{version('donebit')}"
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} == set(container["resources"])


def test_a_pod_selector_finds_the_pods_of_its_part_alone(helm: Helm) -> None:
    labels = {
        part: helm.found("Deployment", f"shop-{part}")["spec"]["template"]["metadata"]["labels"]
        for part in PARTS
    }

    for kind in ("Service", "PodDisruptionBudget"):
        for manifest in helm.manifests():
            if manifest["kind"] == kind:
                selector = manifest["spec"]["selector"].get("matchLabels", manifest["spec"]["selector"])
                found = [part for part, ones in labels.items() if selector.items() <= ones.items()]
                assert [f"shop-{part}" for part in found] == [manifest["metadata"]["name"]]


def test_each_variable_is_a_setting(helm: Helm) -> None:
    known = {name.upper() for name in Settings.model_fields}

    assert {name.removesuffix("_FILE") for name in environment_of(helm, "worker")} <= known


def test_a_worker_has_as_long_to_end_as_under_systemd(helm: Helm) -> None:
    given = pod_of(helm, "worker")["terminationGracePeriodSeconds"]

    assert str(given) == settings_of("donebit-worker@.service")["TimeoutStopSec"]


def test_a_service_answers_the_probes_of_its_pod(helm: Helm, tmp_path: Path, valkey: RunningServer) -> None:
    (tmp_path / "REDIS_URL").write_text(f"{valkey.url}\n")
    (tmp_path / "API_TOKEN").write_text(f"{TOKEN}\n")
    mounted = container_of(helm, "done")["volumeMounts"][0]["mountPath"]
    environment = {
        name: value.replace(mounted, str(tmp_path)) for name, value in environment_of(helm, "done").items()
    }
    port = free_server_port()
    emptied = {"API_TOKEN": "", "REDIS_URL": "", "JOBS": ""}
    service = Started(
        (sys.executable, "-m", "done_app"),
        tmp_path,
        **environment | emptied | {"DONE_PORT": str(port)},
    )
    url, container = f"http://127.0.0.1:{port}", container_of(helm, "done")
    probed = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "readiness")}
    try:
        eventually(
            lambda: ask("GET", url + probed["liveness"]).status == 200, START_SECONDS, what=service.err
        )

        assert probed == {"liveness": "/health/live", "readiness": "/health"}
        assert ask("GET", url + probed["readiness"], headers={"Host": "10.1.2.3:8097"}).status == 200
        for host in ("shop-done:8097", "shop-done.prod.svc:8097", "done.example.org"):
            headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}
            assert ask("GET", f"{url}/tasks", headers=headers).status == 200, host
        assert ask("GET", f"{url}/tasks", headers={"Host": "elsewhere.example.org"}).status == 403
    finally:
        service.end()


def test_workers_are_scaled_by_keda_once_it_is_set(helm: Helm) -> None:
    kinds = {one["kind"] for one in helm.manifests()}
    assert kinds == {"Deployment", "Service", "PodDisruptionBudget"}
    assert helm.found("Deployment", "shop-worker")["spec"]["replicas"] == 2

    scaled = helm.with_values(autoscaling={"enabled": True, "maxReplicas": 20})

    target = scaled.found("ScaledObject", "shop-worker")["spec"]
    assert (target["scaleTargetRef"]["name"], target["maxReplicaCount"]) == ("shop-worker", 20)
    assert "replicas" not in scaled.found("Deployment", "shop-worker")["spec"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"secret": {"name": "", "keys": ["REDIS_URL"]}}, "secret.name is empty"),
        ({"image": {"repository": ""}}, "image.repository is empty"),
        ({"secret": {"name": "donebit", "keys": ["API_TOKEN"]}}, "/secret/keys"),
        ({"settings": {"MAX_STEPS": 10_000_000}}, "/settings/MAX_STEPS"),
        ({"settings": {"API_TOKEN": "in the clear"}}, "API_TOKEN"),
        ({"worker": {"replicas": 3}}, "worker"),
    ],
    ids=["no secret", "no image", "no Redis", "a number", "a secret as a setting", "a slip"],
)
def test_values_that_cannot_work_are_refused_by_name(helm: Helm, values: dict[str, Any], why: str) -> None:
    with pytest.raises(Exception, match=why):
        helm.with_values(**values).manifests()
