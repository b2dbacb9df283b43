"""Whose scripts may read this Hub's answers through a visitor's browser."""

import pytest
from starlette.testclient import TestClient

from wingman.hub.app import create_app, open_hub
from wingman.settings import SettingsError, load_settings

WIKI = "https://wiki.example"
PREFLIGHT = {"Access-Control-Request-Method": "GET"}


@pytest.fixture
def client_of(tmp_path):
    def make(origins: str) -> TestClient:
        hub = open_hub(load_settings({"home": tmp_path / "home", "allowed_origins": origins}, environ={}))
        return TestClient(create_app(hub))

    return make


@pytest.mark.parametrize(("method", "more"), [("GET", {}), ("OPTIONS", PREFLIGHT)])
def test_only_named_sites_may_read(client_of, method, more):
    client = client_of(f"{WIKI} https://Other.example:8443")

    def ask(origin: str):
        return client.request(method, "/api/models", headers={"Origin": origin, **more}).headers

    assert ask(WIKI)["Access-Control-Allow-Origin"] == WIKI
    assert ask("https://other.example:8443")["Access-Control-Allow-Origin"] == "https://other.example:8443"
    for stranger in ("https://evil.example", f"{WIKI}.evil.example", "http://wiki.example", "null", ""):
        assert "Access-Control-Allow-Origin" not in ask(stranger)
    assert "Origin" in ask("https://evil.example")["Vary"]


def test_none_means_no_site_and_the_usual_is_every_site(client_of):
    asked = {"Origin": "none"}
    assert "Access-Control-Allow-Origin" not in client_of("none").get("/api/models", headers={"Origin": WIKI}).headers
    assert client_of("*").get("/api/models", headers=asked).headers["Access-Control-Allow-Origin"] == "*"


def test_an_origin_with_a_path_is_refused():
    with pytest.raises(SettingsError, match=r"allowed_origins has 'https://wiki.example/page'.*without a path"):
        load_settings({"allowed_origins": "https://wiki.example/page"}, environ={})
