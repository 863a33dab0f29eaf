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
    """List products, terms and prices; asks the seller and stores what it says.

    Where the seller is away: what was stored, with its date; where nothing ever was, Evercert's own table without prices.
    """
    from domain.errors import Unavailable
    from starter.cli import views
    from starter.cli.finding import one_account

    asked = not stored
    async with call.adapters() as adapters:
        record = await one_account(adapters.inventory, account)
        try:
            products = () if stored else await (await adapters.sellers.open(record.name)).products()
        except Unavailable as error:
            call.note(f"warning  {error.message}; what follows is not fresh, see read_at")
            asked, products = False, ()
        if asked:
            await adapters.inventory.save_products(record.name, products)
        else:
            products = await adapters.sellers.catalogue(record.name)
    return Answer("product.list", [views.product(it) for it in products], views.PRODUCT, changed=asked)
