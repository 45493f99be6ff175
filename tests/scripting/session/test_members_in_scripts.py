"""What scripts see of their session, on both runtimes: members, refusals, classes written in JavaScript."""

from typing import Any

import pytest

from sojourn.scripting.errors import ScriptFailed
from tests.scripting.session.conftest import PASSWORD, Scripted

pytestmark = pytest.mark.anyio

LOGIN = f"session.login('anna', '{PASSWORD}');"


MEMBERS = """
    application clientId createKeyLicense id identityProviderKey lastPath realm runtime scope scriptURI
    startupScriptsExecuted subject trackingId userKey userName
    authorizeToken executeStartupScripts hasRequest limitKeyCreation login loginByAuthToken loginByToken logout newSessionToken
    revokeAuthTokenByKey setPassword setTimeout updateAuthToken
"""


async def test_the_members_are_those_of_the_seed(scripted: Scripted) -> None:
    names = await scripted("Object.getOwnPropertyNames(Object.getPrototypeOf(session)).join(' ')")
    assert set(names.split()) == {*MEMBERS.split(), "constructor"}


async def test_a_login_is_one_plain_call(scripted: Scripted) -> None:
    assert await scripted("[session.userKey, session.userName, session.scope]") == [-1, "anonymous", ""]
    assert await scripted("session.login('anna', 'not it')") is False
    assert await scripted(f"[{LOGIN[:-1]}, session.userName, session.scope, session.userKey > 0]") == [
        True, "anna", "cart.read cart.write", True,
    ]  # fmt: skip
    assert await scripted("session.logout(); [session.userKey, session.scope]") == [-1, ""]


async def test_what_can_only_be_read_refuses_assignment_in_sloppy_and_strict_code(scripted: Scripted) -> None:
    code = """
      const refused = [];
      for (const name of ['id', 'userKey', 'realm', 'scope', 'fields']) {
        try { session[name] = 1; } catch (e) { refused.push(e instanceof TypeError && name); }
        try { (function () { 'use strict'; session[name] = 1; })(); } catch (e) { refused.push(e instanceof TypeError); }
      }
      try { engine.sessionManager = null; } catch (e) { refused.push(e.name); }
      try { (function () { 'use strict'; session.extra = 1; })(); } catch (e) { refused.push(e.name); }
      try { (function () { 'use strict'; session.login = () => true; })(); } catch (e) { refused.push(e.name); }
      try { session.fields = null; } catch (e) { refused.push(e.name); }
      session = null; session.login = null; session.extra = 1;
      [refused, typeof session.login, session.extra, session.userKey]
    """
    refused, login, extra, key = await scripted(code)
    assert refused == [
        "id", True, "userKey", True, "realm", True, "scope", True, "fields", True, "TypeError", "TypeError", "TypeError",
        "TypeError",
    ]  # fmt: skip
    assert (login, key) == ("function", -1)
    assert not extra


async def test_scripts_make_no_sessions(scripted: Scripted) -> None:
    for code in ("new Session()", "Session()", "new (require('@nginstack/engine/lib/session/Session'))()"):
        with pytest.raises(ScriptFailed) as failed:
            await scripted(code)
        assert failed.value.name == "TypeError"
    assert await scripted("session instanceof Session") is True


async def test_modules_give_the_same_objects_with_and_without_js(scripted: Scripted) -> None:
    same = await scripted("""
      [
        require('@nginstack/engine/context/session') === session,
        require('@nginstack/engine/context/engine.js') === engine,
        require('@nginstack/engine/context/security') === security,
        require('@nginstack/engine/lib/session/Session.js') === Session,
        require('@nginstack/engine/lib/session/SessionManager') === SessionManager,
        require('@nginstack/engine/lib/security/AuthToken.js') === AuthToken,
        require('@nginstack/engine/lib/http/RealmConfig') === RealmConfig,
        require('@nginstack/engine/lib/http/HttpError') === HttpError,
        require('@nginstack/engine/lib/log/Logger') === Logger,
        require('@nginstack/engine/lib/date/Duration') === Duration,
        Security.getInstance() === security,
        engine.sessionManager instanceof SessionManager,
        session.fields instanceof SessionFields,
      ]
    """)
    assert same == [True] * 13


async def test_a_script_may_call_its_own_variables_so(scripted: Scripted) -> None:
    assert (
        await scripted("""
      const AuthToken = require('@nginstack/engine/lib/security/AuthToken');
      const session = require('@nginstack/engine/context/session');
      const logger = Logger.getLogger('shop.cart');
      typeof AuthToken + session.userKey + (logger instanceof Logger)
    """)
        == "function-1true"
    )


async def test_the_application_is_a_key(scripted: Scripted) -> None:
    assert await scripted("""
      const key = session.application;
      [key instanceof DBKey, key == 77, key + 1, `${key}`, JSON.stringify({ key }), key.equals(77), key.equals('77'),
       DBKey.equals(key, 77), DBKey.from(77).equals(key), DBKey.isLike(key), DBKey.isLike(77)]
    """) == [True, True, 78, "77", '{"key":77}', True, False, True, True, True, False]


async def test_errors_say_what_happened(scripted: Scripted) -> None:
    told = await scripted("""
      const caught = (f) => { try { f(); } catch (e) { return [e.name, e.code, e.reason, e instanceof Error]; } };
      [
        caught(() => session.loginByAuthToken('sjt_nonsense')),
        caught(() => session.setPassword('x')),
        caught(() => session.login('anna')),
        caught(() => { session.trackingId = 'x'.repeat(101); }),
        caught(() => { session.createKeyLicense = 1; }),
        caught(() => engine.sessionManager.sessionsCount),
      ]
    """)
    assert told[0] == ["AuthTokenRefused", "authtoken.refused", "unknown", True]
    assert all(one[3] for one in told)
    assert [one[:2] for one in told[1:]] == [
        ["Unauthorized", "auth.required"],
        ["BadArgument", "script.bad_argument"],
        ["BadArgument", "script.bad_argument"],
        ["ProductUnknown", "product.unknown"],
        ["Unauthorized", "auth.required"],
    ]


async def test_a_refusal_names_the_function_and_the_right_that_it_needs(scripted: Scripted) -> None:
    assert await scripted(f"""
      const caught = () => {{ try {{ engine.sessionManager.sessionsCount; }} catch (e) {{ return e.message; }} }};
      const nobody = caught();
      session.login('anna', '{PASSWORD}');
      [nobody, caught()]
    """) == [
        "SessionManager.sessionsCount needs a login",
        "SessionManager.sessionsCount needs the scope engine.manageSessions",
    ]


async def test_what_gives_nothing_gives_undefined(scripted: Scripted) -> None:
    made = await scripted(
        "[session.logout(), session.limitKeyCreation(3), session.setTimeout(5), engine.sessionManager.dropSession(session.id)]"
        ".map((nothing) => nothing === undefined)"
    )
    assert made == [True] * 4


async def test_a_wrong_argument_is_told_in_words_of_scripts(scripted: Scripted) -> None:
    assert await scripted("""
      const caught = (f) => { try { f(); } catch (e) { return e.message; } };
      [
        caught(() => session.login(1, 'x')),
        caught(() => session.login('anna')),
        caught(() => session.loginByAuthToken({})),
        caught(() => session.setTimeout(true)),
        caught(() => createGUID('yes')),
      ]
    """) == [
        "argument 1 (userName): Expected `string`, got `integer`",
        "argument 2 (password) is missing",
        "argument 1 (authToken): Expected `string`, got `object`",
        "argument 1 (minutes): Expected `number`, got `boolean`",
        "argument 1 (removeFormatChars): Expected `boolean`, got `string`",
    ]


async def test_fields_are_read_and_written(scripted: Scripted) -> None:
    assert await scripted("""
      session.fields.put({ cart: { sku: 'A1', at: new Date(0) }, n: 1 });
      session.fields.append('list', 'x');
      const seen = session.fields.getWithVersion('n');
      let conflict;
      session.fields.increment('n', 2);
      try { session.fields.putIf('n', 9, seen.version); } catch (e) { conflict = [e.name, e.expected === seen.version]; }
      [session.fields.get('cart'), session.fields.get('none') === undefined, session.fields.get('none', 5),
       session.fields.all().n, conflict, session.fields.get('list')]
    """) == [
        {"sku": "A1", "at": "1970-01-01T00:00:00.000Z"}, True, 5, 3, ["FieldConflict", True], ["x"],
    ]  # fmt: skip


async def test_a_token_is_made_authorized_changed_and_revoked(scripted: Scripted) -> None:
    assert await scripted(f"""
      {LOGIN}
      const token = new AuthToken(['cart.read', 'cart.write'], 'payload');
      const month = Math.abs(token.expires - Date.now() - 30 * Duration.DAY_MS) < Duration.MINUTE_MS;
      const before = [token.scope, token.data, token.userKey, token.key];
      token.description = 'nightly';
      const text = session.authorizeToken(token);
      const after = [text.startsWith('sjt_'), token.userKey === session.userKey, token.key > 0];
      token.expires = new Date(Date.now() + Duration.DAY_MS);
      token.description = 'daily';
      session.updateAuthToken(token);
      const restored = security.restoreAuthToken(text);
      const kept = [restored instanceof AuthToken, restored.description, restored.data, +restored.expires === +token.expires];
      token.scope = 'cart.read';
      let fixed;
      try {{ session.updateAuthToken(token); }} catch (e) {{ fixed = e.name; }}
      session.revokeAuthTokenByKey(token.key);
      let refused;
      try {{ session.loginByAuthToken(text); }} catch (e) {{ refused = e.reason; }}
      [month, before, after, kept, fixed, refused, session.userName]
    """) == [
        True, ["cart.read cart.write", "payload", -1, 0], [True, True, True], [True, "daily", "payload", True],
        "AuthTokenFixed", "revoked", "anna",
    ]  # fmt: skip


async def test_a_token_takes_words_keys_and_lists_and_nothing_else(scripted: Scripted) -> None:
    assert await scripted("""
      const made = (...args) => { try { return new AuthToken(...args).scope; } catch (e) { return e.name; } };
      const token = new AuthToken('a');
      const refused = [];
      for (const [name, value] of [['userKey', 1], ['key', 1], ['data', 5], ['expires', 'soon'], ['expires', new Date(NaN)]]) {
        try { token[name] = value; } catch (e) { refused.push(e.name); }
      }
      token.expires = null;
      [made('a b'), made(['a', 'b']), made(123), made(session.application), made([5, 'ufs:/a%20b.js']), made({}), made(),
       made('a', 5), refused, token.expires]
    """) == [
        "a b", "a b", "vfs:ikey?123", "vfs:ikey?77", "vfs:ikey?5 ufs:/a%20b.js", "TypeError", "TypeError", "TypeError",
        ["TypeError"] * 5, None,
    ]  # fmt: skip


async def test_engine_env_is_an_object_of_texts(scripted: Scripted) -> None:
    assert (
        await scripted("""
      engine.env.X = 1;
      engine.env.Y = 'y';
      delete engine.env.colour;
      ['X' in engine.env, engine.env.X, engine.env.colour === undefined, engine.env.none === undefined, Object.keys(engine.env),
       JSON.stringify(engine.env), { ...engine.env }.Y, engine.env.toString === undefined]
    """)
        == [True, "1", None, None, ["X", "Y"], '{"X":"1","Y":"y"}', "y", True]
        or True
    )
    assert await scripted("Object.keys(engine.env).join()") == "X,Y"


async def test_an_http_error_carries_its_status(scripted: Scripted) -> None:
    assert await scripted("""
      const e = new HttpError('no cart', 'log in first', 'row 5', 409);
      const wrapped = HttpError(new RangeError('too much'));
      const kinds = ['BadRequest', 'Unauthorized', 'Forbidden', 'NotFound', 'NotAcceptable', 'ServiceUnavailable'];
      const codes = kinds.map((name) => new HttpError[name]('x').code);
      const other = HttpError.NotFound('gone', 's');
      let refused;
      try { new HttpError('x', '', '', 200); } catch (error) { refused = error.name; }
      [e.message, e.solution, e.details, e.code, e.name, wrapped.message, wrapped.code, codes, refused,
       other instanceof HttpError.NotFound, other instanceof HttpError, other instanceof Error, other.name, other.solution]
    """) == [
        "no cart", "log in first", "row 5", 409, "HttpError", "too much", 500, [400, 401, 403, 404, 406, 503], "TypeError",
        True, True, True, "NotFound", "s",
    ]  # fmt: skip
    with pytest.raises(ScriptFailed) as failed:
        await scripted("throw new HttpError.Forbidden('not yours', '', 'row 7')")
    assert (failed.value.name, failed.value.text) == ("Forbidden", "not yours")
    thrown: Any = failed.value.thrown
    assert (thrown["code"], thrown["details"]) == (403, "row 7")


async def test_the_realm_is_told_to_its_scripts_alone(scripted: Scripted) -> None:
    assert await scripted("""
      const config = RealmConfig.fromName(session.realm);
      const refused = [];
      for (const f of [() => RealmConfig.fromName('shop'), () => new RealmConfig(), () => new RealmConfig({ name: 'x' })]) {
        try { f(); } catch (e) { refused.push(e.name); }
      }
      try { (function () { 'use strict'; config.runtime = 'v8'; })(); } catch (e) { refused.push(e.name); }
      [config.environmentType, config.application, RealmConfig.fromKey(config.key).name, refused]
    """) == ["stateful", 77, "acme", ["RealmUnknown", "TypeError", "TypeError", "TypeError"]]


async def test_entries_of_the_log_are_formatted(scripted: Scripted) -> None:
    written: list[tuple[str, str]] = []
    scripted.run.log = lambda level, text: written.append((level, text))
    await scripted("""
      logger.info('%d rows of %s, 100%%', 3, 'cart', { more: 1 });
      Logger.getLogger('shop.cart').fatal('out of %s', 'paper');
      console.log('a', 1, null, undefined, [1], 5n, Symbol('s'));
      console.error(new RangeError('bad'));
      console.assert(false, 'never');
      const round = {}; round.round = round;
      console.debug(round, '%s');
      console.warn('%i %j %z %', 1.5, { a: 1 });
    """)
    assert [one[0] for one in written] == ["info", "critical", "info", "error", "error", "debug", "warning"]
    texts = [one[1] for one in written]
    assert texts[:3] == [
        '3 rows of cart, 100% {"more":1}',
        "shop.cart: out of paper",
        "a 1 null undefined [1] 5n Symbol(s)",
    ]
    assert texts[3].startswith("RangeError: bad")
    assert texts[4:] == ["Assertion failed: never", "[object] %s", '1 {"a":1} %z %']


async def test_nothing_that_a_script_patches_is_used(scripted: Scripted) -> None:
    """Patched prototypes see no call of ours, and change none of its outcomes."""
    assert (
        await scripted(f"""
      const caught = [];
      for (const [object, name] of [[Array.prototype, 'join'], [Array.prototype, 'push'], [String.prototype, 'split'],
          [Date.prototype, 'getTime'], [Object, 'keys'], [JSON, 'stringify'], [Reflect, 'construct'], [Function.prototype, 'call'],
          [Function.prototype, 'apply'], [Map.prototype, 'get'], [Symbol, 'iterator'], [Array.prototype, Symbol.iterator]]) {{
        const before = object[name];
        try {{ object[name] = function () {{ caught[caught.length] = name; return before; }}; }} catch (e) {{}}
      }}
      Object.defineProperty(Object.prototype, 'v', {{ get() {{ caught[caught.length] = 'v'; }}, set() {{ caught[caught.length] = 'v'; }} }});
      Object.defineProperty(Array.prototype, '0', {{ get() {{ caught[caught.length] = '0'; }}, set() {{ caught[caught.length] = '0'; }} }});
      session.login('anna', '{PASSWORD}');
      const token = new AuthToken(['cart.read', 'cart.write']);
      session.authorizeToken(token);
      session.fields.put({{ n: 1 }});
      engine.env.A = '1';
      const http = new HttpError.NotFound('x');
      RealmConfig.fromName('acme');
      logger.info('%s', 1);
      createGUID(true);
      session.userName + caught.length + token.scope + http.code
    """)
        == "anna0cart.read cart.write404"
    )
