"""The AWS Price List API on this machine, in its own wire format. Every number in it is invented."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.aws.account import REGION

Json = dict[str, Any]
PAGE = 2


def product(usage: str, *prices: str, unit: str = "Hrs", **attributes: str) -> Json:
    """A product of the price list in the API's own form, with invented prices."""
    dimensions = {
        f"D{n}": {"unit": unit, "pricePerUnit": {"USD": price}} for n, price in enumerate(prices)
    }
    given = {
        "usagetype": usage,
        "regionCode": REGION,
        "locationType": "AWS Region",
        "servicecode": "AmazonSageMaker",
        **attributes,
    }
    return {
        "product": {"productFamily": "ML Instance", "attributes": given, "sku": "INVENTED"},
        "serviceCode": "AmazonSageMaker",
        "terms": {"OnDemand": {"INVENTED.T": {"priceDimensions": dimensions}}},
    }


LIST = [
    product("EU-Train:ml.m5.large", "1111.1", platoinstancetype="Training"),
    product("EU-Train:ml.m5.large", "0.0", platoinstancetype="Training"),
    product("EU-Processing:ml.m5.large", "2222.2", platoinstancetype="Processing"),
    product("EU-Processing:ml.m5.large", "9.9", platoinstancetype="Processing_Geo"),
    product("EU-Processing_DW:ml.m5.large", "9.9"),
    product("EU-SpotTrain:ml.m5.large", "9.9"),
    product("EU-Host:ml.m5.large", "9.9"),
    product("EU-Train:ml.m5.large", "9.9", unit="GB-Mo"),
    product("EU-Train:ml.m5.large", "9.9", locationType="AWS Outposts"),
    product("USE1-Train:ml.m5.large", "9.9", regionCode="us-east-1"),
    product("Train:ml.p3.2xlarge", "3333.3", "4444.4"),
    product("EU-Tsform:ml.c5.xlarge", "5555.5"),
    {"product": {"attributes": {}}, "terms": {}},
]


class PriceList(ThreadingHTTPServer):
    """The Price List API on this machine."""

    daemon_threads = True
    items: list[Json] = LIST
    asked: list[Json]


class _Handler(BaseHTTPRequestHandler):
    server: PriceList

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
        self.server.asked.append(request)
        begin = int(request.get("NextToken", 0))
        page = {"PriceList": [json.dumps(i) for i in self.server.items[begin : begin + PAGE]]}
        if begin + PAGE < len(self.server.items):
            page["NextToken"] = str(begin + PAGE)  # type: ignore[assignment]
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def price_list(account: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceList]:
    del account
    server = PriceList(("127.0.0.1", 0), _Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
