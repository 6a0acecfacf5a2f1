"""What a client asks of DynamoDB, counted at the client: round trips, and the units of each by DynamoDB's own rules.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import Any, NamedTuple

READS = frozenset({"GetItem", "Query", "BatchGetItem"})
METERED = READS | {"PutItem", "DeleteItem"}
Item = dict[str, Any]


class Bill(NamedTuple):
    """`read` and `write` are of the table, `moves` are write units of its index, `told` is what the emulator billed."""

    trips: int = 0
    read: float = 0
    write: float = 0
    moves: float = 0
    told: float = 0

    def plus(self, other: Bill) -> Bill:
        return Bill(*(a + b for a, b in zip(self, other, strict=True)))

    def since(self, before: Bill) -> Bill:
        return Bill(*(a - b for a, b in zip(self, before, strict=True)))

    @property
    def written(self) -> float:
        return self.write + self.moves


class Meter:
    """Listens to a client through which everything is written, one call after the other."""

    def __init__(self, client: Any) -> None:
        self.bill, self.calls = Bill(), Counter[str]()
        self._items: dict[str, Item] = {}
        self._request: Any = {}
        client.meta.events.register("provide-client-params.dynamodb.*", self._asks)
        client.meta.events.register("after-call.dynamodb.*", self._hears)

    def _asks(self, params: Any, model: Any, **_: Any) -> Any:
        self._request = params
        return {**params, "ReturnConsumedCapacity": "TOTAL"} if model.name in METERED else None

    def _hears(self, parsed: Any, model: Any, **_: Any) -> None:
        if model.name not in METERED:
            return
        self.calls[model.name] += 1
        said = parsed.get("ConsumedCapacity", [])
        told = sum(one["CapacityUnits"] for one in (said if isinstance(said, list) else [said]))
        if model.name in READS:
            self.bill = self.bill.plus(Bill(1, read=self._read(model.name, parsed), told=told))
        else:
            write, moves = self._written(model.name, "Error" in parsed)
            self.bill = self.bill.plus(Bill(1, write=write, moves=moves, told=told))

    def _read(self, name: str, parsed: Any) -> float:
        if name == "GetItem":
            return max(1, ceil(size(parsed.get("Item", {})) / 4096))
        if name == "Query":
            share = 1 if self._request.get("ConsistentRead") else 0.5
            return max(1, ceil(sum(map(size, parsed["Items"])) / 4096)) * share
        [asked] = self._request["RequestItems"].values()
        return sum(0.5 * max(1, ceil(size(self._items.get(_key(key), {})) / 4096)) for key in asked["Keys"])

    def _written(self, name: str, lost: bool) -> tuple[float, float]:
        """The larger of what was there and what is there now; a place in the index is taken, left, or both."""
        request = self._request
        key = _key(request["Item"] if name == "PutItem" else request["Key"])
        before = self._items.get(key, {})
        after = before if lost else request.get("Item", {})
        self._items[key] = after
        left, taken = before.get("wake_at"), after.get("wake_at")
        moves = 0 if left == taken else (left is not None) + (taken is not None)
        return max(1, ceil(max(size(before), size(after)) / 1024)), moves


def size(item: Item) -> int:
    """Of an item in bytes: its names and its values; numbers take a byte for two digits and one more.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _size(*value.popitem()) for name, value in ((n, dict(v)) for n, v in item.items()))


def _size(kind: str, value: Any) -> int:
    if kind == "N":
        return ceil(len(value.lstrip("-").strip("0")) / 2) + 1
    return len(value.encode() if kind == "S" else value)


def _key(item: Item) -> str:
    return f"{item['pk']['S']} {item['sk']['S']}"
