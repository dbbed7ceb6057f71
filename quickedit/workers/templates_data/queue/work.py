"""What is done with one order."""


def work_on(order: object) -> dict[str, object]:
    """The result, small enough for KV metadata. Raises ValueError for an order that cannot be worked on."""
    if not isinstance(order, dict) or not isinstance(order.get("numbers"), list):
        raise ValueError('An order looks like {"numbers": [1, 2, 3]}.')
    return {"sum": sum(order["numbers"]), "count": len(order["numbers"])}
