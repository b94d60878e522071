"""Use the client of `app client python` against a running service: `python python_client.py URL`."""

from __future__ import annotations

import sys
from uuid import uuid4

sys.path.insert(0, "client")

from gauge_api_client import Client
from gauge_api_client.api.gauges import create_gauge, delete_gauge, list_gauges, read_gauge, update_gauge
from gauge_api_client.models import GaugeCreate, GaugeRead, GaugeUpdate, PageGaugeRead, Problem

DATA = {"a": [1, {"b": None}]}
RUN = uuid4().hex[:12]  # part of each code, since the service may have other gauges
client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)


def patched(gauge: GaugeRead, **fields: object) -> GaugeRead:
    """Return a gauge after an update of some fields."""
    result = update_gauge.sync(gauge.id, client=client, body=GaugeUpdate(**fields))
    assert isinstance(result, GaugeRead)
    return result


def fields(gauge: GaugeRead) -> dict[str, object]:
    return {**gauge.to_dict(), "updated_at": None}


body = GaugeCreate(code=f"{RUN} a", ratio=0.5, price="4.50", data=DATA, more=[], note="text", kind="two words")
created = create_gauge.sync(client=client, body=body)
assert isinstance(created, GaugeRead)
assert (created.big, created.price, created.data, created.more) == (2**53 + 1, "4.50", DATA, [])
assert (created.amount, created.kind, created.moment) == (1, "two words", None)
assert create_gauge.sync_detailed(client=client, body=body).status_code == 409
problem = create_gauge.sync(client=client, body=body)
assert isinstance(problem, Problem)
assert problem.code == "conflict"

body = GaugeCreate(code=f"{RUN} b", ratio=-1, price="0.10", big=-(2**63), data=[])
other = create_gauge.sync(client=client, body=body)
assert isinstance(other, GaugeRead)
assert (other.big, other.data) == (-(2**63), [])
page = list_gauges.sync(client=client, search=RUN, sort="-big", size=1)
assert isinstance(page, PageGaugeRead)
assert (page.total, [each.code for each in page.items]) == (2, [created.code])
filtered = list_gauges.sync(client=client, search=RUN, big=2**53 + 1, price_from="1.5")
assert isinstance(filtered, PageGaugeRead)
assert filtered.total == 1

assert fields(patched(created)) == fields(created)
assert fields(patched(created, price="5.25")) == fields(created) | {"price": "5.25"}
assert patched(created, note=None).note is None
assert patched(created, big=2**63 - 1, other_big=2**53 + 1).big == 2**63 - 1
assert patched(created, data={}, more=None).data == {}
assert patched(created, data=[[]], more={"a": 1}).more == {"a": 1}

rejected = create_gauge.sync(client=client, body=GaugeCreate(code=f"{RUN} c", ratio=1, price="-1"))
assert isinstance(rejected, Problem)
assert rejected.status == 422
assert rejected.errors
missing = read_gauge.sync(uuid4(), client=client)
assert isinstance(missing, Problem)
assert missing.code == "not_found"
assert delete_gauge.sync_detailed(other.id, client=client).status_code == 204
