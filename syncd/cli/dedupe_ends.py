"""``dedupe withdraw``, ``accept`` and ``undo-info``: a person's word on merges that were planned, sent or done.

Sends nothing to Flowtly but reads.
"""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.answering import LAST_NUMBER, usage, who
from syncd.cli.common import ConfigOption, Exit, JsonOption, interruptible, opened, out, print_json
from syncd.cli.dedupe_merge import merge_of
from syncd.cli.dedupe_plan import show_undo, undo_json
from syncd.engine.dedupe import merging, proposing
from syncd.ports.merges import Merge, MergeState
from syncd.wiring import App
from syncd.wiring_dedupe import desk

CaseArgument = Annotated[int, typer.Argument(min=1, max=LAST_NUMBER, metavar="CASE", help="The case of the merge.")]
ByOption = Annotated[str | None, typer.Option(help="Who says so; by default the user at the keyboard.")]


def register(group: typer.Typer) -> None:
    """Add these commands to the group ``dedupe``."""
    group.command("withdraw")(withdraw)
    group.command("accept")(accept)
    group.command("undo-info")(undo_info)


def withdraw(
    case: CaseArgument,
    config: ConfigOption = None,
    why: Annotated[str, typer.Option(help="Why; kept with the merge.")] = "taken back",
    by: ByOption = None,
) -> int:
    """Take back a merge that was not sent. Of an unclear one: you looked in Flowtly, and it was not merged.

    Example: syncd dedupe withdraw 12 --why "not merged, looked in Flowtly"
    """
    with opened(config, level="warning") as app:
        found = merge_of(app, case, (MergeState.PROPOSED, MergeState.APPROVED, MergeState.UNCLEAR))
        if not proposing.withdraw(desk(app, found.plan.directory), found.id, why, by or who()):
            raise usage(f"the merge of case {case} was sent meanwhile; it cannot be taken back")
    out.print(f"case {case}: its merge is taken back; the case itself stays as it is")
    return Exit.DONE


def accept(case: CaseArgument, config: ConfigOption = None, by: ByOption = None) -> int:
    """Of an unclear merge: you looked in Flowtly, and it was merged. The links follow the survivor.

    Refused while Flowtly still has the record that should be gone.

    Example: syncd dedupe accept 12
    """
    with opened(config, level="warning") as app, interruptible() as stop:
        found = merge_of(app, case, (MergeState.UNCLEAR,))
        merging.accept(desk(app, found.plan.directory), found.id, by or who(), stop)
    out.print(f"case {case}: merged; links follow {found.plan.survivor}")
    return Exit.DONE


def undo_info(case: CaseArgument, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """What both records were before a merge, and a list for repairing it by hand. Nothing can undo a merge.

    Example: syncd dedupe undo-info 12
    """
    with opened(config, level="warning") as app:
        found = merge_of(app, case)
        aliases = _aliases(app, found)
    if as_json:
        print_json(undo_json(found, aliases))
    else:
        show_undo(found, aliases)
    return Exit.DONE


def _aliases(app: App, merge: Merge) -> list[str]:
    """External records that were linked to the loser and stand beside the survivor's by now, as MAPPING:KEY."""
    links = merge.plan.snapshots[merge.plan.loser].get("links", {})
    return [
        f"{one.mapping}:{one.external_key}"
        for name in sorted(links)
        for one in app.store.aliases(name)
        if one.external_key == links[name]
    ]
