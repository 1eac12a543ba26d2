"""The proxies of docs/behind-a-proxy.md, as they stand there, before the services as they run."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from donebit.addresses import LOOPBACK
from donebit.client import Donebit
from donebit.demo.ports import free_server_port
from tests.docs.examples import blocks
from tests.machine import proxy_program
from tests.servers import running, valkey_binary
from tests.started import REPOSITORY, Started, eventually
from tests.web.following import messages
from tests.web.real import RealServices, running_services

PAGE = REPOSITORY / "docs" / "behind-a-proxy.md"
SETTINGS = dict(line.split("=", 1) for line in blocks(PAGE, "ini")[0].split() if "PREFIX" in line)
PORTS = {"trigger": "8098", "done": "8097", "distinct": "8096"}
NGINX = """daemon off; error_log stderr; pid nginx.pid; {user}
events {{}}
http {{
  access_log off; types {{ text/css css; }}
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  {server}
}}
"""
CADDY = "{\n  admin off\n  auto_https off\n}\n"


class Proxied:
    """The services as one sees them who knows only the proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.host = f"example.org:{port}"

    @contextmanager
    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        with closing(http.client.HTTPConnection(LOOPBACK, self.port, timeout=15)) as connection:
            connection.request(method, path, body, {"Host": self.host, **headers})
            yield connection.getresponse()

    def get(self, path: str) -> str:
        with self.ask("GET", path, Accept="text/html") as answer:
            text = answer.read().decode()
        assert answer.status == 200, (path, text)
        return text

    def form(self, path: str, **headers: str) -> tuple[int, str, str]:
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", **headers}
        body = urlencode({"count": 3, "job": ""})
        with self.ask("POST", path, body, **sent) as answer:
            return answer.status, answer.getheader("Location", ""), answer.read().decode()


def with_ports(text: str, services: RealServices) -> str:
    for name, port in PORTS.items():
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{services.ports[name]}")
    return text


def command(kind: str, folder: Path, services: RealServices, port: int) -> list[str]:
    """The proxy's command, with what the page shows as its configuration."""
    shown, file = with_ports(blocks(PAGE, kind)[0], services), folder / kind
    program = str(proxy_program(kind))
    if kind == "nginx":
        server = shown.replace("listen 80;", f"listen 127.0.0.1:{port};")
        user = "user root;" if Path("/proc/self").stat().st_uid == 0 else ""
        file.write_text(NGINX.format(server=server, user=user))
        return [program, "-p", str(folder), "-c", str(file), "-e", "stderr"]
    file.write_text(CADDY + shown.replace(":80 {", f"http://:{port} {{"))
    return [program, "run", "--adapter", "caddyfile", "--config", str(file)]


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    folder = tmp_path_factory.mktemp("prefixed")
    with (
        running(valkey_binary(), tmp_path_factory.mktemp("server")) as server,
        running_services(folder, server.url, ALLOWED_HOSTS="example.org", **SETTINGS) as services,
    ):
        yield services


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prefixed: RealServices
) -> Iterator[Proxied]:
    folder, port = tmp_path_factory.mktemp(request.param), free_server_port()
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    proxy = Started(command(request.param, folder, prefixed, port), folder, **home)
    try:
        there = Proxied(port)
        eventually(lambda: answers(there), 20, what="the proxy did not start")
        yield there
    finally:
        proxy.end()


def answers(there: Proxied) -> bool:
    try:
        return bool(there.get("/donebit/health"))
    except OSError:
        return False


def test_a_page_and_all_it_links_to_are_there(proxied: Proxied) -> None:
    found = re.findall(r'\s(?:href|src)="(/[^"#]*)', proxied.get("/donebit/"))
    scripts = {one: proxied.get(one) for one in found if one.endswith(".js")}
    imported = [name for text in scripts.values() for name in re.findall(r'from "\./(\w+\.js)"', text)]

    assert {one.split("/")[1] for one in found} == {"donebit"}
    assert imported
    for one in {*found, *(f"/donebit/static/{name}" for name in imported)}:
        assert proxied.get(one.replace("&amp;", "&"))


def test_a_form_is_taken_from_the_proxys_own_page_and_leads_back(proxied: Proxied) -> None:
    status, location, _ = proxied.form("/donebit/start", Origin=f"http://{proxied.host}")

    assert (status, location.rpartition("/")[0]) == (303, "/donebit/tasks")
    assert proxied.get(location)


def test_a_form_of_another_site_is_refused_and_says_what_to_pass(proxied: Proxied) -> None:
    status, _, said = proxied.form("/donebit/start", Origin="http://evil.example")

    assert status == 403
    assert "must pass on the header Host" in said


def test_a_stream_is_not_held_back(proxied: Proxied) -> None:
    with proxied.ask("GET", "/donebit/events/done") as events:
        first = next(messages(events))
        _, location, _ = proxied.form("/donebit/start", Origin=f"http://{proxied.host}")
        drawn = next(one["html"] for one in messages(events) if location in one.get("html", ""))

    assert first["fragment"]
    assert f'href="{location}"' in drawn


def test_both_apis_and_their_pages_are_below_it(proxied: Proxied) -> None:
    for api in ("/donebit/api/done", "/donebit/api/distinct"):
        document: dict[str, Any] = json.loads(proxied.get(f"{api}/openapi.json"))
        assert [one["url"] for one in document["servers"]] == [api]
        assert proxied.get(f"{api}/docs/swagger")
    with proxied.ask("POST", "/donebit/api/distinct/distinct?userId=7") as answer:
        assert json.loads(answer.read())["distinct"] == 1


def test_the_client_finds_the_services_through_it(proxied: Proxied, prefixed: RealServices) -> None:
    base = f"http://{LOOPBACK}:{proxied.port}/donebit"
    client = Donebit(trigger_url=base, done_url=f"{base}/api/done")

    task = client.start(2)

    assert client.get(task)["count"] == 2
    assert prefixed.ask("done", "GET", f"/tasks/{task}").status == 200


def test_a_body_of_the_largest_size_gets_through(proxied: Proxied) -> None:
    users = json.dumps({"users": list(range(300_000))})

    kind = {"Content-Type": "application/json"}
    with proxied.ask("POST", "/donebit/api/distinct/events/large", users, **kind) as answer:
        assert json.loads(answer.read())["received"] == 300_000
