"""Which groups and roles an account reaches, as one recursive statement. UNION makes a circle harmless.

A membership that names nothing alive of the same directory is skipped, wherever it comes from: bad data never stops a
login. A role is followed by nothing, and everyone by its roles only.
"""

from __future__ import annotations

from sqlalchemy import Select, and_, bindparam, or_, select

from sojourn.engine.accounts.directory import EVERYONE
from sojourn.engine.database import schema

_member, _group, _user = schema.membership, schema.user_group, schema.account


def reach_of_account() -> Select[int]:
    """Keys of the groups and roles of the account ``:of``, everyone among them."""
    directory = select(_user.c.directory).where(_user.c.key == bindparam("of")).scalar_subquery()
    put = select(_member.c.user_group).where(_member.c.account == bindparam("of"))
    inside = or_(_group.c.kind == EVERYONE, _group.c.key.in_(put))
    start = select(_group.c.key, _group.c.kind, _group.c.directory)
    return _over(start.where(_group.c.live_name.is_not(None), _group.c.directory == directory, inside))


def reach_of_group() -> Select[int]:
    """Keys of the group or role ``:of`` itself and of what it is in."""
    start = select(_group.c.key, _group.c.kind, _group.c.directory)
    return _over(start.where(_group.c.key == bindparam("of"), _group.c.live_name.is_not(None)))


def _over(start: Select[int, str, str]) -> Select[int]:
    reach = start.cte("reach", recursive=True)
    above = _group.alias("above")
    allowed = or_(reach.c.kind == "group", and_(reach.c.kind == EVERYONE, above.c.kind == "role"))
    following = (
        select(above.c.key, above.c.kind, above.c.directory)
        .select_from(reach)
        .join(_member, _member.c.member_group == reach.c.key)
        .join(above, above.c.key == _member.c.user_group)
        .where(above.c.live_name.is_not(None), above.c.directory == reach.c.directory, allowed)
    )
    return select(reach.union(following).c.key)
