"""Exchange keys over REST: kept sealed, shown masked, tried by a signed request; no secret ever comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from crosstape.api import ApiSettings
from crosstape.app.accounts import Keyring
from crosstape.client import AsyncClient
from crosstape.config import Config, VenueSettings
from support.served import Notebook, staged
from support.signed import KEY, SECRET, exchange

V1 = "/api/v1/credentials"
MINE = {"name": "mine", "venue": "bybit", "key": KEY, "secret": SECRET}


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setenv("CROSSTAPE_PASSPHRASE", "a long enough passphrase")
    with exchange() as address:
        config = Config(data=str(tmp_path), venues={"bybit": VenueSettings(rest=address)})
        async with (
            staged(credentials=Keyring(config)) as stage,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{stage.port}", timeout=60) as client,
        ):
            yield client


async def test_kept_shown_masked_tried_and_removed(client: httpx.AsyncClient, tmp_path: Path) -> None:
    assert (await client.get(V1)).json()["rows"] == []
    answers = [await client.post(V1, json=MINE), await client.get(V1), await client.post(f"{V1}/mine/test")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    (row,) = answers[1].json()["rows"]
    assert (row["name"], row["venue"], row["key"]) == ("mine", "bybit", f"{KEY[:4]}•••")
    assert answers[2].json()["rows"][0] == {"asset": "BTC", "total": "0.100000000000000001", "free": "0.050000000000000001"}  # fmt: skip
    again = await client.post(V1, json=MINE)
    assert again.status_code == 409
    assert "there is a key 'mine' already" in again.json()["error"]["message"]
    wrong = await client.post(V1, json=MINE | {"secret": "not the secret at all", "replace": True})
    assert wrong.status_code == 200
    refused = await client.post(f"{V1}/mine/test")
    assert refused.status_code == 409
    assert "bybit refuses the key 'mine'" in refused.json()["error"]["message"]
    for answer in (*answers, again, wrong, refused):
        assert SECRET not in answer.text
        assert KEY not in answer.text
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()
    assert (await client.delete(f"{V1}/mine")).status_code == 200
    assert (await client.delete(f"{V1}/mine")).status_code == 404
    assert (await client.post(f"{V1}/mine/test")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [({"name": "a/b"}, "name"), ({"venue": ""}, "venue"), ({"secret": ""}, "secret"), ({"more": 1}, "more")],
)
async def test_what_is_wrong_is_named_and_nothing_given_back(
    client: httpx.AsyncClient, body: dict[str, object], field: str
) -> None:
    answer = await client.post(V1, json=MINE | body)
    assert answer.status_code == 400
    assert field in str(answer.json()["error"])
    assert SECRET not in answer.text


async def test_no_passphrase_no_vault_and_not_over_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CROSSTAPE_PASSPHRASE", raising=False)
    keyring = Keyring(Config(data=str(tmp_path)))
    async with staged(credentials=keyring) as stage, httpx.AsyncClient() as client:
        locked = await client.post(f"http://127.0.0.1:{stage.port}{V1}", json=MINE, timeout=60)
    assert locked.status_code == 409
    assert "CROSSTAPE_PASSPHRASE" in locked.json()["error"]["message"]
    async with staged() as stage, httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{stage.port}{V1}")).status_code == 409
    open_wide = ApiSettings(host="0.0.0.0", port=0)
    headers = {"x-api-key": "adm"}
    async with staged(open_wide, Notebook({"adm": "admin", "see": "viewer"}), credentials=keyring) as stage, httpx.AsyncClient() as client:  # fmt: skip
        url = f"http://127.0.0.1:{stage.port}{V1}"
        assert (await client.get(url, headers={"x-api-key": "see"})).status_code == 403
        refused = await client.post(url, json=MINE, headers=headers)
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "not_here"


async def test_the_client_keeps_tries_and_removes(client: httpx.AsyncClient) -> None:
    async with AsyncClient(str(client.base_url)) as typed:
        kept = await typed.keep_credential("mine", "bybit", KEY, SECRET)
        assert SECRET not in str(kept)
        assert [row["name"] for row in await typed.credentials()] == ["mine"]
        assert [row["asset"] for row in await typed.try_credential("mine")] == ["BTC"]
        await typed.remove_credential("mine")
        assert len(await typed.credentials()) == 0
