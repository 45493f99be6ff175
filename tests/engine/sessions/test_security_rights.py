"""What each method of Security needs, written down a second time: who loosens one has to do it here too."""

from __future__ import annotations

from sojourn.engine.security.methods import NEEDS

#: ``own``: not for what an account asks about itself; ``over``: with all that the account has; ``fresh``: a login of the
#: last minutes.
RIGHTS = """
authenticate_auth_token: anyone
authenticate_user: anyone
authorize_token: logged-in fresh
change_password: self fresh
create_group: security.manageUsers
create_user: security.manageUsers
delete_group: security.manageUsers
delete_user: security.manageUsers over
encrypt_secret: logged-in
find_user: security.viewUsers
get_auth_policy: security.viewUsers own
get_auth_policy_class: security.viewUsers own
get_user_account_type: security.viewUsers own
get_user_and_groups_keys: security.viewUsers own
get_user_scopes: security.viewUsers own
get_user_status: security.viewUsers own
grant_scope: security.managePermissions
is_administrator: security.viewUsers own
is_developer: security.viewUsers own
restore_auth_token: anyone
revoke_auth_token: anyone
revoke_auth_token_by_key: logged-in fresh
revoke_scope: security.managePermissions
set_password: security.changeUserPassword own over fresh
set_user_account_type: security.manageUsers over
set_user_status: security.manageUsers over
update_auth_token: logged-in fresh
user_has_scope: security.viewUsers own
user_signature_is_valid: security.viewUsers own
"""


def test_each_method_needs_what_it_is_meant_to_need() -> None:
    wanted = {}
    for line in RIGHTS.strip().splitlines():
        name, _, rest = line.partition(": ")
        right, *marks = rest.split()
        wanted[name] = (right, *("own" in marks, "over" in marks, "fresh" in marks))
    assert {name: (need.right, need.own, need.over, need.fresh) for name, need in NEEDS.items()} == wanted
