"""``evercert product``: what the seller sells to an account."""

from typing import Annotated

import typer

from starter.cli.answer import Answer
from starter.cli.call import Call
from starter.cli.flags import LIST
from starter.cli.verb import noun, verb

app = noun("What the seller sells.")


@verb(app, "list", LIST)
async def list_products(
    call: Call,
    account: Annotated[str, typer.Argument(help="The account; may be left out when there is only one.")] = "",
    stored: Annotated[bool, typer.Option("--stored", help="What is stored, without asking the seller.")] = False,
) -> Answer:
    """List products, terms and prices; asks the seller and stores what it says."""
    from starter.cli import views
    from starter.cli.finding import one_account

    async with call.adapters() as adapters:
        record = await one_account(adapters.inventory, account)
        if stored:
            products = await adapters.inventory.products(record.name)
        else:
            products = await (await adapters.sellers.open(record.name)).products()
            await adapters.inventory.save_products(record.name, products)
    return Answer("product.list", [views.product(it) for it in products], views.PRODUCT, changed=not stored)
