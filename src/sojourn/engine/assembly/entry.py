"""Who may come in with a password."""

from __future__ import annotations

from dataclasses import dataclass

from sojourn.engine.accounts.users import Users
from sojourn.engine.assembly.ending import Ending
from sojourn.engine.assembly.ground import Ground
from sojourn.engine.passwords.credentials import Credentials
from sojourn.engine.passwords.mailing import Mailer
from sojourn.engine.passwords.notices import Notices
from sojourn.engine.passwords.passwords import Passwords
from sojourn.engine.passwords.records import PasswordRecords
from sojourn.engine.passwords.reset import PasswordResets
from sojourn.engine.passwords.throttling import Throttling
from sojourn.engine.security.actors import Actors
from sojourn.engine.sessions import Sessions
from sojourn.outbound.mail import mail_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who may come in with a password."""

    users: Users
    throttling: Throttling
    credentials: Credentials
    passwords: Passwords
    mailer: Mailer
    notices: Notices


def assemble_entry(ground: Ground, ending: Ending, actors: Actors, sessions: Sessions) -> Entry:
    """Accounts, passwords, throttles and the mails about them."""
    db, log, facts, time = ground.db, ground.audit, ground.facts, ground.time
    records = PasswordRecords(db, ground.accounts, ground.hasher, log, time, realms=ground.realms, ends=ending.ends)
    throttling = Throttling(ground.store, db, ground.seals, time)
    settings = ground.settings
    mailer = Mailer(lambda: mail_port(settings.mail, settings.project, time), log)
    notices = Notices(mailer, settings.server.public_url, time)
    users = Users(db, ground.accounts, records, log, time, ends=ending.ends, notices=notices)
    resets = PasswordResets(
        records=records,
        throttling=throttling,
        store=ground.store,
        seals=ground.seals,
        mailer=mailer,
        notices=notices,
        actors=actors,
        db=db,
        audit=log,
        clock=time,
    )
    return Entry(
        users=users,
        throttling=throttling,
        mailer=mailer,
        notices=notices,
        credentials=Credentials(
            records=records,
            users=users,
            throttling=throttling,
            facts=facts,
            notices=notices,
            db=db,
            audit=log,
            clock=time,
        ),
        passwords=Passwords(
            records=records,
            throttling=throttling,
            actors=actors,
            sessions=sessions,
            realms=ground.realms,
            resets=resets,
            notices=notices,
            db=db,
            audit=log,
            clock=time,
        ),
    )
