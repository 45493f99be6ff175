"""The global ``request``: what a script sees of the HTTP request that it serves."""

from __future__ import annotations

from sojourn.core.errors import BadRequest
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import HostClass, exposed, get, method, put
from sojourn.scripting.exchange import Exchange, ScriptRequest, under_way
from sojourn.scripting.values import Value

_XML_TYPES = ("text/xml", "application/xml")
_MOST_TIMEOUT = 3_600_000


@exposed("Request", "lib/http/Request", "context/request", instance="request")
class RequestClass(HostClass):
    """The HTTP request that is being served.

    The global exists everywhere; where no request is served (`session.hasRequest()` is false), each of its members
    throws `NoRequest`. What was a credential is not in it: neither the session's cookie or id, nor API keys, nor the
    `Authorization` that the route has consumed, nor any other cookie of the engine.
    """

    @get("content: string", ANYONE)
    def content(self) -> str:
        """The body as text, by the `charset` of its content type, else UTF-8.

        Throws `ContentTooLarge` above 20 MB, and `ContentConsumed` once `read` was used.
        """
        return self._exchange.content()

    @get("contentLength: number", ANYONE)
    def content_length(self) -> int:
        """Length of the body in bytes."""
        return len(self._request.body)

    @get("body: RequestBody", ANYONE)
    def body(self) -> None:
        """The body as text, or as the value of its JSON: `asText()`, `asJson()`."""
        _ = self._exchange

    @get("contentType: string", ANYONE)
    def content_type(self) -> str:
        """The header `Content-Type`, empty without one."""
        return self._request.content_type

    @get("xml: string", ANYONE)
    def xml(self) -> str:
        """The body as text where its content type is XML, else empty."""
        kind = self._request.content_type.partition(";")[0].strip().lower()
        return self._exchange.content() if kind in _XML_TYPES or kind.endswith("+xml") else ""

    @get("localAddress: string", ANYONE)
    def local_address(self) -> str:
        """IP address at which the request arrived."""
        return self._request.local.address

    @get("localHost: string", ANYONE)
    def local_host(self) -> str:
        """Host name that the client asked for, without port."""
        return _without_port(self._request.host)

    @get("localPort: number", ANYONE)
    def local_port(self) -> int:
        """Port at which the request arrived."""
        return self._request.local.port

    @get("remoteAddress: string", ANYONE)
    def remote_address(self) -> str:
        """IP address of the client; behind a proxy that `trustedProxies` lists, the one that it names."""
        return self._request.remote.address

    @get("remoteHost: string", ANYONE)
    def remote_host(self) -> str:
        """The same as `remoteAddress`: names of clients are not looked up."""
        return self._request.remote.address

    @get("remotePort: number", ANYONE)
    def remote_port(self) -> int:
        """Port of the other end of the connection."""
        return self._request.remote.port

    @get("host: string", ANYONE)
    def host(self) -> str:
        """The header `Host`, in lower case, without the port that the scheme has anyway."""
        return self._request.host

    @get("method: string", ANYONE)
    def method_name(self) -> str:
        """`GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`."""
        return self._request.method

    @get("methodType: string", ANYONE, deprecated="use `method`")
    def method_type(self) -> str:
        """The old name of `method`."""
        return self._request.method

    @get("acceptLanguage: string", ANYONE)
    def accept_language(self) -> str:
        """The header `Accept-Language`, empty without one."""
        return self._header("accept-language")

    @get("path: string", ANYONE)
    def path(self) -> str:
        """Path of the URL, percent-decoded."""
        return self._request.path

    @get("pathParams: {[name: string]: any}", ANYONE)
    def path_params(self) -> dict[str, Value]:
        """What the parameters of the route's path stand for, converted to the types that it names. Ours."""
        return dict(self._request.path_params)

    @get("referer: string", ANYONE)
    def referer(self) -> str:
        """The header `Referer`, empty without one."""
        return self._header("referer")

    @get("userAgent: string", ANYONE)
    def user_agent(self) -> str:
        """The header `User-Agent`, empty without one."""
        return self._header("user-agent")

    @get("httpMessage: string", ANYONE)
    def http_message(self) -> str:
        """The whole request as text: its first line, its headers, its content."""
        self._exchange.content()
        return self._request.message

    @get("params: {[name: string]: string}", ANYONE)
    def params(self) -> dict[str, str]:
        """Parameters of the query string: names in lower case, the last value of each."""
        return dict(self._request.parameters)

    @get("form: {[name: string]: string}", ANYONE)
    async def form(self) -> dict[str, str]:
        """Fields of a form in the body (`application/x-www-form-urlencoded`, `multipart/form-data`), named as in `params`;
        else empty. Ours.

        Throws `BadForm` where the parts of a form are none, which the client is told with 400.
        """
        return dict((await self._exchange.form()).fields)

    @get("files: ReadonlyArray<RequestFile>", ANYONE)
    async def files(self) -> list[Value]:
        """Files of a form of type `multipart/form-data`, in their order, at most 1,000 with the fields; else empty. Ours.

        Throws `BadForm` as `form` does. How large all of them may be is the route's `maxRequestSize`.
        """
        return [
            {"name": one.name, "fileName": one.file_name, "contentType": one.content_type, "size": len(one.content)}
            for one in (await self._exchange.form()).files
        ]

    @get("headers: {[name: string]: string}", ANYONE)
    def headers(self) -> dict[str, str]:
        """The headers: names in lower case, several of one name joined with commas."""
        return dict(self._request.headers)

    @get("parameterCount: number", ANYONE)
    def parameter_count(self) -> int:
        """How many parameters the query string has."""
        return len(self._request.parameters)

    @get("cookieCount: number", ANYONE)
    def cookie_count(self) -> int:
        """How many cookies the client sent, those of the engine not counted."""
        return len(self._request.cookies)

    @get("readTimeout: number", ANYONE)
    def read_timeout(self) -> int:
        """Milliseconds to wait for content in `read`. All of it has arrived before the script begins."""
        return self._exchange.read_timeout

    @put("readTimeout", ANYONE)
    def put_read_timeout(self, milliseconds: int) -> None:
        """Change it: 0 to an hour."""
        if not 0 <= milliseconds <= _MOST_TIMEOUT:
            raise BadRequest("readTimeout is 0 to 3600000 ms")
        self._exchange.read_timeout = milliseconds

    @method("param(name: string, defaultValue?: any): any", ANYONE)
    def param(self, name: str, default: Value = None) -> Value:
        """A parameter of the query string by its name in any case; `defaultValue`, else `null`, without one."""
        return self._request.parameters.get(name.lower(), default)

    @method("getParameter(indexOrName: number | string): string", ANYONE, deprecated="use `param` or `params`")
    def get_parameter(self, which: int | str) -> str:
        """A parameter by its name, or by its place from 0; empty without one."""
        if isinstance(which, str):
            return self._request.parameters.get(which.lower(), "")
        return _at(list(self._request.parameters.values()), which)

    @method("getParameterName(index: number): string", ANYONE)
    def get_parameter_name(self, index: int) -> str:
        """Name of the parameter at a place from 0; empty without one."""
        return _at(list(self._request.parameters), index)

    @method("getCookie(indexOrName: number | string): string", ANYONE)
    def get_cookie(self, which: int | str) -> str:
        """Value of a cookie by its name, or by its place from 0; empty without one."""
        cookies = self._request.cookies
        if isinstance(which, str):
            return next((value for name, value in cookies if name == which), "")
        return _at([value for _, value in cookies], which)

    @method("getCookieName(index: number): string", ANYONE)
    def get_cookie_name(self, index: int) -> str:
        """Name of the cookie at a place from 0; empty without one."""
        return _at([name for name, _ in self._request.cookies], index)

    @method("getHeader(name: string): string", ANYONE)
    def get_header(self, name: str) -> str:
        """A header by its name in any case; empty without one."""
        return self._header(name.lower())

    @method("read(size: number): string", ANYONE)
    def read(self, size: int) -> str:
        """Text of the next `size` bytes of the body, at most 1 MB; empty at its end.

        Throws `ReadTooLarge` above that. After it `content` is no longer there.
        """
        return self._exchange.reader.read(size)

    @method("bytes(): ArrayBuffer", ANYONE)
    def octets(self) -> bytes:
        """The body, byte for byte. Ours."""
        self._exchange.content()
        return self._request.body

    @get("saveToStream: (stream: {write(bytes: Uint8Array): any}) => void", ANYONE)
    def save_to_stream(self) -> None:
        """Hands the body, byte for byte, to the `write` of an object."""
        _ = self._exchange

    @method("isHttps(trustProxy?: boolean): boolean", ANYONE)
    def is_https(self, trust_proxy: bool = True) -> bool:  # noqa: FBT001, FBT002 - the seed's signature
        """Whether the client came by HTTPS.

        `trustProxy` (the default) believes a proxy that `trustedProxies` lists, and no other; `false` asks for the
        connection to this server only.
        """
        return self._request.https if trust_proxy else self._request.https_here

    @property
    def _exchange(self) -> Exchange:
        return under_way(self.run.exchange)

    @property
    def _request(self) -> ScriptRequest:
        return self._exchange.request

    def _header(self, name: str) -> str:
        return self._request.headers.get(name, "")


def _at(values: list[str], index: int) -> str:
    return values[index] if 0 <= index < len(values) else ""


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
