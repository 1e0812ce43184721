"""webhook: the secret of a receiver, and sending again what it missed."""

from __future__ import annotations

import click

from . import context, options, output


@click.group()
def webhook() -> None:
    """Show the secret of an owner's webhooks, or send webhooks again."""


@webhook.command(short_help="Print the secret with which OWNER verifies its webhooks.")
@click.argument("owner")
def secret(owner: str) -> None:
    """Print the secret with which OWNER, a name in API_TOKENS, verifies its webhooks.

    With several SECRET_KEY there is one for each, newest first; all of them sign.
    """
    services = context.services()
    if owner not in (known := {token.owner for token in services.settings.api_tokens.values()}):
        output.note(f"API_TOKENS has no name {owner}. It has: {', '.join(sorted(known)) or 'none'}.")
    for each in services.webhooks.secrets(owner):
        output.say(each)


@webhook.command(short_help="Send the webhooks of exports again.")
@click.argument("export_ids", nargs=-1, metavar="[ID]...")
@click.option("--given-up", is_flag=True, help="Every export with a webhook that was given up.")
@options.machine
def replay(export_ids: tuple[str, ...], given_up: bool, machine: bool) -> None:
    """Send the webhooks of exports again, in order and with the same ids.

    \b
    JSON, for each export: the export as GET /v1/exports/ID shows it.
    """
    from ..errors import InvalidRequest
    from ..exports.export import Channel
    from ..exports.notices import standing
    from ..scaler.quotes import represent
    from ..tasks.again import replay_webhooks

    if bool(export_ids) == given_up:
        raise InvalidRequest("Give ids of exports, or --given-up.", field="export_ids")
    services = context.services()
    found = export_ids or tuple(
        export.id
        for export in services.exports.all()
        if any(n.channel is Channel.WEBHOOK and standing(n) == "given up" for n in export.notices)
    )
    for export_id in found:
        export = replay_webhooks(services, export_id)
        if machine:
            output.answer(represent(services, export))
        else:
            output.say(f"{export.id}: its webhooks are sent again.")
    output.note(f"{output.counted(len(found), 'export')}. The keeper that leads sends them.")


commands = {"webhook": webhook}
